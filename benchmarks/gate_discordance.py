"""How often two systems, or two retrains of one base, disagree about being right.

    python benchmarks/gate_discordance.py --official official_verdicts.csv \
        --runs STATE_A STATE_B

Discordance (share of questions on which exactly one side is right) and design effect of the
differences (clustered by database): of all pairs of systems in Spider's official verdicts,
and of the candidates found in the state folders of runs on one evaluation set.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sql_ft.evaluation.statistics import PairedDifference, paired_difference
from sql_ft.records import Outcome, Verdict, read_jsonl

Arm = dict[str, tuple[bool, str]]
"""Question → (right, cluster)."""


def read_official(path: Path, column: str) -> dict[str, Arm]:
    arms: dict[str, Arm] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            arms[f"{row['system']} ({column})"][row["idx"]] = (
                row[column] == "true",
                row["db_id"],
            )
    return dict(arms)


def read_runs(states: list[Path]) -> dict[str, Arm]:
    """One arm a state folder and set of answers; copies of the same answers count once."""
    arms: dict[str, Arm] = {}
    seen: set[str] = set()
    for state in states:
        for path in sorted((state / "verdicts").glob("*.jsonl")):
            verdicts = read_jsonl(path, Verdict)
            answers = json.dumps([v.predicted_sql for v in verdicts])
            if answers in seen:
                continue
            seen.add(answers)
            folder = state.parent.name or state.name
            name = f"{verdicts[0].arm} of {folder} ({path.stem[:4]})"
            arms[name] = {
                v.sample_id: (v.correct, v.schema_group)
                for v in verdicts
                if v.outcome != Outcome.EXCLUDED
            }
    return arms


def compare(first: Arm, second: Arm) -> PairedDifference | None:
    both = sorted(first.keys() & second.keys())
    if len(both) < 0.9 * max(len(first), len(second)):
        return None
    return paired_difference(
        [first[q][0] for q in both], [second[q][0] for q in both], [first[q][1] for q in both]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path)
    parser.add_argument("--runs", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    groups = [read_runs(arguments.runs)]
    if arguments.official:
        groups += [read_official(arguments.official, column) for column in ("ex", "ts")]
    table = Table("pair", "n", "clusters", "difference [95%]", "discordant", "design effect")
    for arms in groups:
        for (one, first), (two, second) in itertools.combinations(arms.items(), 2):
            found = compare(first, second)
            if found is None:
                continue
            effect = "–" if found.design_effect is None else f"{found.design_effect:.1f}"
            table.add_row(
                f"{one} → {two}", str(found.n), str(found.n_clusters),
                f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]",
                f"{found.discordant / found.n:.1%}", effect,
            )  # fmt: skip
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
