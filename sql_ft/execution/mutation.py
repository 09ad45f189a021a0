"""Mutation operators: which small changes can be made to one node of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from sql_ft.execution.compare import order_key_positions
from sql_ft.execution.mutation_columns import (
    added_correlation,
    column_changes,
    group_additions,
    nullable_column,
    shown_keys,
)
from sql_ft.execution.mutation_rewrites import rewrites
from sql_ft.execution.resolve import Query, Resolver

Change = Callable[[exp.Expr], None]

_FLIPPED: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.EQ: (exp.NEQ,), exp.NEQ: (exp.EQ,), exp.LT: (exp.GT,), exp.GT: (exp.LT,),
    exp.LTE: (exp.GTE,), exp.GTE: (exp.LTE,),
}  # fmt: skip
_SHIFTED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT,
}  # fmt: skip
_ARITHMETIC: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Div, exp.Div: exp.Mul,
}  # fmt: skip
_AGGREGATES: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.Sum: (exp.Avg, exp.Max, exp.Count),
    exp.Avg: (exp.Sum, exp.Max, exp.Min),
    exp.Max: (exp.Min, exp.Avg),
    exp.Min: (exp.Max, exp.Avg),
}


def find_changes(node: exp.Expr, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    """Changes of one node as (``operator:detail``, change); a change edits a copy of it."""
    if isinstance(node, exp.Select):
        yield from _select_changes(node, resolver)
        yield from rewrites(node, resolver)
    if isinstance(node, (exp.Where, exp.Having)):
        yield "condition:dropped", _pop
    elif isinstance(node, (exp.And, exp.Or)):
        yield "condition:dropped", lambda n: _become(n, n.this)
        yield "condition:dropped", lambda n: _become(n, n.expression)
        other = exp.Or if isinstance(node, exp.And) else exp.And
        yield f"connective:{other.key}", lambda n: _retype(n, other)
    elif type(node) in _FLIPPED:
        yield from _comparison_changes(node)
    elif type(node) in _ARITHMETIC:
        yield f"arithmetic:{_ARITHMETIC[type(node)].key}", _retyper(_ARITHMETIC[type(node)])
    elif isinstance(node, exp.Not) and not isinstance(node.this, exp.Is):
        yield "condition:flipped", lambda n: _become(n, n.this)
        inner = node.this.unnest()
        if isinstance(inner, exp.In) and inner.args.get("query") is None:
            yield "condition:null_kept", _null_keeper(inner.this)
    elif isinstance(node, (exp.Is, exp.In, exp.Exists, exp.Between)):
        if not isinstance(node.parent, exp.Not):
            yield "condition:flipped", lambda n: _become(n, exp.Not(this=n.copy()))
        if isinstance(node, exp.Between):
            yield from _between_changes()
        elif isinstance(node, exp.In) and len(node.expressions) > 1:
            for number in (0, len(node.expressions) - 1):
                yield "constant:item_dropped", _drop_item(number)
    elif isinstance(node, (exp.Like, exp.ILike)):
        yield "condition:flipped", lambda n: n.set("negate", not n.args.get("negate"))
        if isinstance(node.expression, exp.Literal) and not node.args.get("negate"):
            yield "constant:like_as_equal", _like_to_equal
    elif isinstance(node, exp.Literal):
        yield from _literal_changes(node)
    elif isinstance(node, exp.AggFunc):
        yield from _aggregate_changes(node, resolver)
    elif isinstance(node, exp.Ordered):
        yield "order:direction", _flip_direction
        if isinstance(node.parent, exp.Order) and len(node.parent.expressions) > 1:
            yield "order:key_dropped", _pop
    elif isinstance(node, exp.Order) and not isinstance(node.parent, exp.Window):
        yield "order:dropped", _pop
    elif isinstance(node, (exp.Limit, exp.Offset)):
        yield f"limit:{node.key}_dropped", _pop
    elif isinstance(node, exp.Group):
        yield from _group_changes(node, resolver)
    elif isinstance(node, exp.SetOperation):
        yield from _set_changes(node)
    elif isinstance(node, exp.Join):
        yield from _join_changes(node)
    elif isinstance(node, exp.Column):
        yield from column_changes(node, resolver)


def _pop(node: exp.Expr) -> None:
    node.pop()


def _become(node: exp.Expr, other: exp.Expr) -> None:
    node.replace(other)


def _retype(node: exp.Expr, kind: type[exp.Expr]) -> None:
    node.replace(kind(this=node.this, expression=node.expression))


def _retyper(kind: type[exp.Expr]) -> Change:
    return lambda node: _retype(node, kind)


def _drop_item(number: int) -> Change:
    def change(node: exp.Expr) -> None:
        if len(node.expressions) == 1:
            node.pop()
        else:
            node.expressions[number].pop()

    return change


def _select_changes(node: exp.Select, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    if node.args.get("distinct") is not None:
        yield "distinct:dropped", lambda n: n.set("distinct", None)
    elif (
        node.args.get("group") is None
        and not node.find(exp.AggFunc)
        # SELECT DISTINCT a ORDER BY b has no meaning that engines agree on.
        and (node.args.get("order") is None or order_key_positions(node) is not None)
    ):
        yield "distinct:added", lambda n: n.set("distinct", exp.Distinct())
    correlate = added_correlation(node, resolver)
    if correlate is not None:
        yield "correlation:added", correlate


def _comparison_changes(node: exp.Expr) -> Iterator[tuple[str, Change]]:
    for kind in _FLIPPED[type(node)]:
        yield "condition:flipped", _retyper(kind)
    if type(node) in _SHIFTED:
        yield "condition:shifted", _retyper(_SHIFTED[type(node)])
    if isinstance(node.find_ancestor(exp.Join, *Query), exp.Join):
        return
    literal = node.expression
    if isinstance(node, exp.EQ) and isinstance(literal, exp.Literal):
        if literal.is_string:
            plain = "%" not in literal.this and "_" not in literal.this
            if plain and isinstance(node.this, exp.Column):
                yield "constant:equal_as_like", _equal_to_like
        else:
            yield "condition:shifted", _retyper(exp.GTE)
            yield "condition:shifted", _retyper(exp.LTE)
    if isinstance(node, exp.NEQ) and isinstance(node.this, exp.Column):
        yield "condition:null_kept", _null_keeper(node.this)


def _null_keeper(column: exp.Expr) -> Change:
    """A condition that NULL fails becomes one that NULL passes."""

    def change(node: exp.Expr) -> None:
        is_null = exp.Is(this=column.copy(), expression=exp.Null())
        node.replace(exp.Paren(this=exp.Or(this=node.copy(), expression=is_null)))

    return change


def _equal_to_like(node: exp.Expr) -> None:
    pattern = exp.Literal.string(f"%{node.expression.this}%")
    node.replace(exp.Like(this=node.this, expression=pattern))


def _like_to_equal(node: exp.Expr) -> None:
    text = exp.Literal.string(node.expression.this.strip("%"))
    node.replace(exp.EQ(this=node.this, expression=text))


def _between_changes() -> Iterator[tuple[str, Change]]:
    for detail, low, high in (
        ("shifted", exp.GT, exp.LTE), ("shifted", exp.GTE, exp.LT),
        ("dropped", exp.GTE, None), ("dropped", None, exp.LTE),
    ):  # fmt: skip
        yield f"condition:{detail}", _between_changer(low, high)


def _between_changer(low: type[exp.Expr] | None, high: type[exp.Expr] | None) -> Change:
    def change(node: exp.Expr) -> None:
        parts = [
            kind(this=node.this.copy(), expression=node.args[name].copy())
            for kind, name in ((low, "low"), (high, "high"))
            if kind is not None
        ]
        node.replace(exp.Paren(this=exp.and_(*parts, copy=False)))

    return change


def _literal_changes(node: exp.Literal) -> Iterator[tuple[str, Change]]:
    if isinstance(node.parent, (exp.Group, exp.Ordered)):
        return
    if node.is_string:
        # A format of STRFTIME, a part to cut off: no value that a question names.
        if not isinstance(node.parent, exp.Func) or isinstance(node.parent, exp.Cast):
            yield from _text_changes(node)
    elif node.this.isdigit():
        number = int(node.this)
        name = "limit" if isinstance(node.parent, (exp.Limit, exp.Offset)) else "constant"
        yield f"{name}:+1", _literal_changer(str(number + 1), False)
        if number > 0 and not (number == 1 and isinstance(node.parent, exp.Limit)):
            yield f"{name}:-1", _literal_changer(str(number - 1), False)
    else:
        yield "constant:+0.5", _literal_changer(repr(float(node.this) + 0.5), False)


def _text_changes(node: exp.Literal) -> Iterator[tuple[str, Change]]:
    text = node.this
    if isinstance(node.parent, (exp.Like, exp.ILike)):
        for other in (text.lstrip("%"), text.rstrip("%"), "%" + text, text + "%"):
            if other != text and "%%" not in other:
                yield "constant:pattern", _literal_changer(other, True)
        return
    yield "constant:other", _literal_changer(text + "x", True)
    cased = text.upper() if text == text.lower() else text.lower()
    if cased != text:
        yield "constant:case", _literal_changer(cased, True)


def _literal_changer(text: str, is_string: bool) -> Change:
    def change(node: exp.Expr) -> None:
        node.set("this", text)
        node.set("is_string", is_string)

    return change


def _aggregate_changes(node: exp.Expr, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    inner = node.this
    if not node.expressions:
        for kind in _AGGREGATES.get(type(node), ()):
            yield f"aggregate:{kind.key}", _aggregate_changer(kind)
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        yield "distinct:dropped", lambda n: n.set("this", n.this.expressions[0])
        if isinstance(node, exp.Count):
            yield "aggregate:count_star", lambda n: n.set("this", exp.Star())
    elif isinstance(node, (exp.Count, exp.Sum, exp.Avg)) and isinstance(inner, exp.Column):
        yield "distinct:added", lambda n: n.set("this", exp.Distinct(expressions=[n.this]))
        if isinstance(node, exp.Count):
            yield "aggregate:count_star", lambda n: n.set("this", exp.Star())
    elif isinstance(node, exp.Count) and isinstance(inner, exp.Star):
        column = nullable_column(node, resolver)
        if column is not None:
            yield "aggregate:count_column", lambda n: n.set("this", column.copy())


def _aggregate_changer(kind: type[exp.Expr]) -> Change:
    return lambda node: _become(node, kind(this=node.this))


def _flip_direction(node: exp.Expr) -> None:
    node.set("desc", not node.args.get("desc"))
    node.set("nulls_first", not node.args.get("nulls_first"))


def _group_changes(node: exp.Group, resolver: Resolver) -> Iterator[tuple[str, Change]]:
    for number in range(len(node.expressions)):
        yield "group_key:dropped", _drop_item(number)
    for column in group_additions(node, resolver):
        yield "group_key:added", _appender(column)
    shown = shown_keys(node, resolver)
    if shown:
        yield "group_key:shown", lambda n: n.set("expressions", [c.copy() for c in shown])


def _appender(column: exp.Expr) -> Change:
    return lambda node: node.append("expressions", column.copy())


def _set_changes(node: exp.SetOperation) -> Iterator[tuple[str, Change]]:
    if isinstance(node, exp.Union):
        keep = not node.args.get("distinct")
        yield f"set_operation:{'union' if keep else 'union_all'}", lambda n: n.set("distinct", keep)
    for kind in (exp.Union, exp.Intersect, exp.Except):
        if not isinstance(node, kind):
            yield f"set_operation:{kind.key}", _set_changer(kind)
    if isinstance(node, exp.Except):
        yield "set_operation:swapped", _swap_sides
    if node.args.get("order") is None and node.args.get("limit") is None:
        yield "set_operation:left", lambda n: _become(n, n.this)
        yield "set_operation:right", lambda n: _become(n, n.expression)


def _set_changer(kind: type[exp.Expr]) -> Change:
    def change(node: exp.Expr) -> None:
        arguments = {k: v for k, v in node.args.items() if v is not None}
        node.replace(kind(**{**arguments, "distinct": True}))

    return change


def _swap_sides(node: exp.Expr) -> None:
    left, right = node.this.copy(), node.expression.copy()
    node.set("this", right)
    node.set("expression", left)


def _join_changes(node: exp.Join) -> Iterator[tuple[str, Change]]:
    if node.args.get("on") is None and not node.args.get("using"):
        return
    if node.args.get("side") == "LEFT":
        yield "join_kind:inner", _side_changer(None)
    elif not node.args.get("side"):
        yield "join_kind:left", _side_changer("LEFT")
        yield "join_kind:right", _side_changer("RIGHT")
    if node.args.get("on") is not None:
        yield "join_key:dropped", lambda n: n.set("on", exp.Boolean(this=True))


def _side_changer(side: str | None) -> Change:
    def change(node: exp.Expr) -> None:
        node.set("side", side)
        node.set("kind", None)

    return change
