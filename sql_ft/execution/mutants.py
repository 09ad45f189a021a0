"""Mutants of a gold: small wrong queries that good databases tell from it.

The operators are those of mutation testing of SQL (Tuya, Suárez-Cabal, de la Riva 2007,
"Mutating database queries") and of the fuzzing in Zhong, Yu, Klein 2020 ("Semantic
Evaluation for Text-to-SQL with Distilled Test Suites"), cut down to those that a
text-to-SQL model's mistakes resemble.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from sqlglot import exp

from sql_ft.execution.resolve import Resolved, Resolver
from sql_ft.execution.tables import Schema

MAX_MUTANTS = 120
Change = Callable[[exp.Expr], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """`name` is ``operator:detail``; `sql` is in the source dialect."""

    name: str
    sql: str


def generate_mutants(tree: exp.Expr, schema: Schema, dialect: str = "sqlite") -> list[Mutant]:
    """All mutants of `Translated.source`, without repeats, in a fixed order."""
    original = tree.sql(dialect=dialect)
    seen = {original}
    mutants: list[Mutant] = []
    resolver = Resolver(tree, schema)
    for place, node in enumerate(tree.walk()):
        for name, change in _changes(node, resolver):
            if is_equivalent(name, node, resolver):
                continue
            copy = tree.copy()
            target = next(n for i, n in enumerate(copy.walk()) if i == place)
            root = exp.Select(expressions=[copy]) if target is copy else None
            change(target)
            sql = (root.expressions[0] if root is not None else copy).sql(dialect=dialect)
            if sql not in seen:
                seen.add(sql)
                mutants.append(Mutant(name, sql))
            if len(mutants) >= MAX_MUTANTS:
                return mutants
    return mutants


def is_equivalent(name: str, node: exp.Expr, resolver: Resolver) -> bool:
    """True if the mutant returns what the gold returns on every database.

    Each rule is a short proof: DISTINCT changes nothing inside IN, EXISTS or a set
    operation that removes duplicates, nor where a key is selected from a single table;
    what EXISTS selects is never looked at; LEFT JOIN is JOIN where a later condition
    rejects the NULLs that it would add. (Columns that a join makes equal are not swapped.)
    """
    if name == "distinct:added" and isinstance(node, exp.Select):
        if node.args.get("limit") is None and _is_set(node):
            return True
        sources = resolver.envs[id(node)].sources
        if len(sources) == 1:
            outputs = resolver.outputs(node)
            return any(o.column is not None and o.column.unique for o in outputs)
    if _selected_by_exists(node):
        return True
    return name == "join:left" and isinstance(node, exp.Join) and _rejects_nulls(node)


def _is_set(node: exp.Select) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Subquery) and not parent.alias:
        parent = parent.parent
    if isinstance(parent, (exp.In, exp.Exists)):
        return True
    return isinstance(parent, exp.SetOperation) and bool(parent.args.get("distinct"))


def _selected_by_exists(node: exp.Expr) -> bool:
    child, parent = node, node.parent
    while parent is not None and not isinstance(parent, exp.Query):
        child, parent = parent, parent.parent
    if not isinstance(parent, exp.Select) or not isinstance(parent.parent, exp.Exists):
        return False
    return any(child is p for p in parent.expressions) and not node.find(exp.AggFunc)


def _rejects_nulls(join: exp.Join) -> bool:
    select = join.parent
    if not isinstance(select, exp.Select):
        return False
    joins = select.args["joins"]
    later = joins[next(i for i, j in enumerate(joins) if j is join) + 1 :]
    conditions = [j.args["on"] for j in later if j.args.get("on") and not j.args.get("side")]
    if select.args.get("where") is not None:
        conditions.append(select.args["where"].this)
    return any(_rejects(c, join.alias_or_name.casefold()) for c in conditions)


def _rejects(condition: exp.Expr, alias: str) -> bool:
    """True if the condition is never true where all columns of `alias` are NULL."""
    node = condition.unnest()
    if isinstance(node, exp.And):
        return _rejects(node.this, alias) or _rejects(node.expression, alias)
    if isinstance(node, exp.Or):
        return _rejects(node.this, alias) and _rejects(node.expression, alias)
    if not isinstance(node, _NULL_REJECTING):
        return False
    return any(
        isinstance(side, exp.Column) and side.table.casefold() == alias
        for side in (node.this, node.args.get("expression"))
    )


_NULL_REJECTING = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.ILike, exp.In,
                   exp.Between)  # fmt: skip


def _equated(select: exp.Expr) -> set[frozenset[tuple[str, str]]]:
    """Pairs of columns that an inner join makes equal in every row of the SELECT."""
    joins = select.args.get("joins") or []
    if any(j.args.get("side") for j in joins):
        return set()
    conditions = [j.args["on"] for j in joins if j.args.get("on") is not None]
    pairs = set()
    for condition in conditions:
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if isinstance(part, exp.EQ) and all(
                isinstance(side, exp.Column) for side in (part.this, part.expression)
            ):
                pairs.add(
                    frozenset(
                        (side.table.casefold(), side.name.casefold())
                        for side in (part.this, part.expression)
                    )
                )
    return pairs


def _changes(node: exp.Expr, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    if isinstance(node, exp.Select):
        yield from _select_changes(node)
    if isinstance(node, (exp.Where, exp.Having)):
        yield f"drop_{node.key}", _pop
    elif isinstance(node, (exp.And, exp.Or)):
        yield "drop_condition:right", lambda n: _become(n, n.this)
        yield "drop_condition:left", lambda n: _become(n, n.expression)
        other = exp.Or if isinstance(node, exp.And) else exp.And
        yield f"connective:{other.key}", lambda n: _retype(n, other)
    elif type(node) in _OPERATORS:
        for operator in _OPERATORS[type(node)]:
            yield f"operator:{operator.key}", _retyper(operator)
    elif isinstance(node, exp.Not) and not isinstance(node.this, exp.Is):
        yield "negation:dropped", lambda n: _become(n, n.this)
    elif isinstance(node, (exp.Is, exp.In, exp.Exists, exp.Between)):
        yield "negation:added", lambda n: _become(n, exp.Not(this=n.copy()))
    elif isinstance(node, (exp.Like, exp.ILike)):
        yield "negation:added", lambda n: n.set("negate", not n.args.get("negate"))
    elif isinstance(node, exp.Literal):
        yield from _literal_changes(node)
    elif isinstance(node, exp.AggFunc):
        yield from _aggregate_changes(node)
    elif isinstance(node, exp.Ordered):
        yield "order_direction", _flip_direction
    elif isinstance(node, exp.Order):
        yield "drop_order", _pop
    elif isinstance(node, exp.Limit):
        yield "drop_limit", _pop
    elif isinstance(node, exp.Group):
        for number in range(len(node.expressions)):
            yield f"drop_group_key:{number}", _drop_item(number)
    elif isinstance(node, exp.SetOperation):
        yield from _set_changes(node)
    elif isinstance(node, exp.Join):
        yield from _join_changes(node)
    elif isinstance(node, exp.Column):
        for name, alias in _other_columns(node, resolver):
            yield f"column:{name}", _column_changer(name, alias)


_OPERATORS: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.EQ: (exp.NEQ,),
    exp.NEQ: (exp.EQ,),
    exp.LT: (exp.LTE, exp.GT),
    exp.LTE: (exp.LT, exp.GTE),
    exp.GT: (exp.GTE, exp.LT),
    exp.GTE: (exp.GT, exp.LTE),
    exp.Add: (exp.Sub,),
    exp.Sub: (exp.Add,),
    exp.Mul: (exp.Div,),
    exp.Div: (exp.Mul,),
}


def _pop(node: exp.Expr) -> None:
    node.pop()


def _become(node: exp.Expr, other: exp.Expr) -> None:
    node.replace(other)


def _retype(node: exp.Expr, kind: type[exp.Expr]) -> None:
    node.replace(kind(this=node.this, expression=node.expression))


def _retyper(kind: type[exp.Expr]) -> Change:
    return lambda node: _retype(node, kind)


def _flip_direction(node: exp.Expr) -> None:
    node.set("desc", not node.args.get("desc"))
    node.set("nulls_first", not node.args.get("nulls_first"))


def _drop_item(number: int) -> Change:
    def change(node: exp.Expr) -> None:
        if len(node.expressions) == 1:
            node.pop()
        else:
            node.expressions[number].pop()

    return change


def _select_changes(node: exp.Select) -> Iterator[tuple[str, Change]]:
    if node.args.get("distinct") is not None:
        yield "distinct:dropped", lambda n: n.set("distinct", None)
    elif node.args.get("group") is None and not node.find(exp.AggFunc):
        yield "distinct:added", lambda n: n.set("distinct", exp.Distinct())
    group = node.args.get("group")
    if group is not None and len(group.expressions) > 0:
        yield "drop_group", lambda n: n.set("group", None)


def _literal_changes(node: exp.Literal) -> Iterator[tuple[str, Change]]:
    if isinstance(node.parent, (exp.Group, exp.Ordered)):
        return
    if node.is_string:
        text = node.this
        if isinstance(node.parent, (exp.Like, exp.ILike)):
            for stripped in (text.lstrip("%"), text.rstrip("%"), "%" + text, text + "%"):
                if stripped != text and "%%" not in stripped:
                    yield "pattern", _literal_changer(stripped, True)
        else:
            yield "constant:other", _literal_changer(text + "x", True)
        return
    if node.this.isdigit():
        number = int(node.this)
        yield "constant:+1", _literal_changer(str(number + 1), False)
        if number > 0 and not (number == 1 and isinstance(node.parent, exp.Limit)):
            yield "constant:-1", _literal_changer(str(number - 1), False)
    else:
        yield "constant:+0.5", _literal_changer(repr(float(node.this) + 0.5), False)


def _literal_changer(text: str, is_string: bool) -> Change:
    def change(node: exp.Expr) -> None:
        node.set("this", text)
        node.set("is_string", is_string)

    return change


_AGGREGATES: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.Sum: (exp.Avg, exp.Max),
    exp.Avg: (exp.Sum, exp.Max),
    exp.Max: (exp.Min,),
    exp.Min: (exp.Max,),
}


def _aggregate_changes(node: exp.Expr) -> Iterator[tuple[str, Change]]:
    for kind in _AGGREGATES.get(type(node), ()):
        yield f"aggregate:{kind.key}", lambda n, k=kind: n.replace(k(this=n.this))  # type: ignore[misc]
    inner = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        yield "distinct:dropped", lambda n: n.set("this", n.this.expressions[0])
        if isinstance(node, exp.Count):
            yield "aggregate:count_star", lambda n: n.set("this", exp.Star())
    elif isinstance(node, exp.Count) and isinstance(inner, exp.Column):
        yield "distinct:added", lambda n: n.set("this", exp.Distinct(expressions=[n.this]))
        yield "aggregate:count_star", lambda n: n.set("this", exp.Star())


def _set_changes(node: exp.SetOperation) -> Iterator[tuple[str, Change]]:
    if isinstance(node, exp.Union):
        keep = not node.args.get("distinct")
        yield f"set:{'union' if keep else 'union_all'}", lambda n: n.set("distinct", keep)
    for kind in (exp.Union, exp.Intersect, exp.Except):
        if not isinstance(node, kind):
            yield f"set:{kind.key}", _set_changer(kind)
    if node.args.get("order") is None and node.args.get("limit") is None:
        yield "set:left", lambda n: _become(n, n.this)
        yield "set:right", lambda n: _become(n, n.expression)


def _set_changer(kind: type[exp.Expr]) -> Change:
    def change(node: exp.Expr) -> None:
        arguments = {k: v for k, v in node.args.items() if v is not None}
        node.replace(kind(**{**arguments, "distinct": True}))

    return change


def _join_changes(node: exp.Join) -> Iterator[tuple[str, Change]]:
    if node.args.get("on") is None and not node.args.get("using"):
        return
    if node.args.get("side") == "LEFT":
        yield "join:inner", _side_changer(None)
    elif not node.args.get("side"):
        yield "join:left", _side_changer("LEFT")
    if node.args.get("on") is not None:
        yield "join:no_condition", lambda n: n.set("on", exp.Boolean(this=True))


def _side_changer(side: str | None) -> Change:
    def change(node: exp.Expr) -> None:
        node.set("side", side)
        node.set("kind", None)

    return change


def _other_columns(node: exp.Column, resolver: Resolver) -> list[tuple[str, str]]:
    """Up to two columns to confuse this one with: of its own table first, one type."""
    found, env = resolver.resolve(node), resolver.scope_of(node)
    if found is None or env is None or found.column is None:
        return []
    equated = set() if node.find_ancestor(exp.Join) else _equated(env.select)
    options: list[tuple[str, str]] = []
    sources = sorted(env.sources, key=lambda s: s.alias != found.alias)
    for source in sources:
        for column in source.columns:
            pair = frozenset(
                [(source.alias, column.name.casefold()), (found.alias, found.name.casefold())]
            )
            if _confusable(column, found) and source.alias and pair not in equated:
                options.append((column.name, source.alias))
    return options[:2]


def _confusable(column: Resolved, found: Resolved) -> bool:
    same = column.name.casefold() == found.name.casefold() and column.table is found.table
    return not same and column.type == found.type


def _column_changer(name: str, alias: str) -> Change:
    def change(node: exp.Expr) -> None:
        node.replace(exp.column(name, table=alias, quoted=True))

    return change
