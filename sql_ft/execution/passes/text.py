"""Passes over text: LIKE, string functions, GROUP_CONCAT, TOTAL and the like."""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import as_text, call, number_from_text, text, wrap
from sql_ft.execution.resolve import INTEGER, NUMERIC, REAL, TEXT, Resolver
from sql_ft.execution.tables import Schema

_TEXT_ARGUMENT = (exp.Upper, exp.Lower, exp.Length, exp.Substring, exp.Trim, exp.Replace,
                  exp.StrPosition)  # fmt: skip
_TYPE_NAMES = {INTEGER: "integer", REAL: "real", TEXT: "text"}


def case_insensitive_like(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """LIKE ignores letter case in SQLite (ILIKE), and takes numbers as text; GLOB does not."""
    nodes = find_nodes(tree, exp.Like, exp.Glob)
    if not nodes:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(nodes):
        for operand in (node.this, node.expression):
            if resolver.type_of(operand) in NUMERIC:
                wrap(operand, as_text)
        if isinstance(node, exp.Like):
            node.replace(exp.ILike(**{k: v for k, v in node.args.items() if v is not None}))
    return tree


def text_functions(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """String functions take numbers as text."""
    if tree.find(*_TEXT_ARGUMENT, exp.DPipe) is None:
        return tree
    resolver = Resolver(tree, schema)
    for node in reversed(find_nodes(tree, *_TEXT_ARGUMENT)):
        if resolver.type_of(node.this) != TEXT:
            wrap(node.this, as_text)
        for key in ("start", "length"):
            place = node.args.get(key)
            if isinstance(place, exp.Expr) and resolver.type_of(place) == REAL:
                wrap(place, _whole)
    for concat in reversed(find_nodes(tree, exp.DPipe)):
        for operand in (concat.this, concat.expression):
            if resolver.type_of(operand) != TEXT:
                wrap(operand, as_text)
    return tree


def aggregates(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """GROUP_CONCAT, TOTAL, TYPEOF, COUNT() and the one-argument forms DuckDB lacks."""
    for count in find_nodes(tree, exp.Count):
        if count.this is None:
            count.set("this", exp.Star())
    if tree.find(exp.GroupConcat, exp.Anonymous, exp.Typeof) is None:
        return tree
    resolver = Resolver(tree, schema)
    for concat in find_nodes(tree, exp.GroupConcat):
        inner = concat.this
        distinct = isinstance(inner, exp.Distinct)
        value = inner.expressions[0] if distinct else inner
        if resolver.type_of(value) != TEXT:
            wrap(value, as_text)
        if concat.args.get("separator") is None:
            concat.set("separator", text(","))
    for node in reversed(find_nodes(tree, exp.Anonymous, exp.Typeof)):
        if isinstance(node, exp.Typeof):
            node.replace(_type_name(node.this, resolver))
        elif node.name.upper() == "TOTAL" and len(node.expressions) == 1:
            value = node.expressions[0]
            number = (
                exp.cast(value.copy(), "DOUBLE")
                if resolver.type_of(value) in NUMERIC
                else number_from_text(value.copy())
            )
            node.replace(exp.Coalesce(this=exp.Sum(this=number), expressions=[_zero()]))
    return tree


def _whole(node: exp.Expr) -> exp.Expr:
    return exp.cast(call("TRUNC", node), "BIGINT")


def _zero() -> exp.Expr:
    return exp.cast(exp.Literal.number(0), "DOUBLE")


def _type_name(node: exp.Expr, resolver: Resolver) -> exp.Expr:
    known = _TYPE_NAMES.get(resolver.type_of(node), "text")
    return exp.Case(
        ifs=[exp.If(this=exp.Is(this=node.copy(), expression=exp.Null()), true=text("null"))],
        default=text(known),
    )
