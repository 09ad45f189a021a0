"""Does chance decide a gold's result on some rows?

ORDER BY with ties, LIMIT without ORDER BY: which rows come first is up to the engine.
Shuffling the stored rows does not show it where the engine sorts on its way (SQLite
groups by sorting), so two variants of the gold break every tie in opposite directions.
If they differ from the gold, no verdict may rest on those rows. The same is done for
columns beside GROUP BY that come from "some row" of the group: MIN and MAX of them.
"""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.passes.grouping import bare_extremes
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.tables import Schema


def tie_variants(tree: exp.Expr, schema: Schema) -> list[exp.Expr]:
    """The gold with every matter of chance decided one way, and the other way."""
    variants = []
    if tree.find(exp.Order, exp.Limit) is not None:
        variants += [_broken(tree, schema, descending) for descending in (False, True)]
    if tree.find(exp.AggFunc, exp.Group) is not None:
        variants += [bare_extremes(tree.copy(), schema, name) for name in ("MIN", "MAX")]
    return [v for v in variants if v != tree]


def _broken(tree: exp.Expr, schema: Schema, descending: bool) -> exp.Expr:
    copy = tree.copy()
    resolver = Resolver(copy, schema)
    for query in list(copy.find_all(exp.Select, exp.SetOperation)):
        order, limit = query.args.get("order"), query.args.get("limit")
        if order is None and limit is None:
            continue
        keys = [
            exp.Ordered(this=k, desc=descending, nulls_first=not descending)
            for k in _keys(query, resolver)
        ]
        if not keys:
            continue
        if order is None:
            query.set("order", exp.Order(expressions=keys))
        else:
            order.set("expressions", [*order.expressions, *keys])
    return copy


def _keys(query: exp.Expr, resolver: Resolver) -> list[exp.Expr]:
    """Everything that tells two result rows apart."""
    if isinstance(query, exp.SetOperation):
        return [exp.Literal.number(i + 1) for i in range(len(resolver.outputs(query)))]
    group = query.args.get("group")
    if group is not None:
        return [k.copy() for k in group.expressions]
    if any(p.find(exp.AggFunc) and not p.find(exp.Window) for p in query.expressions):
        return []
    if query.args.get("distinct") is not None:
        return [exp.Literal.number(i + 1) for i in range(len(resolver.outputs(query)))]
    env = resolver.envs.get(id(query))
    if env is None:
        return []
    return [
        exp.column(c.name, table=s.alias, quoted=True)
        for s in env.sources
        if s.alias
        for c in s.columns
    ]
