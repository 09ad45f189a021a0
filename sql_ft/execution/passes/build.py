"""Small trees that several passes build."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

# What SQLite reads as a number at the start of a text
# (https://sqlite.org/lang_expr.html#castexpr), taken apart so that one replacement can
# put a 0 after the sign: then text without a number is "0", and NULL stays NULL.
_NUMBER = r"^\s*([+-]?)(?:(\d+\.?\d*(?:[eE][+-]?\d+)?)|(\.\d+(?:[eE][+-]?\d+)?))?(?s:.*)$"
_WITH_ZERO = r"\10\2\3"


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A DuckDB function by its own name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Literal:
    """A string literal."""
    return exp.Literal.string(value)


def as_text(node: exp.Expr) -> exp.Expr:
    """CAST(node AS VARCHAR)."""
    return exp.cast(node, "VARCHAR")


def number_from_text(node: exp.Expr) -> exp.Expr:
    """DOUBLE of the leading number of a text, 0 if it has none, NULL of NULL."""
    number = call("REGEXP_REPLACE", as_text(node), text(_NUMBER), text(_WITH_ZERO))
    return exp.cast(number, "DOUBLE")


def whole_text_as_number(node: exp.Expr) -> exp.Expr:
    """DOUBLE of a text that is a number, else NULL: SQLite's numeric affinity."""
    return exp.TryCast(this=node, to=exp.DataType.build("DOUBLE"))


def constant_unless_null(value: bool, *operands: exp.Expr) -> exp.Expr:
    """`value`, or NULL where an operand is NULL."""
    some_null: exp.Expr = exp.Is(this=operands[0], expression=exp.Null())
    for operand in operands[1:]:
        some_null = exp.Or(this=some_null, expression=exp.Is(this=operand, expression=exp.Null()))
    return exp.Paren(
        this=exp.Case(
            ifs=[exp.If(this=some_null, true=exp.Null())], default=exp.Boolean(this=value)
        )
    )


def wrap(node: exp.Expr, build: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Put `build(node)` in the place of `node`.

    The node itself moves, not a copy: what a resolver knows of it stays true.
    """
    slot = exp.Null()
    node.replace(slot)
    new = build(node)
    slot.replace(new)
    return new
