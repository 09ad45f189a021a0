"""Hostile predictions by kind: what each got, and what became of its neighbours.

    python benchmarks/hostile_predictions.py [--workers 2] [--timeout-s 1]

Every statement of ``tests/hostile.toml`` and ``tests/hostile.py`` is scored between two
honest predictions, through translation and sandbox; the honest verdicts are compared with
those of a run without hostile statements.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sql_ft.config import EvaluationConfig
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.rules import sandbox_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from hostile import Hostile, hostile_predictions, interleave


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timeout-s", type=float, default=1.0)
    options = parser.parse_args(arguments)
    config = EvaluationConfig(
        workers=options.workers, query_timeout_s=options.timeout_s, max_result_rows=1_000
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        canary = Path(folder, "canary.csv")
        canary.write_text("a\nthe canary sings\n")
        statements = hostile_predictions(str(canary), str(Path(folder, "out.csv")))
        evaluation_set, predictions, undisturbed = interleave(statements, sandbox_limits(config))
        began = time.perf_counter()
        clean = score_predictions(evaluation_set, undisturbed, config)
        clean_s = time.perf_counter() - began
        began = time.perf_counter()
        verdicts = {v.sample_id: v for v in score_predictions(evaluation_set, predictions, config)}
        seconds = time.perf_counter() - began
        touched = [p.name for p in Path(folder).iterdir()] != ["canary.csv"]
        touched |= canary.read_text() != "a\nthe canary sings\n"
        os.chdir("/")
    kinds: dict[str, list[tuple[Hostile, str]]] = collections.defaultdict(list)
    for number, statement in enumerate(statements):
        kinds[statement.kind].append((statement, verdicts[f"h{number}"].status))
    table = Table(title=f"{len(statements)} hostile predictions of {len(kinds)} kinds")
    for name in ("kind", "statements", "right status", "statuses"):
        table.add_column(
            name, justify="right" if name in ("statements", "right status") else "left"
        )
    right = 0
    for kind, found in kinds.items():
        good = sum(status in statement.statuses for statement, status in found)
        right += good
        counts = collections.Counter(status for _, status in found)
        table.add_row(
            kind,
            str(len(found)),
            str(good),
            ", ".join(f"{status} {n}" for status, n in counts.most_common()),
        )
    console = Console(width=110 if not sys.stdout.isatty() else None)
    console.print(table)
    honest = [v for v in clean if v.sample_id.startswith("k")]
    changed = sum(verdicts[v.sample_id] != v for v in honest)
    console.print(
        f"right status: {right} of {len(statements)}; honest verdicts changed: {changed} of "
        f"{len(honest)}; files touched: {'yes' if touched else 'none'}; {seconds:.1f} s with "
        f"them, {clean_s:.1f} s without ({options.workers} workers, time-out "
        f"{options.timeout_s:g} s)"
    )
    return int(right < len(statements) or changed > 0 or touched)


if __name__ == "__main__":
    sys.exit(main())
