"""Mutation operators over columns: which other column could stand here?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from sql_ft.execution.equivalence_joins import equal_columns
from sql_ft.execution.never_null import is_never_null
from sql_ft.execution.resolve import Env, Query, Resolved, Resolver

Change = Callable[[exp.Expr], None]
OWN_TABLE, OTHER_TABLES = 2, 1
"""How many columns of its own and of the other tables a column is confused with."""


def column_changes(node: exp.Column, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    """Another column of the same type, in the operator of the clause where it stands."""
    clause = _clause(node)
    for source, column in other_columns(node, resolver):
        yield f"{clause}:{column.name}", _column_changer(column.name, source)
    inner = _inner_instead(node, resolver)
    if inner is not None:
        yield "correlation:inner", _column_changer(*inner)


def is_correlated(node: exp.Expr, resolver: Resolver) -> bool:
    """True if a column in `node`, nested queries left out, belongs to an outer query."""
    own = node.find_ancestor(*Query)
    for part in node.walk(prune=lambda n: isinstance(n, Query)):
        if isinstance(part, exp.Column):
            env = resolver.scope_of(part)
            if env is not None and env.select is not own and own is not None:
                return True
    return False


def other_columns(node: exp.Column, resolver: Resolver) -> list[tuple[str, Resolved]]:
    """(alias, column) of the same type in scope: of its own FROM item first."""
    found, env = resolver.resolve(node), resolver.scope_of(node)
    if found is None or env is None or found.column is None:
        return []
    own: list[tuple[str, Resolved]] = []
    others: list[tuple[str, Resolved]] = []
    for source in env.sources:
        same_item = source.alias == found.alias
        for column in source.columns:
            if column.type != found.type or not source.alias:
                continue
            if same_item and column.name.casefold() == _base_name(node, found):
                continue
            (own if same_item else others).append((source.alias, column))
    name = _base_name(node, found)
    # The same column of another table is the likeliest mix-up.
    others.sort(key=lambda item: item[1].name.casefold() != name)
    return own[:OWN_TABLE] + others[:OTHER_TABLES]


def nullable_column(node: exp.Expr, resolver: Resolver) -> exp.Column | None:
    """A column of the SELECT around `node` that can be NULL in its rows."""
    env = _env(node, resolver)
    if env is None or not isinstance(env.select, exp.Select):
        return None
    for source in env.sources:
        for column in source.columns:
            if source.alias and column.column is not None:
                made = exp.column(column.name, table=source.alias, quoted=True)
                if not is_never_null(source.alias, column, env, resolver):
                    return made
    return None


def group_additions(group: exp.Group, resolver: Resolver) -> list[exp.Column]:
    """One column to group by besides the keys; none that the query shows as it is."""
    env = _env(group, resolver)
    if env is None:
        return []
    select = env.select
    shown = set()
    for part in (*select.expressions, select.args.get("having"), select.args.get("order"), group):
        if part is None:
            continue
        if part.is_star:
            return []
        for column in part.walk(prune=lambda n: isinstance(n, (exp.AggFunc, *Query))):
            if isinstance(column, exp.Column) and (found := resolver.resolve(column)) is not None:
                shown.add((found.alias, column.name.casefold()))
    for source in env.sources:
        for item in source.columns:
            place = (source.alias, item.name.casefold())
            if item.column is not None and source.alias and place not in shown:
                return [exp.column(item.name, table=source.alias, quoted=True)]
    return []


def shown_keys(group: exp.Group, resolver: Resolver) -> list[exp.Expr]:
    """What the query shows of a group, as keys in place of its own: names instead of ids.

    None where that is no change, or only adds: the query shows its own keys too.
    """
    env = _env(group, resolver)
    if env is None or any(p.is_star for p in env.select.expressions):
        return []
    columns = [p.unalias() for p in env.select.expressions]
    columns = [c for c in columns if isinstance(c, exp.Column) and resolver.scope_of(c) is env]
    shown = {_spot(c, resolver) for c in columns}
    same = equal_columns(env, resolver)
    for key in group.expressions:
        spot = _spot(key, resolver)
        if spot is None or spot in shown or any(spot in c and c & shown for c in same):
            return []
    return [c.copy() for c in columns]


def _spot(node: exp.Expr, resolver: Resolver) -> tuple[str, str] | None:
    found = resolver.resolve(node) if isinstance(node, exp.Column) else None
    return None if found is None else (found.alias, node.name.casefold())


def added_correlation(select: exp.Select, resolver: Resolver) -> Change | None:
    """Tie a subquery that stands alone to the row around it, over a column of one name."""
    subquery = select.parent
    if not isinstance(subquery, exp.Subquery) and not isinstance(subquery, exp.In):
        return None
    if isinstance(subquery, exp.Subquery) and not isinstance(
        subquery.parent, (exp.Binary, exp.Paren, exp.In)
    ):
        return None
    env = resolver.envs.get(id(select))
    if env is None or env.outer is None or len(env.sources) != 1:
        return None
    if any(is_correlated(part, resolver) for part in select.iter_expressions()):
        return None
    source = env.sources[0]
    selected = {p.unalias().name.casefold() for p in select.expressions}
    columns = [c for c in select.find_all(exp.Column) if c.parent_select is select]
    rename = any(s.alias == source.alias for s in env.outer.sources)
    if source.table is None or (rename and any(c.table for c in columns)):
        return None
    alias = "inner_1" if rename else source.alias
    for outer in env.outer.sources:
        for column in outer.columns:
            own = source.find(column.name.casefold())
            if own is None or own.type != column.type or own.name.casefold() in selected:
                continue
            return _correlator(alias, own.name, outer.alias, column.name, rename)
    return None


def _correlator(alias: str, own: str, outer: str, column: str, rename: bool) -> Change:
    def change(node: exp.Expr) -> None:
        if rename:
            table = node.args["from_"].this
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        condition = exp.EQ(
            this=exp.column(own, table=alias, quoted=True),
            expression=exp.column(column, table=outer, quoted=True),
        )
        where = node.args.get("where")
        if where is None:
            node.set("where", exp.Where(this=condition))
        else:
            where.set("this", exp.and_(where.this.copy(), condition))

    return change


def _inner_instead(node: exp.Column, resolver: Resolver) -> tuple[str, str] | None:
    """For a column of an outer query: one of its name or type in the query it stands in."""
    if not is_correlated(node, resolver):
        return None
    env, found = _env(node, resolver), resolver.resolve(node)
    if env is None or found is None:
        return None
    options = [(s, c) for s in env.sources for c in s.columns if s.alias and c.type == found.type]
    options.sort(key=lambda item: item[1].name.casefold() != node.name.casefold())
    return (options[0][1].name, options[0][0].alias) if options else None


def _env(node: exp.Expr, resolver: Resolver) -> Env | None:
    query = node.find_ancestor(*Query)
    return resolver.envs.get(id(query)) if query is not None else None


def _clause(node: exp.Column) -> str:
    place = node.find_ancestor(exp.Join, exp.Group, exp.Order, *Query)
    if isinstance(place, exp.Join):
        return "join_key"
    if isinstance(place, exp.Group):
        return "group_key"
    return "order" if isinstance(place, exp.Order) else "column"


def _base_name(node: exp.Column, found: Resolved) -> str:
    return found.column.name.casefold() if found.column is not None else node.name.casefold()


def _column_changer(name: str, alias: str) -> Change:
    def change(node: exp.Expr) -> None:
        node.replace(exp.column(name, table=alias, quoted=True))

    return change
