"""Passes over clauses: ORDER BY constants, LIMIT, subqueries of one row, conditions."""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.nodes import find_nodes
from sql_ft.execution.passes.build import number_from_text, wrap
from sql_ft.execution.resolve import NUMERIC, TEXT, Resolver
from sql_ft.execution.tables import Schema


def late_conditions(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """ON may name a table that is joined later in SQLite: move the condition to that join."""
    del schema
    for select in find_nodes(tree, exp.Select):
        joins = select.args.get("joins") or []
        if len(joins) < 2 or any(j.args.get("side") for j in joins):
            continue
        names = [j.alias_or_name.casefold() for j in joins]
        for place, join in enumerate(joins):
            condition = join.args.get("on")
            if condition is None:
                continue
            used = {c.table.casefold() for c in condition.find_all(exp.Column)}
            last = max((i for i, n in enumerate(names) if n in used), default=place)
            if last > place:
                join.set("on", exp.Boolean(this=True))
                joins[last].on(condition, copy=False)
    return tree


def constant_order_keys(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """ORDER BY 'text' sorts by a constant in SQLite and is an error in DuckDB: drop it."""
    del schema
    for order in find_nodes(tree, exp.Order):
        kept = [
            o
            for o in order.expressions
            if not (isinstance(o.this, exp.Literal) and o.this.is_string)
            and not isinstance(o.this, exp.Null)
        ]
        if len(kept) == len(order.expressions):
            continue
        if kept:
            order.set("expressions", kept)
        else:
            order.pop()
    return tree


def limits(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """A negative LIMIT means none in SQLite; a text LIMIT is its number."""
    del schema
    for clause in find_nodes(tree, exp.Limit, exp.Offset):
        amount = clause.expression
        if isinstance(amount, exp.Neg):
            clause.pop()
        elif isinstance(amount, exp.Literal) and amount.is_string and amount.this.isdigit():
            amount.replace(exp.Literal.number(amount.this))
    return tree


def single_row_subqueries(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """A subquery used as a value takes its first row in SQLite; DuckDB wants one row."""
    del schema
    for subquery in find_nodes(tree, exp.Subquery):
        query, parent = subquery.this, subquery.parent
        if subquery.alias or not isinstance(query, (exp.Select, exp.SetOperation)):
            continue
        if not _is_value(subquery, parent) or query.args.get("limit") is not None:
            continue
        alone = isinstance(query, exp.Select) and query.args.get("group") is None
        if alone and any(p.find(exp.AggFunc) for p in query.expressions):
            continue
        query.limit(1, copy=False)
    return tree


def _is_value(subquery: exp.Subquery, parent: exp.Expr | None) -> bool:
    if isinstance(parent, (exp.From, exp.Join, exp.SetOperation, exp.Exists, exp.With, exp.CTE)):
        return False
    if isinstance(parent, (exp.In, exp.Any, exp.All)):
        return parent.this is subquery and isinstance(parent, exp.In)
    return isinstance(
        parent, (exp.Condition, exp.Alias, exp.Select, exp.Where, exp.Having, exp.Ordered)
    )


def set_operation_types(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Number beside text in a set operation: both as text, DuckDB would cast to a number."""
    for operation in find_nodes(tree, exp.SetOperation):
        resolver = Resolver(tree, schema)
        sides = [operation.this, operation.expression]
        outputs = [resolver.outputs(s) for s in sides]
        if not all(isinstance(s, exp.Select) for s in sides) or len(outputs[0]) != len(outputs[1]):
            continue
        if any(len(o) != len(s.expressions) for o, s in zip(outputs, sides, strict=True)):
            continue
        for place, pair in enumerate(zip(*outputs, strict=True)):
            kinds = [p.type for p in pair]
            if TEXT not in kinds or not any(k in NUMERIC for k in kinds):
                continue
            side = sides[0 if kinds[0] in NUMERIC else 1]
            projection = side.expressions[place]
            inner = projection.unalias()
            name = projection.alias_or_name
            cast = exp.cast(inner.copy(), "VARCHAR")
            projection.replace(exp.alias_(cast, name, quoted=True) if name else cast)
    return tree


def conditions(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """Text used as a condition is its leading number in SQLite."""
    operands = [
        operand
        for node in tree.find_all(exp.Where, exp.Having, exp.And, exp.Or, exp.Not)
        for operand in node.iter_expressions()
        # Comparisons and the like are no text.
        if not isinstance(operand.unnest(), (exp.Predicate, exp.And, exp.Or, exp.Not))
    ]
    if operands:
        resolver = Resolver(tree, schema)
        for operand in operands:
            if resolver.type_of(operand) == TEXT:
                wrap(operand, _is_not_zero)
    return tree


def _is_not_zero(node: exp.Expr) -> exp.Expr:
    return exp.NEQ(this=number_from_text(node), expression=exp.Literal.number(0))
