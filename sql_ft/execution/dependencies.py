"""Which columns must follow a group's key for a gold to have one meaning.

A gold that selects a column which is neither grouped nor aggregated means, as a rule,
that the column is the same in the whole group: GROUP BY id, show the name. On rows
where it is not, the gold's result is a matter of chance and decides nothing.
"""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.resolve import Env, Query, Resolved, Resolver
from sql_ft.execution.tables import Schema, Table
from sql_ft.execution.usage import Links, Usage


def find_dependencies(tree: exp.Expr, schema: Schema, usage: Usage) -> list[tuple[str, str, str]]:
    """(table, key column, dependent column), spelled as in the schema."""
    resolver = Resolver(tree, schema)
    found: dict[tuple[str, str, str], None] = {}
    for select in tree.find_all(exp.Select):
        group, env = select.args.get("group"), resolver.envs.get(id(select))
        if group is None or env is None:
            continue
        keys = [k for k in (_base(e, resolver, env) for e in group.expressions) if k is not None]
        if not keys:
            continue
        for column in _bare(select, resolver, env):
            for item in _chain(column, keys, usage.links, schema):
                found[item] = None
    return list(found)


def find_group_columns(tree: exp.Expr, schema: Schema, usage: Usage) -> list[tuple[str, str]]:
    """(table, column) of GROUP BY keys and of the columns that are joined to them.

    Groups of different sizes have no ties under ORDER BY COUNT(*).
    """
    resolver = Resolver(tree, schema)
    classes = set()
    for group in tree.find_all(exp.Group):
        for key in group.expressions:
            resolved = resolver.resolve(key) if isinstance(key, exp.Column) else None
            if resolved is not None and resolved.table is not None and resolved.column is not None:
                place = (resolved.table.name.casefold(), resolved.column.name.casefold())
                classes.add(usage.links.find(place))
    return [
        (t.name, c.name)
        for t in schema.tables
        for c in t.columns
        if not c.unique and usage.links.find((t.name.casefold(), c.name.casefold())) in classes
    ]


def _base(node: exp.Expr, resolver: Resolver, env: Env) -> Resolved | None:
    if isinstance(node, exp.Column):
        resolved = resolver.resolve(node)
        return resolved if resolved is not None and resolved.column is not None else None
    del env
    return None


def _bare(select: exp.Select, resolver: Resolver, env: Env) -> list[Resolved]:
    columns: list[Resolved] = []

    def visit(node: exp.Expr) -> None:
        if isinstance(node, (*Query, exp.AggFunc, exp.Window)):
            return
        if isinstance(node, exp.Column):
            resolved = resolver.resolve(node)
            if resolved is not None and resolved.column is not None:
                columns.append(resolved)
            return
        for child in node.iter_expressions():
            visit(child)

    for part in (*select.expressions, select.args.get("having"), select.args.get("order")):
        if part is not None:
            visit(part)
    if any(p.is_star for p in select.expressions):
        columns += [c for s in env.sources for c in s.columns if c.column is not None]
    return columns


def _chain(
    column: Resolved, keys: list[Resolved], links: Links, schema: Schema
) -> list[tuple[str, str, str]]:
    table = column.table
    assert table is not None
    assert column.column is not None
    same = [k for k in keys if k.table is table and k.column is not None]
    if same:
        names = [k.column.name for k in same if k.column is not None]
        if column.column.name in names:
            return []
        return [(table.name, names[0], column.column.name)]
    for key in keys:
        linked = _linked(table, key, links)
        if linked is not None and linked != column.column.name:
            return [(table.name, linked, column.column.name)]
    # One step further: key → joined column of its own table → column of this table.
    for key in keys:
        if key.table is None or key.column is None:
            continue
        for other in key.table.columns:
            place = (key.table.name.casefold(), other.name.casefold())
            for own in table.columns:
                joined = links.find((table.name.casefold(), own.name.casefold()))
                if links.find(place) == joined:
                    steps = []
                    if other.name != key.column.name:
                        steps.append((key.table.name, key.column.name, other.name))
                    if own.name != column.column.name:
                        steps.append((table.name, own.name, column.column.name))
                    return steps
    del schema
    return []


def _linked(table: Table, key: Resolved, links: Links) -> str | None:
    assert key.table is not None
    assert key.column is not None
    wanted = links.find((key.table.name.casefold(), key.column.name.casefold()))
    for column in table.columns:
        if links.find((table.name.casefold(), column.name.casefold())) == wanted:
            return column.name
    return None
