"""Column types as a gold's own use of its columns shows them.

sql-create-context guesses its DDL types from the answer's text: INTEGER only next to
an aggregate or ``<``, otherwise VARCHAR, also for years, prices and ids.
"""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from sql_ft.execution.tables import Schema
from sql_ft.execution.usage import ColumnUse, Key, Usage


def infer_types(schema: Schema, tree: exp.Expr) -> Schema:
    """Schema with the types that a gold's own use of its columns shows.

    A VARCHAR column that is summed, averaged, calculated with or compared with a number
    becomes BIGINT (DOUBLE beside a fraction), unless it is also compared with a text that
    is no number; a BIGINT column that is compared with such a text becomes VARCHAR.
    Columns that are joined, or that meet in IN or a set operation, get one type. Dates
    stay text.

    Args:
        schema: As declared.
        tree: `Translated.source` of the gold, or its parsed text.
    """
    usage = Usage(tree, schema)
    declared: dict[Key, str] = {
        (t.name.casefold(), c.name.casefold()): c.type for t in schema.tables for c in t.columns
    }
    types = dict(declared)
    for members in usage.links.classes(declared).values():
        uses = [usage.use(m) for m in members]
        kind = _class_type([declared[m] for m in members], uses)
        for member, use in zip(members, uses, strict=True):
            if len(members) > 1 and kind:
                types[member] = kind
            else:
                types[member] = _own_type(declared[member], use)
    return Schema(
        tuple(
            dataclasses.replace(
                t,
                columns=tuple(
                    dataclasses.replace(c, type=types[t.name.casefold(), c.name.casefold()])
                    for c in t.columns
                ),
            )
            for t in schema.tables
        )
    )


def _own_type(declared: str, use: ColumnUse) -> str:
    if declared not in ("VARCHAR", "BIGINT", "DOUBLE"):
        return declared
    if use.text:
        return "VARCHAR"
    if use.real:
        return "DOUBLE"
    if declared == "VARCHAR" and use.numeric and not use.date:
        return "BIGINT"
    return declared


def _class_type(declared: list[str], uses: list[ColumnUse]) -> str:
    """One type for columns whose values meet; "" if their types cannot be one."""
    kinds = {_own_type(d, u) for d, u in zip(declared, uses, strict=True)}
    if not kinds <= {"VARCHAR", "BIGINT", "DOUBLE"}:
        return ""
    if any(u.text for u in uses):
        return "VARCHAR"
    if "DOUBLE" in kinds:
        return "DOUBLE"
    return "BIGINT" if "BIGINT" in kinds else "VARCHAR"
