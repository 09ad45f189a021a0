"""Equivalence proofs over joins: what padding adds, which columns are equal.

An outer join in the place of an inner one adds rows whose other side is NULL ("padding").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from sql_ft.execution.constraints import referenced_columns
from sql_ft.execution.never_null import filters, is_strict_null, may_be_padded, rejects_padding
from sql_ft.execution.resolve import Env, Query, Resolver

if TYPE_CHECKING:
    # At run time the operators import the proofs: a change that is none is not made.
    from sql_ft.execution.mutation import Change


def join_class(name: str, join: exp.Join, resolver: Resolver) -> str:
    """Class of the proof that LEFT or RIGHT adds nothing to an inner join, "" if there is none."""
    select = join.parent
    if not isinstance(select, exp.Select):
        return ""
    joins = select.args["joins"]
    place = next(i for i, j in enumerate(joins) if j is join)
    own = join.this.alias_or_name.casefold()
    before = [select.args["from_"].this, *(j.this for j in joins[:place])]
    earlier = [b.alias_or_name.casefold() for b in before]
    padded = {own} if name == "join_kind:left" else set(earlier)
    if any(rejects_padding(select, {alias}, resolver, place) for alias in padded):
        return "padding_rejected"
    env = resolver.envs.get(id(select))
    condition = join.args.get("on")
    if env is not None and _ignores_padding(select, padded, resolver):
        return "padding_ignored"
    if env is None or not isinstance(condition, exp.EQ) or any(j.args.get("side") for j in joins):
        return ""
    if name == "join_kind:right" and len(earlier) > 1:
        return ""
    sides = (condition.this, condition.expression)
    if any(not isinstance(s, exp.Column) or resolver.scope_of(s) is not env for s in sides):
        return ""
    for child, parent in (sides, sides[::-1]):
        kept, added = resolver.resolve(child), resolver.resolve(parent)
        if kept is None or added is None or added.alias not in padded or kept.alias in padded:
            continue
        if (
            kept.table is None
            or kept.column is None
            or added.column is None
            or kept.column.nullable
        ):
            continue
        for foreign in kept.table.foreign_keys:
            target = referenced_columns(resolver.schema, foreign)
            if (
                target is not None
                and foreign.columns == (kept.column.name,)
                and target[0] is added.table
                and target[1] == [added.column]
                and not may_be_padded(select, kept.alias)
            ):
                return "always_matched"
    return ""


def _ignores_padding(select: exp.Select, padded: set[str], resolver: Resolver) -> bool:
    """Only aggregates are shown, of values that are NULL in the rows that padding adds."""
    if select.args.get("group") is not None or select.args.get("having") is not None:
        return False

    def is_null(column: exp.Column) -> bool:
        found, env = resolver.resolve(column), resolver.scope_of(column)
        return (
            env is not None
            and env.select is select
            and found is not None
            and (found.alias in padded)
        )

    for projection in select.expressions:
        aggregate = projection.unalias()
        if not isinstance(aggregate, (exp.Count, exp.Sum, exp.Avg, exp.Max, exp.Min)):
            return False
        inner = aggregate.this
        if isinstance(inner, exp.Distinct):
            inner = inner.expressions[0] if len(inner.expressions) == 1 else None
        if inner is None or aggregate.expressions or not is_strict_null(inner, is_null):
            return False
    return bool(select.expressions)


def is_equated(node: exp.Column, change: Change, resolver: Resolver) -> bool:
    """The column and the one put in its place are equal by an inner join's condition.

    Not inside the ON itself: there the mutant changes what is equal.
    """
    env, found = resolver.scope_of(node), resolver.resolve(node)
    if env is None or found is None or node.find_ancestor(exp.Join, *Query) is not env.select:
        return False
    swapped = applied(node, change)
    if not isinstance(swapped, exp.Column):
        return False
    places = {(found.alias, node.name.casefold()), spelled(swapped)}
    return any(places <= same for same in equal_columns(env, resolver))


def spelled(column: exp.Column) -> tuple[str, str]:
    """(FROM item, name) of a column that names its FROM item."""
    return column.table.casefold(), column.name.casefold()


def equal_columns(env: Env, resolver: Resolver) -> list[set[tuple[str, str]]]:
    """Classes of (FROM item, column) that are equal in every row of the SELECT."""
    joins = env.select.args.get("joins") or []
    classes: list[set[tuple[str, str]]] = []
    if any(j.args.get("side") for j in joins):
        return classes
    for part in (p for condition in filters(env.select) for p in conjuncts(condition)):
        if not isinstance(part, exp.EQ):
            continue
        pair = set()
        for side in (part.this, part.expression):
            item = resolver.resolve(side) if isinstance(side, exp.Column) else None
            if item is not None and resolver.scope_of(side) is env:
                pair.add((item.alias, side.name.casefold()))
        if len(pair) == 2:
            joined = [c for c in classes if c & pair]
            classes = [c for c in classes if not c & pair] + [pair.union(*joined)]
    return classes


def applied(node: exp.Expr, change: Change) -> exp.Expr:
    """What a change makes of a copy of the node."""
    holder = exp.Paren(this=node.copy())
    change(holder.this)
    made: exp.Expr = holder.this
    return made


def conjuncts(node: exp.Expr) -> list[exp.Expr]:
    """Parts of a condition that must all be true."""
    node = node.unnest()
    if isinstance(node, exp.And):
        return conjuncts(node.this) + conjuncts(node.expression)
    return [node]
