"""Mutation operators that rewrite a query: other ways to ask that are nearly the same.

Single-node mutants look like slips of a writer; models rather answer with another query
altogether. These are the commonest such answers among published predictions on
Spider's development questions that the gold's single-node mutants did not stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from sql_ft.execution.equivalence_joins import conjuncts
from sql_ft.execution.resolve import Env, Resolved, Resolver
from sql_ft.execution.tables import ForeignKey, Table

Change = Callable[[exp.Expr], None]
MAX_ADDED_JOINS = 2


def rewrites(select: exp.Select, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    """Changes of one SELECT."""
    env = resolver.envs.get(id(select))
    if env is None:
        return
    if _takes_one(select, resolver):
        yield "rewrite:with_ties", _with_ties
    alone = not any(select.args.get(c) for c in ("group", "order", "limit"))
    if select.parent is None and alone and _is_lone_extreme(select):
        yield "rewrite:extreme_as_first", _extreme_as_first
    if select.parent is None and not any(p.is_star for p in select.expressions):
        for change in _added_joins(env, resolver)[:MAX_ADDED_JOINS]:
            yield "rewrite:join_added", change
    if select.parent is None and _counts_repeats(select):
        removed = _removable(select, env, resolver)
        if removed is not None:
            yield "rewrite:semi_join", _semi_joiner(removed)
        if _joinable(select, resolver) is not None:
            yield "rewrite:in_as_join", _in_as_join


def _counts_repeats(select: exp.Select) -> bool:
    """A row that comes twice shows: neither DISTINCT nor an extreme alone ignores it."""
    if select.args.get("distinct") is not None:
        return False
    return not all(isinstance(p.unalias(), (exp.Max, exp.Min)) for p in select.expressions)


def set_rewrites(node: exp.SetOperation, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    """INTERSECT as IN, EXCEPT as NOT IN: rows that the first side repeats stay."""
    sides = [side.unnest() for side in (node.this, node.expression)]
    clauses = ("group", "order", "limit", "distinct")
    for side in sides:
        if not isinstance(side, exp.Select) or any(side.args.get(c) for c in clauses):
            return
        if len(side.expressions) != 1 or side.is_star:
            return
    if node.args.get("order") is not None or node.args.get("limit") is not None:
        return
    shown = sides[0].expressions[0].unalias()
    found = resolver.resolve(shown) if isinstance(shown, exp.Column) else None
    if found is None or (_is_unique(found) and not sides[0].args.get("joins")):
        return
    if isinstance(node, (exp.Intersect, exp.Except)):
        yield "rewrite:set_as_in", _set_as_in


def _set_as_in(node: exp.Expr) -> None:
    left, right = node.this.unnest().copy(), node.expression.unnest().copy()
    shown = left.expressions[0].unalias().copy()
    inside: exp.Expr = exp.In(this=shown, query=exp.Subquery(this=right))
    if isinstance(node, exp.Except):
        inside = exp.Not(this=inside)
    _add_condition(left, inside)
    node.replace(left)


def _is_lone_extreme(select: exp.Select) -> bool:
    """SELECT MAX(x): a row even if there is nothing, where ORDER BY … LIMIT 1 has none."""
    if len(select.expressions) != 1 or select.args.get("having") is not None:
        return False
    value = select.expressions[0].unalias()
    return isinstance(value, (exp.Max, exp.Min)) and isinstance(value.this, exp.Column)


def _extreme_as_first(select: exp.Expr) -> None:
    value = select.expressions[0].unalias()
    down = isinstance(value, exp.Max)
    key = exp.Ordered(this=value.this.copy(), desc=down, nulls_first=not down)
    select.set("expressions", [value.this.copy()])
    select.set("order", exp.Order(expressions=[key]))
    select.set("limit", exp.Limit(expression=exp.Literal.number(1)))


def _takes_one(select: exp.Select, resolver: Resolver) -> bool:
    """ORDER BY one column that can tie, LIMIT 1: the rest of a tie is left out."""
    order, limit = select.args.get("order"), select.args.get("limit")
    if order is None or limit is None or len(order.expressions) != 1:
        return False
    if select.args.get("group") is not None or select.args.get("offset") is not None:
        return False
    amount = limit.expression
    if not isinstance(amount, exp.Literal) or amount.this != "1":
        return False
    key = order.expressions[0].this
    found = resolver.resolve(key) if isinstance(key, exp.Column) else None
    if found is None or found.column is None or found.column.unique:
        return False
    return not any(p.find(exp.AggFunc) for p in select.expressions)


def _with_ties(select: exp.Expr) -> None:
    """WHERE key = (SELECT MIN(key) …): every row of the tie."""
    ordered = select.args["order"].expressions[0]
    best = select.copy()
    for clause in ("order", "limit", "distinct", "with_"):
        best.set(clause, None)
    aggregate = exp.Max if ordered.args.get("desc") else exp.Min
    best.set("expressions", [aggregate(this=ordered.this.copy())])
    condition = exp.EQ(this=ordered.this.copy(), expression=exp.Subquery(this=best))
    select.set("order", None)
    select.set("limit", None)
    _add_condition(select, condition)


def _add_condition(select: exp.Expr, condition: exp.Expr) -> None:
    where = select.args.get("where")
    if where is not None:
        condition = exp.And(this=exp.Paren(this=where.this.copy()), expression=condition)
    select.set("where", exp.Where(this=condition))


def _added_joins(env: Env, resolver: Resolver) -> list[Change]:
    """Joins to a table that the query does not need: rows without a partner go."""
    present = {source.table.name for source in env.sources if source.table is not None}
    found: list[Change] = []
    for source in env.sources:
        if source.table is None or not source.alias:
            continue
        for other in resolver.schema.tables:
            if other.name in present:
                continue
            for foreign in other.foreign_keys:
                names = _ends(other, foreign, source.table)
                if names is not None:
                    found.append(_joiner(other.name, names[0], source.alias, names[1]))
    for source in env.sources:
        for foreign in source.table.foreign_keys if source.table is not None else ():
            target = resolver.schema.find(foreign.ref_table)
            if target is None or target.name in present or source.table is None:
                continue
            names = _ends(source.table, foreign, target)
            own = source.table.find(names[0]) if names is not None else None
            # A key that is NOT NULL always finds its parent: nothing goes.
            if names is not None and own is not None and own.nullable:
                found.append(_joiner(target.name, names[1], source.alias, names[0]))
    return found


def _ends(table: Table, foreign: ForeignKey, target: Table) -> tuple[str, str] | None:
    """Column of a one-column foreign key and the column that it refers to."""
    referred = foreign.ref_columns or target.primary_key
    if foreign.ref_table.casefold() != target.name.casefold() or len(foreign.columns) != 1:
        return None
    if len(referred) != 1 or table.find(foreign.columns[0]) is None:
        return None
    return (foreign.columns[0], referred[0]) if target.find(referred[0]) is not None else None


def _joiner(table: str, column: str, alias: str, own: str) -> Change:
    def change(select: exp.Expr) -> None:
        # Behind one name of its own, so that no name of the query becomes ambiguous.
        shown = exp.alias_(exp.column(column, quoted=True), "_key", quoted=True)
        # Not `to_table`: it would parse the name, and a name may hold a dot or a blank.
        origin = exp.Table(this=exp.to_identifier(table, quoted=True))
        inner = exp.Select(expressions=[shown]).from_(origin)
        _join(select, inner, exp.column(own, table=alias, quoted=True))

    return change


def _join(select: exp.Expr, inner: exp.Expr, own: exp.Expr) -> None:
    source = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("_added")))
    condition = exp.EQ(this=exp.column("_key", table="_added"), expression=own)
    select.append("joins", exp.Join(this=source, on=condition))


def _removable(select: exp.Select, env: Env, resolver: Resolver) -> int | None:
    """Which side of a join of two tables shows nothing: 0 the first, 1 the second."""
    joins = select.args.get("joins") or []
    if len(joins) != 1 or joins[0].args.get("side") or joins[0].args.get("on") is None:
        return None
    if select.args.get("group") is not None or any(p.is_star for p in select.expressions):
        return None
    if len(env.sources) != 2 or any(s.table is None or not s.alias for s in env.sources):
        return None
    shown = {
        found.alias
        for part in (*select.expressions, select.args.get("order"))
        if part is not None
        for column in part.find_all(exp.Column)
        if (found := resolver.resolve(column)) is not None
    }
    for place in (1, 0):
        alias = env.sources[place].alias
        if shown and alias not in shown and not _is_looked_up(joins[0], alias, resolver):
            return place
    return None


def _is_looked_up(join: exp.Join, alias: str, resolver: Resolver) -> bool:
    """At most one row of `alias` fits: joining repeats nothing."""
    for part in conjuncts(join.args["on"]):
        for side in (part.this, part.args.get("expression")):
            found = resolver.resolve(side) if isinstance(side, exp.Column) else None
            if found is not None and found.alias == alias and _is_unique(found):
                return True
    return False


def _is_unique(found: Resolved) -> bool:
    return found.column is not None and found.column.unique


def _semi_joiner(removed: int) -> Change:
    def change(select: exp.Expr) -> None:
        join = select.args["joins"][0]
        items = [select.args["from_"].this, join.this]
        condition = join.args["on"].copy()
        where = select.args.get("where")
        if where is not None:
            condition = exp.And(this=condition, expression=exp.Paren(this=where.this.copy()))
        inner = exp.Select(expressions=[exp.Literal.number(1)]).from_(items[removed].copy())
        inner.set("where", exp.Where(this=condition))
        select.set("from_", exp.From(this=items[1 - removed].copy()))
        select.set("joins", None)
        select.set("where", exp.Where(this=exp.Exists(this=inner)))

    return change


def _joinable(select: exp.Expr, resolver: Resolver | None = None) -> exp.In | None:
    """The first `x IN (SELECT y …)` of WHERE that a join could stand for, and repeat rows."""
    where = select.args.get("where")
    if where is None or any(p.is_star for p in select.expressions):
        return None
    if select.args.get("group") is not None:
        return None
    for part in conjuncts(where.this):
        if not isinstance(part, exp.In):
            continue
        query = part.args.get("query")
        inner = query.this if isinstance(query, exp.Subquery) else query
        if not isinstance(inner, exp.Select) or len(inner.expressions) != 1:
            continue
        if any(inner.args.get(c) for c in ("group", "limit", "distinct", "having")):
            continue
        if resolver is not None:
            shown = inner.expressions[0].unalias()
            found = resolver.resolve(shown) if isinstance(shown, exp.Column) else None
            alone = not inner.args.get("joins")
            if found is None or (alone and _is_unique(found)):
                continue
        return part
    return None


def _in_as_join(select: exp.Expr) -> None:
    part = _joinable(select)
    if part is None:
        return
    query = part.args["query"]
    inner = (query.this if isinstance(query, exp.Subquery) else query).copy()
    inner.set("expressions", [exp.alias_(inner.expressions[0].unalias(), "_key", quoted=True)])
    own = part.this.copy()
    kept = [c.copy() for c in conjuncts(select.args["where"].this) if c is not part]
    select.set("where", exp.Where(this=exp.and_(*kept)) if kept else None)
    _join(select, inner, own)
