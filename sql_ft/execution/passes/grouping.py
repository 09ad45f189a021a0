"""Passes over GROUP BY: columns that are neither grouped nor aggregated.

SQLite takes such a "bare" column from some row of the group: the row of the maximum or
minimum if the query has exactly one MAX or MIN, else (as implemented) the first row it
visits (https://sqlite.org/lang_select.html#bareagg). DuckDB says ARG_MAX_NULL,
ARG_MIN_NULL and FIRST. FIRST depends on the order of stored rows: `databases` keeps no
database on which that changes the gold's result.
"""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import call
from sql_ft.execution.resolve import Env, Query, Resolver
from sql_ft.execution.tables import Schema


def bare_columns(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Wrap bare columns of each aggregating SELECT."""
    return _wrap_all(tree, schema, "FIRST", extremes=True)


def bare_extremes(tree: exp.Expr, schema: Schema, function: str) -> exp.Expr:
    """Every bare column that comes from "some row" as MIN or MAX (`function`) of its group.

    Where the two differ, the gold has no one meaning. Columns that follow the only MAX or
    MIN of the query stay as they are.
    """
    return _wrap_all(tree, schema, function, extremes=False)


def _wrap_all(tree: exp.Expr, schema: Schema, function: str, *, extremes: bool) -> exp.Expr:
    for select in reversed(find_nodes(tree, exp.Select)):
        group = select.args.get("group")
        aggregates = _aggregates(select)
        if group is None and not aggregates:
            continue
        if _has_no_bare(select):
            continue
        resolver = Resolver(tree, schema)
        env = resolver.envs.get(id(select))
        if env is None:
            continue
        several = group is not None or len(select.expressions) > 1
        if several and any(p.is_star for p in select.expressions):
            _expand_stars(select, env)
            resolver = Resolver(tree, schema)
            env = resolver.envs[id(select)]
        _wrap(select, env, resolver, aggregates, function, extremes)
    return tree


def _has_no_bare(select: exp.Select) -> bool:
    """True if every column is aggregated, or spelled as a key of GROUP BY is.

    Seen without a resolver, which most queries that group then do without.
    """
    group = select.args.get("group")
    keys = {
        (key.table.casefold(), key.name.casefold())
        for key in (group.expressions if group is not None else ())
        if isinstance(key, exp.Column)
    }
    nodes = [*select.expressions, select.args.get("having"), select.args.get("order")]
    for node in nodes:  # grows while it is read
        if node is None or isinstance(node, (*Query, exp.AggFunc, exp.Subquery, exp.Window)):
            continue
        if isinstance(node, exp.Anonymous) and node.name.upper() in _AGGREGATE_NAMES:
            continue
        if isinstance(node, exp.Star):
            return False
        if not isinstance(node, exp.Column):
            nodes.extend(node.iter_expressions())
        elif (
            isinstance(node.this, exp.Star)
            or (node.table.casefold(), node.name.casefold()) not in keys
        ):
            return False
    return True


def _wrap(
    select: exp.Select,
    env: Env,
    resolver: Resolver,
    aggregates: list[exp.Expr],
    function: str,
    with_extremes: bool,
) -> None:
    keys = _group_keys(select, env)
    spelled = {_spelling(k, resolver) for k in keys}
    extremes = [a for a in aggregates if isinstance(a, (exp.Max, exp.Min))]
    extreme = extremes[0] if len({e.sql() for e in extremes}) == 1 else None
    order = select.args.get("order")
    places: list[tuple[exp.Expr, bool]] = [(p, True) for p in select.expressions]
    if select.args.get("having") is not None:
        places.append((select.args["having"], False))
    if order is not None:
        places.extend((o, False) for o in order.expressions)
    for place, is_projection in places:
        for column in list(_bare(place, spelled, resolver)):
            if resolver.scope_of(column) is not env:
                continue
            if isinstance(extreme, (exp.Max, exp.Min)) and extreme.this is not None:
                if not with_extremes:
                    continue
                wrapped = _row_of_extreme(column, extreme)
            else:
                wrapped = call(function, column.copy())
            if is_projection and column is place:
                place.replace(exp.alias_(wrapped, column.name, quoted=True))
            else:
                column.replace(wrapped)


def _row_of_extreme(column: exp.Column, extreme: exp.Expr) -> exp.Expr:
    """The column in the row of the extreme; in the first row where all are NULL."""
    name = "ARG_MAX_NULL" if isinstance(extreme, exp.Max) else "ARG_MIN_NULL"
    at_extreme = call(name, column.copy(), extreme.this.copy())
    all_null = exp.Is(this=extreme.copy(), expression=exp.Null())
    return exp.Paren(
        this=exp.Case(
            ifs=[exp.If(this=all_null, true=call("FIRST", column.copy()))], default=at_extreme
        )
    )


def _bare(node: exp.Expr, spelled: set[str], resolver: Resolver) -> list[exp.Column]:
    """Columns outside aggregates, nested queries and grouped expressions."""
    if isinstance(node, (Query, exp.AggFunc, exp.Subquery, exp.Window)):
        return []
    if isinstance(node, exp.Anonymous) and node.name.upper() in _AGGREGATE_NAMES:
        return []
    if not isinstance(node, (exp.Alias, exp.Ordered)) and _spelling(node, resolver) in spelled:
        return []
    if isinstance(node, exp.Column):
        return [] if isinstance(node.this, exp.Star) else [node]
    found: list[exp.Column] = []
    for child in node.iter_expressions():
        found.extend(_bare(child, spelled, resolver))
    return found


_AGGREGATE_NAMES = frozenset(
    {"TOTAL", "ARG_MAX_NULL", "ARG_MIN_NULL", "FIRST", "LAST", "STRING_AGG"}
)


def _aggregates(select: exp.Select) -> list[exp.Expr]:
    """Aggregate calls of this SELECT itself."""
    found: list[exp.Expr] = []

    def visit(node: exp.Expr) -> None:
        if isinstance(node, (*Query, exp.Window)):
            return
        named = isinstance(node, exp.Anonymous) and node.name.upper() in _AGGREGATE_NAMES
        if isinstance(node, exp.AggFunc) or named:
            found.append(node)
            return
        for child in node.iter_expressions():
            visit(child)

    for part in (*select.expressions, select.args.get("having"), select.args.get("order")):
        if part is not None:
            visit(part)
    return found


def _group_keys(select: exp.Select, env: Env) -> list[exp.Expr]:
    group = select.args.get("group")
    keys: list[exp.Expr] = []
    for key in group.expressions if group is not None else []:
        if isinstance(key, exp.Literal) and not key.is_string and key.this.isdigit():
            place = int(key.this) - 1
            if 0 <= place < len(select.expressions):
                keys.append(select.expressions[place].unalias())
        elif isinstance(key, exp.Column) and not key.table:
            keys.append(key)
            target = env.outputs.get(key.name.casefold())
            if target is not None and env.lookup(key.name.casefold(), "") is None:
                keys.append(target.unalias())
        else:
            keys.append(key)
    return keys


def _spelling(node: exp.Expr, resolver: Resolver) -> str:
    """Text of an expression with columns as alias.name, so that x and t.x agree."""
    if isinstance(node, exp.Column):
        found = resolver.resolve(node)
        table = found.alias if found is not None else node.table.casefold()
        return f"{table}.{node.name.casefold()}"
    copy = node.copy()
    pairs = zip(node.find_all(exp.Column), copy.find_all(exp.Column), strict=True)
    for original, copied in list(pairs):
        found = resolver.resolve(original)
        if found is not None and found.alias:
            copied.replace(exp.column(original.name.casefold(), table=found.alias))
    return copy.sql(comments=False).casefold()


def _expand_stars(select: exp.Select, env: Env) -> None:
    """`*` beside GROUP BY stands for all columns, each of which may be bare."""
    expanded: list[exp.Expr] = []
    for projection in select.expressions:
        if not projection.is_star:
            expanded.append(projection)
            continue
        wanted = projection.table.casefold() if isinstance(projection, exp.Column) else ""
        for source in env.sources:
            if wanted and source.alias != wanted:
                continue
            if not source.known:
                return
            expanded.extend(
                exp.column(c.name, table=source.alias, quoted=True) for c in source.columns
            )
    select.set("expressions", expanded)


def distinct_order(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """SELECT DISTINCT a … ORDER BY b: SQLite orders by b of the first row of each a."""
    for select in reversed(find_nodes(tree, exp.Select)):
        order = select.args.get("order")
        if select.args.get("distinct") is None or order is None:
            continue
        resolver = Resolver(tree, schema)
        env = resolver.envs.get(id(select))
        if env is None or any(p.is_star for p in select.expressions):
            continue
        offered = {_spelling(p.unalias(), resolver) for p in select.expressions}
        offered |= {"." + name for name in env.outputs}
        names = set(env.outputs)
        hidden = [
            o
            for o in order.expressions
            if _spelling(o.this, resolver) not in offered
            and not (isinstance(o.this, exp.Column) and o.this.name.casefold() in names)
            and not isinstance(o.this, exp.Literal)
        ]
        if hidden:
            new = _grouped(select, order, offered, resolver)
            if select is tree:
                tree = new
            else:
                select.replace(new)
    return tree


def _grouped(
    select: exp.Select, order: exp.Order, offered: set[str], resolver: Resolver
) -> exp.Select:
    del offered
    outputs = [p.alias_or_name for p in select.expressions]
    spelled = [_spelling(p.unalias(), resolver) for p in select.expressions]
    inner = select.copy()
    for clause in ("order", "distinct", "limit", "offset", "with_"):
        inner.set(clause, None)
    columns = [
        exp.alias_(p.unalias().copy(), f"_c{i}", quoted=True)
        for i, p in enumerate(select.expressions)
    ]
    keys: list[exp.Expr] = []
    for number, ordered in enumerate(order.expressions):
        text = _spelling(ordered.this, resolver)
        by_alias = [
            i
            for i, p in enumerate(select.expressions)
            if isinstance(ordered.this, exp.Column)
            and not ordered.this.table
            and p.alias.casefold() == ordered.this.name.casefold()
        ]
        if isinstance(ordered.this, exp.Literal):
            place = int(ordered.this.this) - 1
            key: exp.Expr = exp.column(f"_c{place}", quoted=True)
        elif by_alias or text in spelled:
            place = by_alias[0] if by_alias else spelled.index(text)
            key = exp.column(f"_c{place}", quoted=True)
        else:
            columns.append(exp.alias_(ordered.this.copy(), f"_k{number}", quoted=True))
            key = call("FIRST", exp.column(f"_k{number}", quoted=True))
        renewed = ordered.copy()
        renewed.set("this", key)
        keys.append(renewed)
    inner.set("expressions", columns)
    names = [exp.column(f"_c{i}", quoted=True) for i in range(len(outputs))]
    outer = exp.Select(
        expressions=[
            exp.alias_(c.copy(), name or f"_c{i}", quoted=True)
            for i, (c, name) in enumerate(zip(names, outputs, strict=True))
        ]
    ).from_(inner.subquery("_d", copy=False), copy=False)
    outer.set("group", exp.Group(expressions=names))
    outer.set("order", exp.Order(expressions=keys))
    for clause in ("limit", "offset", "with_"):
        if select.args.get(clause) is not None:
            outer.set(clause, select.args[clause].copy())
    return outer
