"""How many mutants of real golds the generated databases kill, by operator.

Beside it the same mutants on ONE RANDOM database: 20 rows a table, values of the column's
type, keys and foreign keys respected, nothing taken from the gold.

    python benchmarks/mutation_score.py --data-file FILE.jsonl[.gz] [--every 20] [--workers 2]
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import gzip
import json
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from sql_ft.errors import SchemaError, SqlTranslationError
from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.constraints import Row, constrain
from sql_ft.execution.databases import Database, DatabaseReport, build_report
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.equivalence import ARGUMENTS
from sql_ft.execution.mutants import OPERATORS, Mutant, generate_mutants
from sql_ft.execution.probe import Probe, SqliteProbe
from sql_ft.execution.schema import Schema, infer_types, parse_schema
from sql_ft.records import ExecutionResult, ExecutionStatus

RANDOM_ROWS = 20
_WORDS = ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "haven", "iris", "jade",
          "karst", "lotus", "maple", "north", "onyx", "pearl"]  # fmt: skip


@dataclasses.dataclass
class Score:
    """Mutants of one gold by name."""

    number: int
    gold: str
    report: DatabaseReport
    random_killed: list[str]
    random_survivors: list[str]
    refuted: list[str]
    build_s: float


def read_rows(path: Path) -> list[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def random_rows(schema: Schema, rng: Random) -> dict[str, list[Row]]:
    """Rows of the right types that hold every constraint; nothing is known of any query."""

    def value(kind: str) -> Any:
        if kind == "BIGINT":
            return rng.randint(0, 100)
        if kind == "DOUBLE":
            return round(rng.uniform(0, 100), 1)
        return rng.choice(_WORDS)

    def record(table: Any) -> dict[str, Any]:
        return {
            c.name: None if c.nullable and rng.random() < 0.05 else value(c.type)
            for c in table.columns
        }

    made = {t.name: [record(t) for _ in range(RANDOM_ROWS)] for t in schema.tables}
    return constrain(schema, made, record)


def score_mutants(
    number: int, gold: str, schema: Schema, report: DatabaseReport, tree: Any, build_s: float
) -> Score:
    """Run all mutants on one random database, and the excluded ones on the chosen ones."""
    mutants = generate_mutants(tree, schema)
    names = collections.Counter([*report.killed, *report.survivors])
    with SqliteProbe(schema) as probe:
        database = Database("random", random_rows(schema, Random(f"random {number}")))
        killed, survived = [], []
        for mutant, told in _told(probe, tree, mutants, [database]):
            if not mutant.equivalent and names[mutant.name]:
                (killed if told else survived).append(mutant.name)
        excluded = [m for m in mutants if m.equivalent]
        refuted = [
            f"{m.equivalent} {m.name}: {m.sql}"
            for m, told in _told(probe, tree, excluded, report.databases)
            if told and report.deterministic
        ]
    return Score(number, gold, report, killed, survived, refuted, build_s)


def _told(
    probe: Probe, tree: Any, mutants: Sequence[Mutant], databases: Sequence[Database]
) -> list[tuple[Mutant, bool]]:
    """Which mutants give another result than the gold on some database."""
    told = dict.fromkeys(range(len(mutants)), False)
    ordered, keys = is_ordered(tree), order_key_positions(tree)
    for database in databases:
        probe.load(database.rows)
        expected = probe.run(tree.sql("sqlite"))
        for number, mutant in enumerate(mutants):
            rows = probe.run(mutant.sql) if expected is not None and not told[number] else None
            if rows is not None and expected is not None and rows != expected:
                told[number] = not compare_results(
                    _result(expected),
                    _result(rows),
                    ordered=ordered,
                    rules=MatchRules(column_order="fixed"),
                    order_keys=keys,
                ).equal
    return [(m, told[i]) for i, m in enumerate(mutants)]


def _result(rows: Sequence[Row]) -> ExecutionResult:
    return ExecutionResult(ExecutionStatus.OK, ("",) * (len(rows[0]) if rows else 1), tuple(rows))


def prepare(task: tuple[int, dict[str, Any], int]) -> Score | str:
    """Score of one row, or why there is none."""
    number, row, count = task
    try:
        declared = parse_schema(row["context"])
        tree = parse_query(row["answer"], declared)
    except SchemaError:
        return "schema unreadable"
    except SqlTranslationError as error:
        return f"translation: {error.status}"
    schema = infer_types(declared, tree)
    started = time.process_time()
    report = build_report(schema, tree, row.get("question", ""), count=count)
    return score_mutants(number, row["answer"], schema, report, tree, time.process_time() - started)


def print_scores(scores: Sequence[Score], console: Console, show: int) -> None:
    """One table by operator; golds that are not told from all mutants, by reason."""
    counts = {name: collections.Counter[str]() for name in ("killed", "alive", "random", "proved")}
    classes: collections.Counter[str] = collections.Counter()
    reasons: dict[str, list[Score]] = collections.defaultdict(list)
    alive: dict[str, list[str]] = collections.defaultdict(list)
    scored = [s for s in scores if s.report.untold in ("", "survivors")]
    for score in scores:
        reasons[score.report.untold].append(score)
    for score in scored:
        counts["killed"].update(_operator(n) for n in score.report.killed)
        counts["alive"].update(_operator(n) for n in score.report.survivors)
        counts["random"].update(_operator(n) for n in score.random_killed)
        counts["proved"].update(_operator(n) for n, _ in score.report.equivalent)
        classes.update(c for _, c in score.report.equivalent)
        for name in score.report.survivors:
            alive[name].append(f"{score.number}: {score.gold}")
    table = Table(title=f"mutants of {len(scored)} golds")
    for column in ("operator", "mutants", "killed", "rate", "one random database", "proved equal"):
        table.add_column(column, justify="left" if column == "operator" else "right")
    for operator in (*OPERATORS, "all"):
        names = OPERATORS if operator == "all" else (operator,)
        killed, living, by_chance, proved = (
            sum(counts[key][n] for n in names) for key in ("killed", "alive", "random", "proved")
        )
        total = killed + living
        if total + proved == 0:
            continue
        rates = [f"{100 * k / total:.1f}%" if total else "" for k in (killed, by_chance)]
        table.add_row(operator, str(total), str(killed), *rates, str(proved))
    console.print(table)
    if classes:
        proofs = Table(title="excluded as equivalent, by proof")
        proofs.add_column("mutants", justify="right")
        proofs.add_column("argument")
        for name, number in classes.most_common():
            proofs.add_row(str(number), f"{name}: {ARGUMENTS[name]}")
        console.print(proofs)
    told = Table(title=f"{len(scores)} golds: told from their mutants?")
    told.add_column("golds", justify="right")
    told.add_column("reason")
    labels = {"": "from every mutant", "survivors": "not from some, without a proof"}
    for reason, found in sorted(reasons.items(), key=lambda item: -len(item[1])):
        told.add_row(str(len(found)), labels.get(reason, reason))
    console.print(told)
    for reason in ("nondeterministic", "unsatisfiable"):
        for score in reasons.get(reason, []):
            line = f"  {reason} {score.number}: {score.gold}"
            console.print(line, markup=False, emoji=False, soft_wrap=True)
    spent = sorted(s.build_s for s in scores)
    console.print(
        f"CPU to build: {sum(spent):.0f} s, mean {1000 * sum(spent) / len(spent):.0f} ms,"
        f" 99% within {1000 * spent[int(0.99 * len(spent))]:.0f} ms a gold"
    )
    refuted = [r for s in scores for r in s.refuted]
    console.print(f"excluded mutants that the chosen databases tell apart: {len(refuted)}")
    for line in refuted[:show]:
        console.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    for name, lines in sorted(alive.items(), key=lambda item: -len(item[1]))[: 3 * show]:
        console.print(f"\nsurvivors {name}: {len(lines)}", style="bold", markup=False, emoji=False)
        for line in lines[:show]:
            console.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)


def _operator(name: str) -> str:
    return name.split(":")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-file", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take every n-th row")
    parser.add_argument("--databases", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", type=int, default=4, help="examples of each reason")
    options = parser.parse_args()
    tasks = [
        (i, r, options.databases)
        for i, r in enumerate(read_rows(options.data_file))
        if i % options.every == 0
    ]
    console = Console()
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        results = pool.map(prepare, tasks, chunksize=20)
    unread = collections.Counter(r for r in results if isinstance(r, str))
    for reason, number in unread.most_common():
        console.print(f"{number} rows: {reason}")
    print_scores([r for r in results if isinstance(r, Score)], console, options.show)


if __name__ == "__main__":
    main()
