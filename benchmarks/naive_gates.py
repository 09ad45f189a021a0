"""What other projects promote on, in its smallest honest form: scores of one answer.

Each function gives one prediction a score in [0, 1]; the gate that belongs to them
promotes when the candidate's mean is not below the live model's ("ties promote", as
ZenML's text-to-SQL example does). They are here to be compared with, never to decide:

- `empty_database`: results on the schema alone, without rows, compared as sets.
- `bird_set`: BIRD's ``execute_sql``: prediction and gold on one connection, in that
  order, compared as sets. A DELETE empties the table for the gold that follows.
- `column_names`: premsql's comparison of the results' column names.
- `rouge_l`: F1 over the longest common subsequence of words (Lin 2004).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from statistics import fmean
from typing import Any

from sql_ft.evaluation.evalset import EvaluationItem
from sql_ft.execution.tables import Schema, quote_name
from sql_ft.records import Prediction

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
Score = Callable[[EvaluationItem, str], float]

# Instructions of SQLite's virtual machine between two looks at the budget.
_STEP, _MAX_STEPS = 100_000, 200
_TYPES = {"BIGINT": "INTEGER", "DOUBLE": "REAL", "BOOLEAN": "INTEGER"}


def empty_database(item: EvaluationItem, predicted_sql: str) -> float:
    """1 if both queries return the same set of rows where no table has any."""
    return _same_sets(item, {}, predicted_sql)


def bird_set(item: EvaluationItem, predicted_sql: str) -> float:
    """1 if both queries return the same set of rows on the first database with rows."""
    return _same_sets(item, item.databases[0].rows, predicted_sql)


def column_names(item: EvaluationItem, predicted_sql: str) -> float:
    """1 if both results have the same column names."""
    with closing(_open(item.schema, item.databases[0].rows)) as connection:
        try:
            names = [
                [part[0].casefold() for part in connection.execute(sql).description or ()]
                for sql in (predicted_sql, item.sample.gold_sql)
            ]
        except (sqlite3.Error, sqlite3.Warning):
            return 0.0
    return float(names[0] == names[1])


def rouge_l(item: EvaluationItem, predicted_sql: str) -> float:
    """F1 of the longest common subsequence of the two texts' words, case ignored."""
    gold, predicted = item.sample.gold_sql.casefold().split(), predicted_sql.casefold().split()
    common = _lcs_length(gold, predicted)
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)


SCORES: dict[str, Score] = {
    "empty database": empty_database,
    "BIRD's set()": bird_set,
    "column names": column_names,
    "ROUGE-L": rouge_l,
}


def mean_score(
    score: Score, items: Sequence[EvaluationItem], predictions: Sequence[Prediction]
) -> float:
    """Mean over the items; an answer that is missing scores as an empty one."""
    by_id = {p.sample_id: p.predicted_sql for p in predictions}
    return fmean(score(item, by_id.get(item.sample.id, "")) for item in items)


def point_estimate_promotes(live: float, candidate: float) -> bool:
    """The gate of those examples: not worse is good enough."""
    return candidate >= live


def _same_sets(item: EvaluationItem, rows: Rows, predicted_sql: str) -> float:
    with closing(_open(item.schema, rows)) as connection:
        try:
            cursor = connection.cursor()
            cursor.execute(predicted_sql)
            predicted = cursor.fetchall()
            cursor.execute(item.sample.gold_sql)
            gold = cursor.fetchall()
        except (sqlite3.Error, sqlite3.Warning):
            return 0.0
    return float(set(predicted) == set(gold))


def _open(schema: Schema | None, rows: Rows) -> sqlite3.Connection:
    assert schema is not None  # an item that can be scored has one
    connection = sqlite3.connect(":memory:")
    for table in schema.tables:
        columns = ", ".join(
            f"{quote_name(c.name)} {_TYPES.get(c.type, 'TEXT')}" for c in table.columns
        )
        connection.execute(f"CREATE TABLE {quote_name(table.name)} ({columns})")
        marks = ", ".join("?" * len(table.columns))
        connection.executemany(
            f"INSERT INTO {quote_name(table.name)} VALUES ({marks})",
            [tuple(_cell(value) for value in row) for row in rows.get(table.name, ())],
        )
    connection.commit()
    steps = 0

    def look() -> int:
        nonlocal steps
        steps += 1
        return int(steps > _MAX_STEPS)

    connection.set_progress_handler(look, _STEP)
    return connection


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, str, bytes)) else str(value)


def _lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        previous = 0
        for place, other in enumerate(second, 1):
            kept = row[place]
            row[place] = previous + 1 if word == other else max(row[place], row[place - 1])
            previous = kept
    return row[-1]
