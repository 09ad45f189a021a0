"""A pass over ties: groups that are equal under ORDER BY … LIMIT.

No verdict rests on such ties where databases are chosen (`sql_ft.execution.ties`). A real
database that is the only one has to be taken as it is, and there the pass keeps what SQLite
would have done: the figures of the field were made that way.
"""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.resolve import Resolved, Resolver
from sql_ft.execution.tables import Schema, Table


def group_order(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Tied groups under LIMIT come in the order of the group key, as in SQLite.

    SQLite groups by sorting and then sorts without disturbing ties, so its first of several
    equal groups is always the same; in DuckDB any may come first.
    """
    selects = [s for s in tree.find_all(exp.Select) if s.args.get("group") and s.args.get("limit")]
    resolver = Resolver(tree, schema) if selects else None
    for select in selects:
        assert resolver is not None
        keys, order = select.args["group"].expressions, select.args.get("order")
        down = [False] * len(keys)
        # As many keys on both sides: SQLite sorts the groups in ORDER BY's directions, in
        # case it can do with one sort (select.c, "The GROUP BY processing doesn't care"),
        # unless an index brings the groups in its own order.
        if (
            order is not None
            and len(order.expressions) == len(keys)
            and not _indexed(select, keys, resolver)
        ):
            down = [bool(o.args.get("desc")) for o in order.expressions]
        added = [
            exp.Ordered(this=key.copy(), desc=desc, nulls_first=not desc)
            for key, desc in zip(keys, down, strict=True)
        ]
        select.set("order", exp.Order(expressions=[*(order.expressions if order else ()), *added]))
    return tree


def _indexed(select: exp.Select, keys: list[exp.Expr], resolver: Resolver) -> bool:
    """SQLite has an index that begins with the group keys, and walks it.

    In a join, a key of one row a group serves to look rows up, not to walk the groups; a
    longer key of the table that it is joined to does.
    """
    found = [resolver.resolve(key) if isinstance(key, exp.Column) else None for key in keys]
    columns = [f for f in found if f is not None and f.table is not None and f.column is not None]
    if len(columns) != len(keys):
        return False
    joined = bool(select.args.get("joins"))
    choices = [columns]
    if len(columns) == 1:
        choices += [[other] for other in _equated(select, columns[0], resolver)]
    return any(_begins_a_key(choice, joined=joined) for choice in choices)


def _equated(select: exp.Select, column: Resolved, resolver: Resolver) -> list[Resolved]:
    """Columns that an ON or WHERE of this query makes equal to `column`."""
    conditions = [j.args.get("on") for j in select.args.get("joins") or ()]
    conditions.append(select.args.get("where"))
    others = []
    for equality in (e for c in conditions if c is not None for e in c.find_all(exp.EQ)):
        sides = [
            resolver.resolve(side) if isinstance(side, exp.Column) else None
            for side in (equality.this, equality.expression)
        ]
        for one, other in (sides, sides[::-1]):
            if one is not None and other is not None and _same(one, column):
                others.append(other)
    return others


def _same(a: Resolved, b: Resolved) -> bool:
    return a.alias == b.alias and a.table is b.table and a.column is b.column


def _begins_a_key(columns: list[Resolved], *, joined: bool) -> bool:
    table: Table | None = columns[0].table
    if table is None or any(c.table is not table for c in columns):
        return False
    names = {c.column.name for c in columns if c.column is not None}
    single = [(c.name,) for c in table.columns if c.unique]
    return any(
        set(index[: len(names)]) == names and (not joined or len(index) > len(names))
        for index in [table.primary_key, *table.unique_keys, *single]
    )
