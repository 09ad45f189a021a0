"""How well schema groups are inferred where the data has no `db_id`.

Rows with a known `db_id` are grouped without looking at it. For each rule: pairwise
precision and recall of "same group" against "same database" (over the rows that get a
group), the largest group, the rows left out, and what it is all for: after setting 20% of
the groups aside, the share of evaluation rows whose database also has a row in training.
Mean and maximum over seeds of the side hash. Halves are of the databases, by their hash.

    python benchmarks/schema_grouping.py --data-file rebuilt_spider_train.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sql_ft.data.ddl_names import table_names
from sql_ft.data.grouping import PLACEHOLDER_GROUP, assign_schema_groups
from sql_ft.data.local_files import read_file
from sql_ft.data.manifest import hash_side

Rule = Callable[[Sequence[str]], list[str]]


def group_by_text(contexts: Sequence[str]) -> list[str]:
    """Naive: the CREATE TABLE text is the schema."""
    return list(contexts)


def group_by_any_table(contexts: Sequence[str]) -> list[str]:
    """Naive: rows that share any table name, directly or through others, are one schema."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for context in contexts:
        first, *others = sorted(table_names(context)) or [context]
        for name in others:
            parent[find(name)] = find(first)
    return [find(min(table_names(c), default=c)) for c in contexts]


def _is_group(group: str) -> bool:
    # Rows with invented table names are no group: they train and never evaluate.
    return group not in ("", PLACEHOLDER_GROUP)


def pairwise(groups: Sequence[str], truth: Sequence[str]) -> tuple[float, float]:
    """Precision and recall over pairs of rows that have a group."""
    rows = [(g, t) for g, t in zip(groups, truth, strict=True) if _is_group(g)]

    def pairs(counts: Counter) -> int:
        return sum(n * (n - 1) // 2 for n in counts.values())

    both = pairs(Counter(rows))
    return (
        both / max(1, pairs(Counter(g for g, _ in rows))),
        both / max(1, pairs(Counter(t for _, t in rows))),
    )


def leakage(
    groups: Sequence[str], truth: Sequence[str], share: float, seed: int
) -> tuple[float, float]:
    """Share of evaluation rows whose database trains too, and the evaluation side's share."""
    sides = {g: hash_side(seed, "", g, share) for g in set(groups) if g}
    sides[PLACEHOLDER_GROUP] = "train"
    trained = {t for g, t in zip(groups, truth, strict=True) if g and sides[g] == "train"}
    held = [t for g, t in zip(groups, truth, strict=True) if g and sides[g] == "eval"]
    return sum(t in trained for t in held) / max(1, len(held)), len(held) / len(groups)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-file", type=Path, required=True)
    parser.add_argument("--context-column", default="context")
    parser.add_argument("--truth-column", default="db_id")
    parser.add_argument("--eval-share", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args(arguments)
    rows = read_file(options.data_file)
    everything = [(row[options.context_column], str(row[options.truth_column])) for row in rows]

    def half(parity: int) -> list[tuple[str, str]]:
        return [
            (c, t)
            for c, t in everything
            if int(hashlib.sha256(t.encode()).hexdigest(), 16) % 2 == parity
        ]

    table = Table(
        title=f"{options.data_file.name}: {len(rows)} rows, "
        f"{len({t for _, t in everything})} databases; {options.eval_share:.0%} of groups "
        f"held out, {options.seeds} seeds"
    )
    columns = (
        "rule", "rows", "groups", "largest", "left out", "train only", "precision", "recall",
        "leakage", "worst", "eval share", "seconds",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="left" if column == "rule" else "right")
    runs: list[tuple[str, Rule | None, list[tuple[str, str]]]] = [
        ("db_id itself", None, everything),
        ("same DDL text", group_by_text, everything),
        ("any shared table name", group_by_any_table, everything),
        ("this project", assign_schema_groups, everything),
        ("this project, half 0", assign_schema_groups, half(0)),
        ("this project, half 1", assign_schema_groups, half(1)),
    ]
    for name, rule, data in runs:
        contexts, truth = [c for c, _ in data], [t for _, t in data]
        started = time.perf_counter()
        groups = rule(contexts) if rule else truth
        seconds = time.perf_counter() - started
        precision, recall = pairwise(groups, truth)
        leaks = [leakage(groups, truth, options.eval_share, s) for s in range(options.seeds)]
        sizes = Counter(filter(_is_group, groups))
        table.add_row(
            name,
            str(len(data)),
            str(len(sizes)),
            f"{max(sizes.values()) / len(data):.3f}",
            f"{groups.count('') / len(data):.3f}",
            f"{groups.count(PLACEHOLDER_GROUP) / len(data):.3f}",
            f"{precision:.3f}",
            f"{recall:.3f}",
            f"{statistics.mean(leak for leak, _ in leaks):.3f}",
            f"{max(leak for leak, _ in leaks):.3f}",
            f"{min(s for _, s in leaks):.2f}-{max(s for _, s in leaks):.2f}",
            f"{seconds:.1f}",
        )
    Console(width=140 if not sys.stdout.isatty() else None).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
