"""Passes over numbers: division, casts, text in arithmetic, booleans, literals."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import call, number_from_text, wrap
from sql_ft.execution.resolve import INTEGER, NUMERIC, TEXT, Resolver
from sql_ft.execution.tables import Schema

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_NUMERIC_CALLS = (exp.Sum, exp.Avg, exp.Abs, exp.Round)
_BOOLEAN = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Like, exp.ILike,
            exp.Between, exp.Not, exp.And, exp.Or, exp.Exists, exp.Boolean, exp.NullSafeEQ,
            exp.NullSafeNEQ)  # fmt: skip


def text_as_numbers(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """SUM, AVG, ABS, ROUND and arithmetic read the leading number of a text."""
    nodes = find_nodes(tree, *_ARITHMETIC, *_NUMERIC_CALLS)
    if not nodes:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(nodes):
        binary = isinstance(node, exp.Binary)
        for operand in [node.this, node.expression] if binary else [node.this]:
            distinct = isinstance(operand, exp.Distinct)
            inner = operand.expressions[0] if distinct else operand
            if isinstance(inner, exp.Literal) and inner.is_string:
                inner.replace(exp.Literal.number(_leading_number(inner.this)))
            elif resolver.type_of(inner) == TEXT:
                wrap(inner, number_from_text)
    return tree


def divisions(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Whole by whole truncates; a zero divisor gives NULL; % works on whole numbers."""
    nodes = find_nodes(tree, exp.Div, exp.Mod)
    if not nodes:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(nodes):
        whole = resolver.type_of(node.left) == resolver.type_of(node.right) == INTEGER
        wrap(node, _whole_division if whole else _real_division)
    return tree


def _whole_division(node: exp.Expr) -> exp.Expr:
    # DIVIDE is DuckDB's `//`.
    name = "MOD" if isinstance(node, exp.Mod) else "DIVIDE"
    return call(name, node.this, _not_zero(node.expression))


def _real_division(node: exp.Expr) -> exp.Expr:
    left, right = node.this, node.expression
    if isinstance(node, exp.Mod):
        return _double(call("MOD", _truncated(left), _not_zero(_truncated(right))))
    return exp.Paren(this=exp.Div(this=_double(left), expression=_not_zero(right), typed=True))


def casts(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """CAST truncates to INTEGER, reads the leading number of a text, and has 64 bits."""
    nodes = find_nodes(tree, exp.Cast)
    if not nodes:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(nodes):
        if isinstance(node, exp.TryCast):
            continue
        new = _cast(node, resolver.type_of(node.this))
        if new is not None:
            wrap(node, new)
    return tree


def _cast(node: exp.Cast, kind: str) -> Callable[[exp.Expr], exp.Expr] | None:
    target = node.to.this
    if target in exp.DataType.TEXT_TYPES:
        return None
    if target in exp.DataType.INTEGER_TYPES or target in exp.DataType.TEMPORAL_TYPES:
        # DATE and the like have numeric affinity in SQLite: '2020-01-02' becomes 2020.
        if kind == INTEGER:
            return _operand
        return _truncated_operand if kind in NUMERIC else _truncated_text
    if target in exp.DataType.NUMERIC_TYPES:
        if kind not in NUMERIC:
            return _number_operand
        return _double_operand if target in exp.DataType.REAL_TYPES else _operand
    return None


def _operand(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node.this)


def _double_operand(node: exp.Expr) -> exp.Expr:
    return _double(node.this)


def _number_operand(node: exp.Expr) -> exp.Expr:
    return number_from_text(node.this)


def _truncated_operand(node: exp.Expr) -> exp.Expr:
    return _truncated(node.this)


def _truncated_text(node: exp.Expr) -> exp.Expr:
    return _truncated(number_from_text(node.this))


def _whole(node: exp.Expr) -> exp.Expr:
    return exp.cast(node, "BIGINT")


def booleans_as_numbers(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """A comparison inside arithmetic, AVG or beside a number is 0 or 1."""
    beside = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
    nodes = [
        (node, [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this])
        for node in tree.find_all(*_ARITHMETIC, exp.Sum, exp.Avg, exp.Max, exp.Min, *beside)
    ]
    if not any(isinstance(o.unnest(), _BOOLEAN) for _, operands in nodes for o in operands):
        return tree
    resolver = Resolver(tree, schema)
    for node, operands in nodes:
        binary = isinstance(node, exp.Binary)
        for place, operand in enumerate(operands):
            if not isinstance(operand.unnest(), _BOOLEAN):
                continue
            other = operands[1 - place] if binary else None
            if isinstance(node, beside) and resolver.type_of(other) not in NUMERIC:
                continue
            if isinstance(node, beside) and isinstance(other, _BOOLEAN):
                continue
            wrap(operand, _whole)
    return tree


def real_literals(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """0.1 is a DECIMAL in DuckDB and a DOUBLE in SQLite: write it with an exponent."""
    del schema
    for literal in find_nodes(tree, exp.Literal):
        if literal.is_string or literal.this.isdigit():
            continue
        digits = literal.this.lower()
        if "e" not in digits and digits.replace(".", "", 1).isdigit():
            literal.replace(exp.Literal.number(f"{digits}e0"))
    return tree


def _truncated(node: exp.Expr) -> exp.Expr:
    return exp.cast(call("TRUNC", _double(node)), "BIGINT")


def _double(node: exp.Expr) -> exp.Expr:
    return exp.cast(node, "DOUBLE")


def _not_zero(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal) and float(node.this) != 0:
        return node
    return call("NULLIF", node, exp.Literal.number(0))


def _leading_number(value: str) -> str:
    best = "0"
    for end in range(1, len(value) + 1):
        part = value[:end].strip()
        try:
            float(part)
        except ValueError:
            continue
        if part[-1].isdigit():
            best = part.lstrip("+")
    return best if best[0].isdigit() else "0"
