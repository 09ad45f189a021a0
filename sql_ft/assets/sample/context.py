"""The DDL beside a question, with the quirks of the real data.

Most contexts type everything VARCHAR, except INTEGER where a column is compared with
a number or aggregated; half list exactly the columns the answer uses, the others a
few more; a few repeat CREATE TABLE for one table, as answers naming it twice do there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from sql_ft.assets.sample.domain import Column, Schema, Table

_EXTRA_SHARE = 0.5
_TYPED_SHARE = 0.3
_REPEAT_SHARE = 0.1
_MOST_TABLES = 4


def write_context(
    rng: random.Random, schema: Schema, used: Mapping[str, Sequence[str]], sql: str
) -> str:
    """CREATE TABLE statements that hold at least the columns used.

    Args:
        rng: Source of all choices.
        schema: The business asked about.
        used: Columns the answer uses, by table, in order of use.
        sql: The answer, which decides which columns look numeric.
    """
    listed = {name: _filled(schema.table(name), columns) for name, columns in used.items()}
    typed = rng.random() < _TYPED_SHARE
    if rng.random() < _EXTRA_SHARE:
        _add_distractors(rng, schema, listed)
    statements = []
    names = list(listed)
    if len(names) > len(used):
        rng.shuffle(names)
    for name in names:
        table = schema.table(name)
        columns = [table.column(column) for column in listed[name]]
        if typed:
            columns.sort(key=table.columns.index)
        else:
            rng.shuffle(columns)
        statements.append(_create(table, columns, typed, sql))
    repeatable = [name for name in used if len(re.findall(rf"\b{name}\b", sql)) > 1]
    if repeatable and rng.random() < _REPEAT_SHARE:
        table = schema.table(rng.choice(repeatable))
        columns = [table.column(column) for column in used[table.name][:2]]
        statements.append(_create(table, columns or [table.columns[0]], typed, sql))
    return "; ".join(statements)


def _filled(table: Table, columns: Sequence[str]) -> list[str]:
    # COUNT(*) uses no column, yet a table must have one.
    return list(columns) or [table.columns[0].name]


def _add_distractors(rng: random.Random, schema: Schema, listed: dict[str, list[str]]) -> None:
    for name, columns in listed.items():
        rest = [c.name for c in schema.table(name).columns if c.name not in columns]
        rng.shuffle(rest)
        columns.extend(rest[: rng.choice((0, 1, 2, 2, 3))])
    others = [table for table in schema.tables if table.name not in listed]
    if others and len(listed) < _MOST_TABLES and rng.random() < 0.4:
        table = rng.choice(others)
        columns = [column.name for column in table.columns]
        rng.shuffle(columns)
        listed[table.name] = columns[: rng.choice((2, 2, 3))]


def _create(table: Table, columns: Sequence[Column], typed: bool, sql: str) -> str:
    parts = []
    for column in columns:
        kind = column.declared_type if typed else _inferred_type(column, sql)
        parts.append(f"{column.name} {kind}")
    return f"CREATE TABLE {table.name} ({', '.join(parts)})"


def _inferred_type(column: Column, sql: str) -> str:
    if not column.is_numeric:
        return "VARCHAR"
    name = rf"\b{column.name}\b"
    aggregated = rf"(?:AVG|SUM|MIN|MAX)\((?:T\d\.)?{name}"
    compared = rf"{name} (?:[<>*+-]|= |BETWEEN )"
    operand = rf"[*+-] {name}"
    numeric = re.search(rf"{aggregated}|{compared}|{operand}", sql)
    return "INTEGER" if numeric else "VARCHAR"
