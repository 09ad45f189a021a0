"""Passes over values of different types: SQLite's affinity rules.

https://sqlite.org/datatype3.html, sections 4.1 to 4.3: a numeric column makes the text
it is compared with a number if it looks like one; a text column makes a number text;
otherwise a number is smaller than any text.
"""

from __future__ import annotations

import math

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import as_text, constant_unless_null, whole_text_as_number, wrap
from sql_ft.execution.resolve import NUMERIC, TEXT, Resolver
from sql_ft.execution.tables import NUMERIC_AFFINITIES, Schema

# Stands for "equals nothing" where an IN list would be left empty.
_UNLIKELY = "987654321.123456789"
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_NUMBER_IS_SMALLER: dict[type[exp.Expr], bool] = {
    exp.EQ: False,
    exp.NEQ: True,
    exp.LT: True,
    exp.LTE: True,
    exp.GT: False,
    exp.GTE: False,
}
_MIRROR: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}


def compare_across_types(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """=, <>, <, BETWEEN and IN between a number and a text."""
    resolver = Resolver(tree, schema)
    for node in reversed(find_nodes(tree, *_COMPARISONS, exp.Between, exp.In)):
        if isinstance(node, exp.Between):
            _between(node, resolver)
        elif isinstance(node, exp.In):
            _membership(node, resolver)
        else:
            _compare(node, resolver)
    return tree


def _compare(node: exp.Expr, resolver: Resolver) -> None:
    left, right = node.this, node.expression
    for column, other, seen in ((left, right, type(node)), (right, left, _MIRROR[type(node)])):
        compared = _compare_stored(column, other, seen, resolver)
        if compared is not None:
            node.replace(compared)
            return
    kinds = resolver.type_of(left), resolver.type_of(right)
    if TEXT not in kinds or not any(k in NUMERIC for k in kinds):
        return
    number, other = (left, right) if kinds[0] in NUMERIC else (right, left)
    operator: type[exp.Expr] = type(node)
    if number is not left:
        operator = _MIRROR[operator]
    if resolver.has_affinity(number):
        if not _looks_numeric(other):
            node.replace(
                constant_unless_null(_NUMBER_IS_SMALLER[operator], number.copy(), other.copy())
            )
        else:
            wrap(other, _as_number)
    elif resolver.has_affinity(other):
        wrap(number, _number_as_text)
    else:
        node.replace(
            constant_unless_null(_NUMBER_IS_SMALLER[operator], number.copy(), other.copy())
        )


def _compare_stored(
    column: exp.Expr, other: exp.Expr, operator: type[exp.Expr], resolver: Resolver
) -> exp.Expr | None:
    """A text column of numeric affinity beside a number: only real databases have such.

    SQLite keeps a text in it because it is no number, and text is larger than any number.
    """
    if resolver.stored_affinity(column) not in NUMERIC_AFFINITIES:
        return None
    if resolver.type_of(column) != TEXT:
        return None
    inner = other.unnest()
    number: exp.Expr | None = None
    if resolver.type_of(other) in NUMERIC:
        number = other.copy()
    elif isinstance(inner, exp.Literal) and inner.is_string:
        number = _number_literal(inner.this)
    if number is None:
        return None
    larger = operator in (exp.NEQ, exp.GT, exp.GTE)
    value = whole_text_as_number(column.copy())
    text_case = exp.If(
        this=exp.Is(this=value, expression=exp.Null()),
        true=constant_unless_null(larger, column.copy(), number.copy()),
    )
    return exp.Paren(
        this=exp.Case(ifs=[text_case], default=operator(this=value.copy(), expression=number))
    )


def _between(node: exp.Between, resolver: Resolver) -> None:
    low, high = node.args["low"], node.args["high"]
    if _between_stored(node, resolver):
        return
    kinds = {resolver.type_of(n) for n in (node.this, low, high)}
    if TEXT not in kinds or not kinds & set(NUMERIC):
        return
    subject = node.this
    above: exp.Expr = exp.GTE(this=subject, expression=low)
    below: exp.Expr = exp.LTE(this=subject.copy(), expression=high)
    # The copy has no entry in the resolver, so both halves are decided by the original.
    both = exp.Paren(this=exp.And(this=above, expression=below))
    if node.args.get("symmetric"):
        return
    kind, affine = resolver.type_of(subject), resolver.has_affinity(subject)
    node.replace(both)
    for half, bound in ((above, low), (below, high)):
        bound_kind = resolver.type_of(bound)
        if {kind, bound_kind} & set(NUMERIC) and TEXT in (kind, bound_kind):
            if kind in NUMERIC and affine:
                if not _looks_numeric(bound):
                    half.replace(
                        constant_unless_null(
                            _NUMBER_IS_SMALLER[type(half)], subject.copy(), bound.copy()
                        )
                    )
                else:
                    wrap(bound, _as_number)
            elif kind == TEXT:
                wrap(bound, _number_as_text)
            else:
                half.replace(
                    constant_unless_null(
                        _NUMBER_IS_SMALLER[type(half)], subject.copy(), bound.copy()
                    )
                )


def _between_stored(node: exp.Between, resolver: Resolver) -> bool:
    """True if the subject is such a column and the node has been replaced."""
    low, high = node.args["low"], node.args["high"]
    above = _compare_stored(node.this, low, exp.GTE, resolver)
    below = _compare_stored(node.this, high, exp.LTE, resolver)
    if (above is None and below is None) or node.args.get("symmetric"):
        return False
    above = above or exp.GTE(this=node.this.copy(), expression=low.copy())
    below = below or exp.LTE(this=node.this.copy(), expression=high.copy())
    node.replace(exp.Paren(this=exp.And(this=above, expression=below)))
    return True


def _membership(node: exp.In, resolver: Resolver) -> None:
    kind, affine = resolver.type_of(node.this), resolver.has_affinity(node.this)
    if kind not in (*NUMERIC, TEXT):
        return
    for item in list(node.expressions):
        item_kind = resolver.type_of(item)
        if kind in NUMERIC and item_kind == TEXT:
            if affine and _looks_numeric(item):
                wrap(item, _as_number)
            elif len(node.expressions) > 1:
                # A number never equals a text that is no number: the item matches nothing.
                item.pop()
            else:
                item.replace(exp.Neg(this=exp.Literal.number(_UNLIKELY)))
        elif kind == TEXT and item_kind in NUMERIC:
            wrap(item, _number_as_text)
    query = node.args.get("query")
    if query is None:
        return
    outputs = resolver.outputs(query.this if isinstance(query, exp.Subquery) else query)
    if len(outputs) != 1:
        return
    inner = outputs[0]
    if kind in NUMERIC and inner.type == TEXT:
        node.set("query", _wrapped(query, "DOUBLE"))
    elif kind == TEXT and inner.type in NUMERIC:
        if inner.affinity:
            wrap(node.this, whole_text_as_number)
        else:
            node.set("query", _wrapped(query, "VARCHAR"))


def _wrapped(query: exp.Expr, kind: str) -> exp.Subquery:
    inner = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query)
    source = inner.copy()
    source.set(
        "alias",
        exp.TableAlias(
            this=exp.to_identifier("_in", quoted=True),
            columns=[exp.to_identifier("_value", quoted=True)],
        ),
    )
    column = exp.column("_value", quoted=True)
    value = exp.TryCast(this=column, to=exp.DataType.build(kind))
    return exp.Subquery(this=exp.Select(expressions=[value]).from_(source, copy=False))


def _looks_numeric(node: exp.Expr) -> bool:
    inner = node.unnest()
    return not isinstance(inner, exp.Literal) or _number_literal(inner.this) is not None


def _as_number(node: exp.Expr) -> exp.Expr:
    """The number of a text; NULL for a text that is none."""
    inner = node.unnest()
    literal = _number_literal(inner.this) if isinstance(inner, exp.Literal) else None
    return whole_text_as_number(node) if literal is None else literal


def _number_literal(text: str) -> exp.Expr | None:
    value = text.strip()
    if not value.isascii() or "_" in value:
        return None
    if value.isdigit() and len(value) < 19:
        return exp.Literal.number(str(int(value)))
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    literal = exp.Literal.number(repr(abs(number)))
    return exp.Neg(this=literal) if number < 0 else literal


def _number_as_text(node: exp.Expr) -> exp.Expr:
    inner = node.unnest()
    negative = isinstance(inner, exp.Neg)
    digits = inner.this if negative else inner
    if isinstance(digits, exp.Literal) and not digits.is_string:
        value = digits.this if digits.this.isdigit() else repr(float(digits.this))
        return exp.Literal.string(("-" if negative else "") + value)
    return as_text(node)


def unify_branches(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """CASE, COALESCE, IIF and NULLIF with numbers beside text: all as text."""
    nodes = find_nodes(tree, exp.Case, exp.Coalesce, exp.If, exp.Nullif)
    if not nodes:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(nodes):
        if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
            continue
        branches = _branches(node)
        kinds = [resolver.type_of(b) for b in branches]
        if TEXT in kinds and any(k in NUMERIC for k in kinds):
            for branch, kind in zip(branches, kinds, strict=True):
                if kind in NUMERIC:
                    wrap(branch, _number_as_text)
        if isinstance(node, exp.Case) and node.this is not None:
            _unify_switch(node, resolver)
    return tree


def _branches(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Case):
        found = [*(i.args.get("true") for i in node.args["ifs"]), node.args.get("default")]
    elif isinstance(node, exp.If):
        found = [node.args.get("true"), node.args.get("false")]
    elif isinstance(node, exp.Nullif):
        found = [node.this, node.expression]
    else:
        found = [node.this, *node.expressions]
    return [b for b in found if b is not None and not isinstance(b, exp.Null)]


def _unify_switch(node: exp.Case, resolver: Resolver) -> None:
    kind = resolver.type_of(node.this)
    for branch in node.args["ifs"]:
        value = branch.this
        value_kind = resolver.type_of(value)
        if kind in NUMERIC and value_kind == TEXT:
            wrap(value, _as_number)
        elif kind == TEXT and value_kind in NUMERIC:
            wrap(value, _number_as_text)
