"""Passes over columns in which SQLite keeps numbers beside text: real databases alone.

In DuckDB such a column is text. SQLite sorts its numbers by value, before any text.
"""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import call, whole_text_as_number
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.tables import MIXED, Schema


def mixed_order(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """ORDER BY a mixed column: NULL, the numbers by value, the texts."""
    if not _has_mixed(schema):
        return tree
    resolver = Resolver(tree, schema)
    for order in find_nodes(tree, exp.Order):
        keys: list[exp.Expr] = []
        for ordered in order.expressions:
            if resolver.stored_affinity(ordered.this) == MIXED:
                number = whole_text_as_number(ordered.this.copy())
                is_text = exp.Case(
                    ifs=[exp.If(this=_is_null(ordered.this.copy()), true=exp.Null())],
                    default=exp.cast(_is_null(number), "BIGINT"),
                )
                for key in (is_text, number.copy()):
                    renewed = ordered.copy()
                    renewed.set("this", key)
                    keys.append(renewed)
            keys.append(ordered)
        order.set("expressions", keys)
    return tree


def mixed_extremes(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """MAX of a mixed column is its last text if it has one, MIN its smallest number."""
    if not _has_mixed(schema):
        return tree
    resolver = Resolver(tree, schema)
    for node in find_nodes(tree, exp.Max, exp.Min):
        if node.expressions or resolver.stored_affinity(node.this) != MIXED:
            continue
        number = whole_text_as_number(node.this.copy())
        best: exp.Expr
        rest: exp.Expr
        if isinstance(node, exp.Min):
            best, rest = call("ARG_MIN", node.this.copy(), number), node.copy()
        else:
            text = exp.Case(ifs=[exp.If(this=_is_null(number), true=node.this.copy())])
            best = exp.Max(this=text)
            rest = call("ARG_MAX", node.this.copy(), number.copy())
        node.replace(exp.Coalesce(this=best, expressions=[rest]))
    return tree


def _has_mixed(schema: Schema) -> bool:
    return any(c.affinity == MIXED for table in schema.tables for c in table.columns)


def _is_null(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=exp.Is(this=node, expression=exp.Null()))
