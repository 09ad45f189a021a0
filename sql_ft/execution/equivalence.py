"""Mutants that no rows tell from their gold, each class with its proof.

`ARGUMENTS` is the list of classes and what proves them. "" from `find_equivalence` means
that nothing was proved: such a mutant counts against the databases if it survives.
`tests/execution/test_equivalence.py` runs excluded mutants on random rows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from sqlglot import exp

from sql_ft.execution.equivalence_joins import (
    applied,
    conjuncts,
    equal_columns,
    is_equated,
    join_class,
    spelled,
)
from sql_ft.execution.mutation import Change
from sql_ft.execution.never_null import filters, is_never_null
from sql_ft.execution.resolve import Env, Query, Resolver, Source

ARGUMENTS = {
    "set_context": "IN, EXISTS and set operations without ALL ignore how often and in what order"
    " a row comes",
    "exists_projection": "EXISTS never looks at what its query selects",
    "key_selected": "a key of the only table is selected or counted: every value comes once",
    "padding_rejected": "a later condition is never true on the NULLs that the outer join adds",
    "padding_ignored": "the rows that the outer join adds are NULL in every aggregate shown",
    "always_matched": "a foreign key that is NOT NULL always finds its parent",
    "equal_by_join": "an inner join makes the two columns equal in every row",
    "never_null": "COUNT over a column that is never NULL here counts rows, as COUNT(*) does",
    "one_row": "at most one row is left to order, to limit or to make distinct",
    "order_unseen": "earlier keys hold everything that is shown; rows that tie on them look alike",
    "first_row": "a subquery used as a value gives its first row, whatever follows",
    "group_not_empty": "COUNT(*) of a group is at least 1, and the two conditions agree from 1 on",
    "key_grouped": "the rows of a group share a key of the table, so they share the added column",
    "sorted_anyway": "the mutant has no order of its own, but the engine happens to sort by these"
    " keys; its opposite, order:direction, stands for it",
}


def find_equivalence(name: str, node: exp.Expr, change: Change, resolver: Resolver) -> str:
    """Class of `ARGUMENTS` that proves the mutant equivalent, "" if none does."""
    family = name.split(":")[0]
    if _selected_by_exists(node):
        return "exists_projection"
    if isinstance(node.find_ancestor(exp.Window, *Query), exp.Window):
        return ""
    if family in ("distinct", "set_operation", "order", "limit") and _is_unseen(name, node):
        return "set_context"
    if family == "distinct" and _is_key(node, resolver):
        return "key_selected"
    if family in ("distinct", "order", "limit"):
        select = _select_of(node)
        if select is not None and _lets_one_through(name, select):
            if _is_first_row(name, select):
                return "first_row"
            if _has_one_row(family, node, select, resolver):
                return "one_row"
    if name in ("join_kind:left", "join_kind:right") and isinstance(node, exp.Join):
        return join_class(name, node, resolver)
    if isinstance(node, exp.Column) and is_equated(node, change, resolver):
        return "equal_by_join"
    if _counts_rows(name, node, change, resolver):
        return "never_null"
    if _agrees_on_groups(name, node, change):
        return "group_not_empty"
    if name == "group_key:added":
        return _group_class(node, change, resolver)
    if family == "order" and _is_order_unseen(node, resolver):
        return "order_unseen"
    if name == "order:dropped" and _is_sorted_anyway(node, resolver):
        return "sorted_anyway"
    return ""


def _select_of(node: exp.Expr) -> exp.Select | None:
    """The SELECT that a clause, a literal of LIMIT or the SELECT itself belongs to."""
    query = node if isinstance(node, Query) else node.find_ancestor(*Query)
    return query if isinstance(query, exp.Select) else None


def _unwrapped_parent(node: exp.Expr) -> tuple[exp.Expr, exp.Expr | None]:
    child, parent = node, node.parent
    while isinstance(parent, (exp.Subquery, exp.Paren)) and not parent.alias:
        child, parent = parent, parent.parent
    return child, parent


def _is_unseen(name: str, node: exp.Expr) -> bool:
    """Only whether a row comes at all is seen of the query that the mutant changes."""
    if isinstance(node, exp.AggFunc):
        return False
    query = node if isinstance(node, Query) else node.find_ancestor(*Query)
    if query is None or name.startswith("limit"):
        return False
    if name.startswith("set_operation") and not (
        isinstance(node, exp.Union) and name.split(":")[1] in ("union", "union_all")
    ):
        return False
    if not isinstance(node, exp.SetOperation) and query.args.get("limit") is not None:
        return False
    child, parent = _unwrapped_parent(query)
    if isinstance(parent, exp.In):
        return child is not parent.this
    if isinstance(parent, exp.SetOperation):
        return bool(parent.args.get("distinct"))
    return isinstance(parent, exp.Exists)


def _selected_by_exists(node: exp.Expr) -> bool:
    child, parent = node, node.parent
    while parent is not None and not isinstance(parent, Query):
        child, parent = parent, parent.parent
    if not isinstance(parent, exp.Select) or not isinstance(parent.parent, exp.Exists):
        return False
    if any(p.find(exp.AggFunc) for p in parent.expressions):
        return False
    return any(child is p for p in parent.expressions) and parent.args.get("group") is None


def _is_key(node: exp.Expr, resolver: Resolver) -> bool:
    """DISTINCT over a key of the only table, in the projection or in an aggregate."""
    select = _select_of(node)
    env = resolver.envs.get(id(select))
    if select is None or env is None or len(env.sources) != 1 or env.sources[0].table is None:
        return False
    if isinstance(node, exp.AggFunc):
        inner = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
        found = resolver.resolve(inner) if isinstance(inner, exp.Column) else None
        return found is not None and found.column is not None and _is_strict_key(found.column)
    if select.args.get("group") is not None:
        return False
    outputs = [o.column for o in resolver.outputs(select) if o.column is not None]
    names = {c.name.casefold() for c in outputs}
    table = env.sources[0].table
    whole = bool(table.primary_key) and {p.casefold() for p in table.primary_key} <= names
    return whole or any(_is_strict_key(c) for c in outputs)


def _is_strict_key(column: object) -> bool:
    """UNIQUE alone lets NULL repeat."""
    return bool(getattr(column, "unique", False)) and not getattr(column, "nullable", True)


def _lets_one_through(name: str, select: exp.Select) -> bool:
    """False if the LIMIT that the mutant changes may keep even the first row out."""
    if not name.startswith("limit"):
        return True
    limit = select.args.get("limit")
    number = limit.expression if limit is not None else None
    positive = isinstance(number, exp.Literal) and number.this.isdigit() and int(number.this) > 0
    return positive and name != "limit:-1" and select.args.get("offset") is None


def _is_first_row(name: str, select: exp.Select) -> bool:
    """LIMIT of a subquery that is used as a value."""
    if not name.startswith("limit"):
        return False
    child, parent = _unwrapped_parent(select)
    inside = isinstance(child, exp.Subquery) and isinstance(parent, (exp.Binary, exp.Select))
    return inside and not isinstance(parent, (exp.SetOperation,)) and _is_value(child)


def _is_value(subquery: exp.Expr) -> bool:
    return subquery.arg_key in ("this", "expression", "expressions") and not isinstance(
        subquery.parent, (exp.From, exp.Join)
    )


def _has_one_row(family: str, node: exp.Expr, select: exp.Select, resolver: Resolver) -> bool:
    if isinstance(node, exp.AggFunc):
        return False
    if select.args.get("group") is None and any(
        a.parent_select is select and a.find_ancestor(exp.Window, exp.Select) is select
        for p in select.expressions
        for a in p.find_all(exp.AggFunc)
    ):
        return True
    limit = select.args.get("limit")
    if family == "distinct" and limit is not None and select.args.get("offset") is None:
        # Generated only where every order key is selected: the first row stays the first.
        return bool(limit.expression.sql() == "1")
    env = resolver.envs.get(id(select))
    joins = select.args.get("joins") or []
    if env is None or any(j.args.get("side") for j in joins) or not env.sources:
        return False
    parts = [p for c in filters(select) for p in conjuncts(c)]
    return all(_is_pinned(s, env, parts, resolver) for s in env.sources)


def _is_pinned(source: Source, env: Env, parts: list[exp.Expr], resolver: Resolver) -> bool:
    """A key of the FROM item equals a literal."""
    if source.table is None:
        return False
    for part in parts:
        if not isinstance(part, exp.EQ) or not isinstance(part.expression, exp.Literal):
            continue
        if isinstance(part.this, exp.Column):
            found = resolver.resolve(part.this)
            if (
                found is not None
                and found.column is not None
                and found.column.unique
                and found.alias == source.alias
                and resolver.scope_of(part.this) is env
            ):
                return True
    return False


def _counts_rows(name: str, node: exp.Expr, change: Change, resolver: Resolver) -> bool:
    """COUNT(a) as COUNT(*), or as COUNT(b), where neither is ever NULL."""
    if name == "aggregate:count_star" and isinstance(node, exp.Count):
        if isinstance(node.this, exp.Distinct):
            # COUNT(DISTINCT a): a must also be a key.
            return _is_key(node, resolver)
        return isinstance(node.this, exp.Column) and _never_null(node.this, resolver)
    if not isinstance(node, exp.Column) or not isinstance(node.parent, exp.Count):
        return False
    swapped = applied(node, change)
    env = resolver.scope_of(node)
    if env is None or not isinstance(swapped, exp.Column) or not _never_null(node, resolver):
        return False
    source = next((s for s in env.sources if s.alias == swapped.table.casefold()), None)
    column = source.find(swapped.name.casefold()) if source is not None else None
    return source is not None and column is not None and is_never_null(
        source.alias, column, env, resolver
    )  # fmt: skip


def _never_null(column: exp.Column, resolver: Resolver) -> bool:
    found, env = resolver.resolve(column), resolver.scope_of(column)
    return (
        found is not None and env is not None and is_never_null(found.alias, found, env, resolver)
    )


_TRUTHS: dict[type[exp.Expr], Callable[[int, int], bool]] = {
    exp.EQ: operator.eq, exp.NEQ: operator.ne, exp.LT: operator.lt, exp.LTE: operator.le,
    exp.GT: operator.gt, exp.GTE: operator.ge,
}  # fmt: skip


def _agrees_on_groups(name: str, node: exp.Expr, change: Change) -> bool:
    """A condition on COUNT(*) of a group that means the same for 1, 2, 3 … rows."""
    condition: exp.Expr | None = node.this if isinstance(node, exp.Having) else node
    if condition is not None and type(condition) not in _TRUTHS:
        condition = condition.parent
    if condition is None:
        return False
    having = condition.find_ancestor(exp.Having, *Query)
    if not isinstance(having, exp.Having) or having.parent is None:
        return False
    if having.parent.args.get("group") is None:
        return False
    before = _count_bound(condition)
    if before is None:
        return False
    if isinstance(node, exp.Having):
        return name == "condition:dropped" and all(
            _TRUTHS[before[0]](n, before[1]) for n in range(1, before[1] + 3)
        )
    holder = exp.Paren(this=condition.copy())
    places = [i for i, n in enumerate(condition.walk()) if n is node]
    target = next((n for i, n in enumerate(holder.this.walk()) if [i] == places), None)
    if target is None:
        return False
    change(target)
    after = _count_bound(holder.this)
    if after is None:
        return False
    return all(
        _TRUTHS[before[0]](n, before[1]) == _TRUTHS[after[0]](n, after[1])
        for n in range(1, max(before[1], after[1]) + 3)
    )


def _count_bound(condition: exp.Expr | None) -> tuple[type[exp.Expr], int] | None:
    """(operator, k) of COUNT(*) operator k."""
    if condition is None or type(condition) not in _TRUTHS:
        return None
    count, bound = condition.this, condition.expression
    if not isinstance(count, exp.Count) or not isinstance(count.this, exp.Star):
        return None
    if not isinstance(bound, exp.Literal) or bound.is_string or not bound.this.isdigit():
        return None
    return type(condition), int(bound.this)


def _group_class(group: exp.Expr, change: Change, resolver: Resolver) -> str:
    """The added column has one value wherever the keys have."""
    added = applied(group, change).expressions[-1]
    env = resolver.envs.get(id(group.parent))
    for key in group.expressions:
        found = resolver.resolve(key) if isinstance(key, exp.Column) else None
        if found is None or found.column is None or env is None:
            continue
        if _is_strict_key(found.column) and found.alias == added.table.casefold():
            return "key_grouped"
        places = {(found.alias, key.name.casefold()), spelled(added)}
        if any(places <= same for same in equal_columns(env, resolver)):
            return "equal_by_join"
    return ""


def _is_order_unseen(node: exp.Expr, resolver: Resolver) -> bool:
    """The changed key comes after keys that hold all outputs of the SELECT."""
    ordered = node if isinstance(node, exp.Ordered) else node.find_ancestor(exp.Ordered, *Query)
    if not isinstance(ordered, exp.Ordered) or not isinstance(ordered.parent, exp.Order):
        return False
    select = ordered.parent.parent
    if not isinstance(select, exp.Select):
        return False
    earlier = []
    for other in ordered.parent.expressions:
        if other is ordered:
            break
        earlier.append(_place(other.this, resolver))
    shown = [_place(p.unalias(), resolver) for p in select.expressions]
    return None not in shown and set(shown) <= set(earlier)


def _is_sorted_anyway(order: exp.Expr, resolver: Resolver) -> bool:
    """SQLite groups, and merges set operations, by sorting in ascending order."""
    query = order.parent
    keys = []
    for ordered in order.expressions:
        if ordered.args.get("desc") or not isinstance(ordered.this, exp.Column):
            return False
        keys.append(ordered.this)
    if isinstance(query, exp.SetOperation):
        outputs = [o.name.casefold() for o in resolver.outputs(query)]
        names = [k.name.casefold() for k in keys]
        return bool(query.args.get("distinct")) and outputs[: len(names)] == names
    group = query.args.get("group") if query is not None else None
    if group is None:
        return False
    grouped = [_place(k, resolver) for k in group.expressions[: len(keys)]]
    return None not in grouped and grouped == [_place(k, resolver) for k in keys]


def _place(node: exp.Expr, resolver: Resolver) -> tuple[str, str] | None:
    found = resolver.resolve(node) if isinstance(node, exp.Column) else None
    if found is None or found.column is None:
        return None
    return found.alias, found.column.name.casefold()
