"""Are verdicts the same, byte for byte, over runs and numbers of workers?

    python benchmarks/same_verdicts.py [--context-file ROWS.jsonl] [--pairs 400] [--runs 3]

The set is built anew and the answers are scored anew each time; what is compared is the
hash of the set and of the bytes of the file of verdicts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scoring_speed import make_predictions, perturb, unique

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.config import EvaluationConfig
from sql_ft.data.local_files import read_file
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.records import Sample, write_jsonl


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--context-file", type=Path, help="default: the bundled sample")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3, help="with two workers")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 8])
    options = parser.parse_args(arguments)
    if options.context_file:
        rows = read_file(options.context_file)
        rows = rows[:: max(1, len(rows) // options.pairs)]
    else:
        rows = list(generate_rows(n_rows=options.pairs))
    samples, texts = unique(
        [Sample("", r["question"], r["context"], r["answer"], "g") for r in rows],
        [perturb(r["answer"], i) for i, r in enumerate(rows)],
    )
    predictions = make_predictions(samples, texts)
    table = Table(title=f"{len(samples)} pairs")
    for name in ("run", "workers", "set", "verdicts", "seconds"):
        table.add_column(name, justify="right" if name in ("workers", "seconds") else "left")
    found = set()
    for number, workers in enumerate([2] * options.runs + options.workers):
        config = EvaluationConfig(workers=workers)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            built = build_evaluation_set(samples, config, Path(folder, "set"))
            verdicts = score_predictions(built, predictions, config)
            digest = write_jsonl(Path(folder, "verdicts.jsonl"), verdicts)
        found.add((built.hash, digest))
        seconds = f"{time.perf_counter() - began:.0f}"
        table.add_row(str(number + 1), str(workers), built.hash[:16], digest[:16], seconds)
    console = Console()
    console.print(table)
    console.print("the same" if len(found) == 1 else f"{len(found)} different outcomes")
    return int(len(found) > 1)


if __name__ == "__main__":
    sys.exit(main())
