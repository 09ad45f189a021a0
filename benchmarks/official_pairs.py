"""Pairs of `official_verdicts.csv`, and SQLite as the judge of what a query means.

Shared by the parts of `official_agreement.py`.
"""

from __future__ import annotations

import csv
import dataclasses
import re
import sqlite3
from pathlib import Path
from typing import Any

from sql_ft.evaluation.evalset import EvaluationItem
from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.databases import Database
from sql_ft.execution.dialect import Translated
from sql_ft.execution.schema import Schema, quote_name
from sql_ft.records import ExecutionResult, ExecutionStatus

Rows = list[tuple[Any, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    system: str
    idx: int
    db_id: str
    gold_sql: str
    predicted_sql: str
    ex: bool
    ts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    part: str
    pair: Pair
    ours: str
    theirs: str
    cause: str
    detail: str


def read_pairs(path: Path, every: int, offset: int) -> list[Pair]:
    with path.open(encoding="utf-8", newline="") as lines:
        pairs = [
            Pair(
                row["system"],
                int(row["idx"]),
                row["db_id"],
                row["gold_sql"],
                row["predicted_sql"],
                row["ex"] == "true",
                row["ts"] == "true",
            )
            for row in csv.DictReader(lines)
        ]
    wanted = set(sorted({p.idx for p in pairs})[offset::every])
    return [p for p in pairs if p.idx in wanted]


def drop_distinct_text(sql: str) -> str:
    """What the official evaluator executes."""
    return re.sub(r"\bdistinct\b", " ", sql, flags=re.IGNORECASE)


def run_sqlite(connection: sqlite3.Connection, sql: str) -> Rows | None:
    try:
        return connection.execute(drop_distinct_text(sql)).fetchall()
    except (sqlite3.Error, sqlite3.Warning):
        return None


def run_both_ways(connection: sqlite3.Connection, sql: str) -> tuple[Rows | None, Rows | None]:
    """Results with rows visited forwards and, where no order is asked for, backwards."""
    forwards = run_sqlite(connection, sql)
    connection.execute("PRAGMA reverse_unordered_selects = 1")
    backwards = run_sqlite(connection, sql)
    connection.execute("PRAGMA reverse_unordered_selects = 0")
    return forwards, backwards


def is_stable(results: tuple[Rows | None, Rows | None], ordered: bool) -> bool:
    """The same rows both ways; sums may differ in their last digits."""
    first, second = results
    if first is None or second is None:
        return first is second
    if not first or not second:
        return len(first) == len(second)
    rules = MatchRules(column_order="fixed")
    return compare_results(as_result(first), as_result(second), ordered=ordered, rules=rules).equal


def as_result(rows: Rows) -> ExecutionResult:
    width = len(rows[0]) if rows else 0
    return ExecutionResult(ExecutionStatus.OK, ("",) * width, tuple(rows))


def rows_equal(gold: Rows, predicted: Rows, tree: Any) -> bool:
    """Our rule on SQLite's rows; SQLite names no columns of an empty result here."""
    if not gold or not predicted:
        return len(gold) == len(predicted)
    return compare_results(
        as_result(gold),
        as_result(predicted),
        ordered=is_ordered(tree),
        order_keys=order_key_positions(tree),
        rules=MatchRules(),
    ).equal


def open_real(folder: Path, db_id: str) -> sqlite3.Connection:
    path = folder / "database" / db_id / f"{db_id}.sqlite"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda data: data.decode("utf-8", "ignore")
    return connection


def word(value: bool) -> str:
    return "true" if value else "false"


def open_generated(ddl: str, schema: Schema, database: Database) -> sqlite3.Connection | None:
    """SQLite with the original DDL and these rows; None if they break a constraint."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.executescript(ddl)
        for table in schema.tables:
            names = ", ".join(quote_name(c.name) for c in table.columns)
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(
                f"INSERT INTO {quote_name(table.name)} ({names}) VALUES ({marks})",
                database.rows.get(table.name, ()),
            )
        for table in schema.tables:
            try:
                broken = connection.execute(
                    f"PRAGMA foreign_key_check({quote_name(table.name)})"
                ).fetchall()
            except sqlite3.OperationalError:
                # "foreign key mismatch": the parent has no such key, so nothing is enforced.
                broken = []
            if broken:
                return None
    except sqlite3.IntegrityError:
        return None
    return connection


def sqlite_tells(
    pair: Pair, item: EvaluationItem, gold: Translated, database: Database
) -> bool | None:
    """SQLite's results differ, whichever way rows are read; None: a constraint is broken."""
    assert item.schema is not None
    connection = open_generated(item.sample.context, item.schema, database)
    if connection is None:
        return None
    golds = run_both_ways(connection, pair.gold_sql)
    predicted = run_both_ways(connection, pair.predicted_sql)
    connection.close()
    return all(
        g is not None and (p is None or not rows_equal(g, p, gold.source))
        for g in golds
        for p in predicted
    )


def write_differences(path: Path, differences: list[Difference]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            ["part", "system", "idx", "db_id", "ours", "official", "cause", "detail",
             "gold_sql", "predicted_sql"]
        )  # fmt: skip
        for d in differences:
            p = d.pair
            writer.writerow(
                [d.part, p.system, p.idx, p.db_id, d.ours, d.theirs, d.cause, d.detail,
                 p.gold_sql, p.predicted_sql]
            )  # fmt: skip
