"""What a gold is made of: its clauses, and Spider's official hardness.

Both are slices of a report. They are read off the parsed gold, never off the
prediction, so every arm is cut at the same places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution.guard import parse_one
from sql_ft.records import Sample

Hardness = Literal["easy", "medium", "hard", "extra"]
HARDNESS_ORDER: tuple[Hardness, ...] = ("easy", "medium", "hard", "extra")

CLAUSE, HARDNESS = "clause", "spider_hardness"
"""Names of the two slices."""

CLAUSES = (
    "plain", "where", "join", "group_by", "having", "order_by", "limit", "nested", "set_operation",
    "distinct", "aggregate", "like", "or", "in", "between", "window", "case", "cte",
)  # fmt: skip
"""Values of the slice ``clause``, in the order shown; ``plain`` is a gold with none of them."""

_CLAUSE_NODES: Mapping[str, tuple[type[exp.Expr], ...]] = {
    "where": (exp.Where,),
    "join": (exp.Join,),
    "group_by": (exp.Group,),
    "having": (exp.Having,),
    "order_by": (exp.Order,),
    "limit": (exp.Limit, exp.Fetch),
    "set_operation": (exp.SetOperation,),
    "distinct": (exp.Distinct,),
    "aggregate": (exp.AggFunc,),
    "like": (exp.Like, exp.ILike, exp.Glob),
    "or": (exp.Or,),
    "in": (exp.In,),
    "between": (exp.Between,),
    "window": (exp.Window,),
    "case": (exp.Case,),
    "cte": (exp.CTE,),
}
# Spider's five; its grammar knows no others.
_SPIDER_AGGREGATES = (exp.Max, exp.Min, exp.Count, exp.Sum, exp.Avg)


def slice_golds(samples: Sequence[Sample], dialect: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Sample id → slice → its values; a gold that does not parse has none.

    Args:
        samples: Their golds as the dataset wrote them.
        dialect: Dialect of the golds.
    """
    slices: dict[str, dict[str, tuple[str, ...]]] = {}
    for sample in samples:
        try:
            tree = parse_one(sample.gold_sql, dialect)
        except (SqlTranslationError, RecursionError):
            continue
        slices[sample.id] = {CLAUSE: find_clauses(tree), HARDNESS: (spider_hardness(tree),)}
    return slices


def find_clauses(tree: exp.Expr) -> tuple[str, ...]:
    """Names of `CLAUSES` that occur anywhere in the query, in that order."""
    nodes = Counter(type(node) for node in tree.walk())
    found = {
        name
        for name, kinds in _CLAUSE_NODES.items()
        if any(issubclass(node, kinds) for node in nodes)
    }
    branches = 1 + sum(n for node, n in nodes.items() if issubclass(node, exp.SetOperation))
    if nodes[exp.Select] > branches:
        found.add("nested")
    return tuple(name for name in CLAUSES if name in found) or ("plain",)


def spider_hardness(tree: exp.Expr) -> Hardness:
    """Spider's official hardness of a query.

    Source: ``eval_hardness`` in ``evaluation.py`` of taoyds/test-suite-sql-eval (the rule of
    Yu et al. 2018, "Spider"). Only the first SELECT of a set operation is looked at, and a
    set operation or a subquery in a condition counts as nesting. Two quirks of the original
    are kept, because published figures carry them: every negated condition and every AND/OR
    inside HAVING counts as an aggregate.

    Counted on a sqlglot tree instead of Spider's own parse. It deviates where that parse is
    lossy: it gives up on queries outside Spider's grammar (CASE, window functions, CTEs,
    functions other than the five aggregates), which get a hardness here by the same counts,
    and it reads ``AND`` inside parentheses as part of one flat list, as is done here too.
    """
    first, set_operations = tree, 0
    while not isinstance(first, exp.Select):
        if isinstance(first, exp.SetOperation):
            set_operations = 1
        if not isinstance(first.this, exp.Expr):
            return "easy"  # VALUES
        first = first.this
    joins: Sequence[exp.Join] = first.args.get("joins") or ()
    on = [join.args.get("on") for join in joins]
    where, having = _body(first, "where"), _body(first, "having")
    group, order = first.args.get("group"), first.args.get("order")
    conditions = [leaf for part in (*on, where, having) for leaf in _leaves(part)]

    component_1 = sum(first.args.get(name) is not None for name in ("where", "group", "order"))
    component_1 += first.args.get("limit") is not None
    component_1 += len(joins)
    component_1 += sum(_connectives(part, exp.Or) for part in (*on, where, having))
    component_1 += sum(isinstance(_positive(leaf), exp.Like) for leaf in conditions)

    component_2 = set_operations + sum(_subqueries(leaf) for leaf in conditions)

    keys = group.expressions if group is not None else []
    aggregates = sum(_is_aggregate(item) for item in (*first.expressions, *keys))
    aggregates += sum(
        isinstance(leaf, exp.Not) for part in (where, having) for leaf in _leaves(part)
    )
    aggregates += _connectives(having, exp.And, exp.Or)
    if order is not None:
        aggregates += sum(
            _is_aggregate(side) for item in order.expressions for side in _operands(item.this)
        )
    others = int(aggregates > 1) + int(len(first.expressions) > 1)
    others += int(sum(1 for _ in _leaves(where)) > 1) + int(len(keys) > 1)
    return _grade(component_1, component_2, others)


def _grade(component_1: int, component_2: int, others: int) -> Hardness:
    if component_2 == 0:
        if component_1 <= 1 and others == 0:
            return "easy"
        if (component_1 <= 1 and others <= 2) or (component_1 <= 2 and others < 2):
            return "medium"
        if (component_1 <= 2 and others > 2) or (component_1 == 3 and others <= 2):
            return "hard"
    elif component_1 <= 1 and component_2 == 1 and others == 0:
        return "hard"
    return "extra"


def _body(select: exp.Select, clause: str) -> exp.Expr | None:
    node = select.args.get(clause)
    return node.this if isinstance(node, exp.Expr) else None


def _leaves(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that AND and OR connect."""
    node = condition
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And | exp.Or):
        yield from _leaves(node.this)
        yield from _leaves(node.expression)
    elif node is not None:
        yield node


def _connectives(condition: exp.Expr | None, *kinds: type[exp.Expr]) -> int:
    node = condition
    while isinstance(node, exp.Paren):
        node = node.this
    if not isinstance(node, exp.And | exp.Or):
        return 0
    inner = _connectives(node.this, *kinds) + _connectives(node.expression, *kinds)
    return inner + isinstance(node, kinds)


def _positive(leaf: exp.Expr) -> exp.Expr:
    node = leaf
    while isinstance(node, exp.Not | exp.Paren):
        node = node.this
    return node


def _subqueries(leaf: exp.Expr) -> int:
    """Queries that the condition compares with, those inside them not counted."""
    return sum(1 for select in leaf.find_all(exp.Select) if _enclosing(select, leaf) is None)


def _enclosing(select: exp.Select, top: exp.Expr) -> exp.Expr | None:
    node = select.parent
    while node is not None and node is not top:
        if isinstance(node, exp.Select):
            return node
        if isinstance(node, exp.SetOperation) and select is not _leftmost(node):
            return node
        node = node.parent
    return None


def _leftmost(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.SetOperation | exp.Subquery) and isinstance(node.this, exp.Expr):
        node = node.this
    return node


def _operands(node: exp.Expr) -> tuple[exp.Expr, ...]:
    return (node.this, node.expression) if isinstance(node, exp.Binary) else (node,)


def _is_aggregate(node: exp.Expr) -> bool:
    """True if Spider's parser finds an aggregate at the front of the expression."""
    while isinstance(node, exp.Alias | exp.Paren | exp.Ordered | exp.Distinct):
        node = node.this if not isinstance(node, exp.Distinct) else node.expressions[0]
    return isinstance(node, _SPIDER_AGGREGATES)
