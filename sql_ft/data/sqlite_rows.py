"""Rows of a SQLite file, as values of the chosen column types, capped with care."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

from sql_ft.execution.tables import Column, ForeignKey, Schema, Table, quote_name

Row = tuple[Any, ...]


def read_rows(
    connection: sqlite3.Connection, schema: Schema, max_rows: int
) -> tuple[dict[str, list[Row]], dict[str, int]]:
    """Rows of every table in stored order, and the size of tables read in part."""
    rows: dict[str, list[Row]] = {}
    capped: dict[str, int] = {}
    for table in schema.tables:
        total = connection.execute(f"SELECT COUNT(*) FROM {quote_name(table.name)}").fetchone()[0]
        # `*` would return hidden columns of no table here, but their order is not ours to trust.
        names = ", ".join(quote_name(c.name) for c in table.columns)
        cursor = connection.execute(f"SELECT {names} FROM {quote_name(table.name)}")
        if total <= max_rows:
            rows[table.name] = cursor.fetchall()
            continue
        capped[table.name] = total
        step = -(-total // max_rows)
        rows[table.name] = [row for place, row in enumerate(cursor) if place % step == 0]
    if capped:
        _add_parents(connection, schema, rows, capped)
    return {
        table.name: [_convert(row, table.columns) for row in rows[table.name]]
        for table in schema.tables
    }, capped


def _add_parents(
    connection: sqlite3.Connection,
    schema: Schema,
    rows: dict[str, list[Row]],
    capped: dict[str, int],
) -> None:
    """Rows that a foreign key refers to and that the cap left out, until none is missing."""
    waiting = list(schema.tables)
    while waiting:
        table = waiting.pop()
        for foreign in table.foreign_keys:
            target = schema.find(foreign.ref_table)
            if target is None or target.name not in capped:
                continue
            added = _missing_parents(connection, table, foreign, target, rows)
            if added:
                rows[target.name] += added
                waiting.append(target)


def _missing_parents(
    connection: sqlite3.Connection,
    table: Table,
    foreign: ForeignKey,
    target: Table,
    rows: dict[str, list[Row]],
) -> list[Row]:
    wanted_columns = foreign.ref_columns or target.primary_key
    found = [target.find(name) for name in wanted_columns]
    if len(found) != len(foreign.columns) or None in found:
        return []
    own = [table.columns.index(c) for c in map(table.find, foreign.columns) if c is not None]
    other = [target.columns.index(c) for c in found if c is not None]
    present = {tuple(row[i] for i in other) for row in rows[target.name]}
    needed = dict.fromkeys(
        key
        for row in rows[table.name]
        if None not in (key := tuple(row[i] for i in own)) and key not in present
    )
    names = ", ".join(quote_name(c.name) for c in target.columns)
    test = " AND ".join(f"{quote_name(c.name)} = ?" for c in found if c is not None)
    select = f"SELECT {names} FROM {quote_name(target.name)} WHERE {test}"
    added: dict[Row, None] = {}
    for key in needed:
        added |= dict.fromkeys(connection.execute(select, key).fetchall())
    # A parent found under a key that compares as equal (1 and '1') may be there already.
    return [row for row in added if tuple(row[i] for i in other) not in present]


def _convert(row: Row, columns: tuple[Column, ...]) -> Row:
    return tuple(_as_type(v, c.type) for v, c in zip(row, columns, strict=True))


def _as_type(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "VARCHAR":
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, str) else _number_text(value)
    if kind == "DOUBLE":
        return float(value)
    if kind == "DATE":
        return dt.date.fromisoformat(value)
    return dt.datetime.fromisoformat(value) if kind == "TIMESTAMP" else value


def _number_text(value: float) -> str:
    """A number as SQLite's CAST(… AS TEXT) writes it: 15 significant digits."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.15g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return (mantissa if "." in mantissa else f"{mantissa}.0") + "e" + exponent
    return text if "." in text or not text.lstrip("-").isdigit() else f"{text}.0"
