"""Rows that hold the rules of their schema: keys, NOT NULL, foreign keys.

Whoever makes rows makes them freely; what breaks a rule is repaired here where a parent
row is missing, and taken out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sql_ft.execution.pools import convert
from sql_ft.execution.tables import Column, ForeignKey, Schema, Table

Record = dict[str, Any]
Row = tuple[Any, ...]
MAX_ROWS = 150
"""Most rows of one table; beyond it orphans are dropped, not given parents."""


def constrain(
    schema: Schema, records: dict[str, list[Record]], make_record: Callable[[Table], Record]
) -> dict[str, list[Row]]:
    """Rows of every table on which every constraint of the schema holds.

    Args:
        schema: Keys that it declares are kept.
        records: Table name → records, column name → value of the column's type.
        make_record: A record for a parent row that is missing.
    """
    rows = {t.name: list(records[t.name]) for t in schema.tables}
    order = parents_first(schema)
    for table in order:
        rows[table.name] = _unique(table, rows[table.name])
    # Children first, so that the parents they add get parents of their own.
    for table in reversed(order):
        for foreign in table.foreign_keys:
            _add_parents(schema, table, foreign, rows, make_record)
    for table in order:
        rows[table.name] = _unique(table, rows[table.name])
    # A row that goes may be the parent of others, also in its own table.
    while any([_drop_orphans(schema, table, rows) for table in order]):  # noqa: C419
        pass
    return {
        t.name: [tuple(r[c.name] for c in t.columns) for r in rows[t.name]] for t in schema.tables
    }


def referenced_columns(schema: Schema, foreign: ForeignKey) -> tuple[Table, list[Column]] | None:
    """Table and columns that a foreign key names; None if they are not all there."""
    target = schema.find(foreign.ref_table)
    if target is None:
        return None
    found = [target.find(n) for n in foreign.ref_columns or target.primary_key]
    columns = [c for c in found if c is not None]
    if len(columns) != len(found) or len(columns) != len(foreign.columns):
        return None
    return target, columns


def parents_first(schema: Schema) -> list[Table]:
    """Tables in an order in which parents precede children, as far as there is one."""
    done: list[Table] = []
    waiting = list(schema.tables)
    while waiting:
        ready = [
            t
            for t in waiting
            if not any(
                schema.find(f.ref_table) in waiting and schema.find(f.ref_table) is not t
                for f in t.foreign_keys
            )
        ] or waiting[:1]
        for table in ready:
            done.append(table)
            waiting.remove(table)
    return done


def _unique(table: Table, records: list[Record]) -> list[Record]:
    keys = [(c.name,) for c in table.columns if c.unique] + list(table.unique_keys)
    if len(table.primary_key) > 1:
        keys.append(table.primary_key)
    required = [c.name for c in table.columns if not c.nullable]
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for record in records:
        marks = [(k, *(record[c] for c in k)) for k in keys]
        full = [m for m in marks if None not in m]
        if any(m in seen for m in full) or any(record[c] is None for c in required):
            continue
        seen.update(full)
        kept.append(record)
    return kept


def _wanted(record: Record, foreign: ForeignKey, columns: list[Column]) -> tuple[Any, ...] | None:
    """The parent's key as the parent's types spell it; None where nothing is referred to."""
    own = [record[c] for c in foreign.columns]
    if any(v is None for v in own):
        return None
    return tuple(_as_parent(v, c.type) for v, c in zip(own, columns, strict=True))


def _as_parent(value: Any, kind: str) -> Any:
    """The value in the parent's type; None where that type holds no equal value."""
    converted = convert(value, kind)
    numbers = isinstance(value, (int, float)) and isinstance(converted, (int, float))
    return None if numbers and converted != value else converted


def _add_parents(
    schema: Schema,
    table: Table,
    foreign: ForeignKey,
    rows: dict[str, list[Record]],
    make_record: Callable[[Table], Record],
) -> None:
    found = referenced_columns(schema, foreign)
    if found is None:
        return
    target, columns = found
    names = [c.name for c in columns]
    present = {tuple(r[n] for n in names) for r in rows[target.name]}
    for record in list(rows[table.name]):
        wanted = _wanted(record, foreign, columns)
        if wanted is None or None in wanted or wanted in present:
            continue
        if len(rows[target.name]) >= MAX_ROWS:
            break
        parent = make_record(target)
        if target is table:
            # Otherwise the new row would want a parent in turn.
            parent.update((c, None) for c in foreign.columns)
        parent.update(zip(names, wanted, strict=True))
        rows[target.name].append(parent)
        present.add(wanted)


def _drop_orphans(schema: Schema, table: Table, rows: dict[str, list[Record]]) -> bool:
    """True if something was dropped."""
    before = len(rows[table.name])
    for foreign in table.foreign_keys:
        found = referenced_columns(schema, foreign)
        if found is None:
            continue
        target, columns = found
        present = {tuple(r[c.name] for c in columns) for r in rows[target.name]}
        rows[table.name] = [
            r
            for r in rows[table.name]
            if (wanted := _wanted(r, foreign, columns)) is None or wanted in present
        ]
    return len(rows[table.name]) < before
