"""Can a column, or all columns of a table, be NULL in the rows of a SELECT?

Proofs only: "False" means that nothing was proved.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sql_ft.execution.resolve import Env, Resolved, Resolver

_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.ILike)
_STRICT = (exp.Paren, exp.Lower, exp.Upper, exp.Trim, exp.Neg, exp.Abs, exp.Round, exp.Cast,
           exp.Length)  # fmt: skip
_STRICT_BINARY = (exp.Add, exp.Sub, exp.Mul, exp.Div)
IsNull = Callable[[exp.Column], bool]


def is_never_null(alias: str, column: Resolved, env: Env, resolver: Resolver) -> bool:
    """True if the column is not NULL in any row that the WHERE of its SELECT lets through."""
    if column.column is None:
        return False
    declared = not column.column.nullable and not may_be_padded(env.select, alias)
    name = column.name.casefold()

    def is_this(other: exp.Column) -> bool:
        found = resolver.resolve(other)
        return (
            found is not None
            and found.alias == alias
            and other.name.casefold() == name
            and resolver.scope_of(other) is env
        )

    return declared or any(rejects(c, is_this) for c in filters(env.select))


def rejects_padding(select: exp.Expr, aliases: set[str], resolver: Resolver, after: int) -> bool:
    """True if no row in which all columns of `aliases` are NULL gets through the SELECT.

    Args:
        select: The SELECT.
        aliases: FROM items, lower case, that an outer join would fill with NULLs.
        resolver: Of the whole query.
        after: Only ON conditions of joins after this one count, and the WHERE.
    """

    def is_theirs(column: exp.Column) -> bool:
        found, scope = resolver.resolve(column), resolver.scope_of(column)
        return (
            found is not None
            and scope is not None
            and scope.select is select
            and found.alias in aliases
        )

    return any(rejects(c, is_theirs) for c in filters(select, after))


def filters(select: exp.Expr, after: int = -1) -> list[exp.Expr]:
    """Conditions that every row of the SELECT's WHERE result has passed.

    ON of an inner join counts only if no outer join comes later: RIGHT and FULL bring
    back rows that failed it.
    """
    joins = select.args.get("joins") or []
    last = max((i for i, j in enumerate(joins) if j.args.get("side") in ("RIGHT", "FULL")),
               default=-1)  # fmt: skip
    found = [
        j.args["on"]
        for i, j in enumerate(joins)
        if i > max(after, last) and j.args.get("on") is not None and not j.args.get("side")
    ]
    if select.args.get("where") is not None:
        found.append(select.args["where"].this)
    return found


def may_be_padded(select: exp.Expr, alias: str) -> bool:
    """True if an outer join of the SELECT may fill the FROM item with NULLs."""
    joins = select.args.get("joins") or []
    clause = select.args.get("from_")
    seen = [clause.this.alias_or_name.casefold()] if clause is not None else []
    padded = False
    for join in joins:
        name, side = join.this.alias_or_name.casefold(), join.args.get("side") or ""
        padded |= side in ("LEFT", "FULL") and name == alias
        padded |= side in ("RIGHT", "FULL") and alias in seen
        seen.append(name)
    return padded


def rejects(condition: exp.Expr, is_null: IsNull) -> bool:
    """True if the condition is never true where the columns that `is_null` names are NULL."""
    node = condition.unnest()
    if isinstance(node, exp.And):
        return rejects(node.this, is_null) or rejects(node.expression, is_null)
    if isinstance(node, exp.Or):
        return rejects(node.this, is_null) and rejects(node.expression, is_null)
    if isinstance(node, exp.Not):
        inner = node.this.unnest()
        if isinstance(inner, exp.Is):
            return isinstance(inner.expression, exp.Null) and is_strict_null(inner.this, is_null)
        # NOT IN over a query with no rows is true even for NULL.
        if isinstance(inner, exp.In) and inner.args.get("query") is not None:
            return False
        return _is_unknown(inner, is_null)
    return _is_unknown(node, is_null)


def _is_unknown(node: exp.Expr, is_null: IsNull) -> bool:
    """A comparison that is NULL (or false) because one side is."""
    if isinstance(node, _COMPARED):
        return is_strict_null(node.this, is_null) or is_strict_null(node.expression, is_null)
    return isinstance(node, (exp.In, exp.Between)) and is_strict_null(node.this, is_null)


def is_strict_null(node: exp.Expr, is_null: IsNull) -> bool:
    """True if the expression is NULL where the columns that `is_null` names are."""
    while isinstance(node, _STRICT):
        node = node.this
    if isinstance(node, _STRICT_BINARY):
        return is_strict_null(node.this, is_null) or is_strict_null(node.expression, is_null)
    return isinstance(node, exp.Column) and is_null(node)
