"""Rows that satisfy a gold: one row for each table of each of its SELECTs.

A gold's conditions are taken apart into requirements on single columns (op, value),
into equalities between columns, and into numbers of rows (HAVING, LIMIT). Columns that
must be equal share one value, chosen from the pool so that as many requirements as
possible hold. Leaving out one requirement on purpose gives the near misses.
"""

from __future__ import annotations

import re
from random import Random

from sqlglot import exp

from sql_ft.execution.plan import (
    Cell,
    Plan,
    comparison,
    is_false,
    is_float,
    is_null,
    is_true,
    not_null,
    starts_with,
)
from sql_ft.execution.resolve import Env, Query, Resolver
from sql_ft.execution.usage import literal_values

MAX_COPIES = 120
_TRANSPARENT = (exp.Paren, exp.Max, exp.Min, exp.Avg, exp.Sum, exp.Cast, exp.Lower, exp.Upper,
                exp.Trim, exp.Abs, exp.Round)  # fmt: skip
_FLIP: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE, exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ, exp.NullSafeEQ: exp.NullSafeEQ, exp.NullSafeNEQ: exp.NullSafeNEQ,
}  # fmt: skip
_NEGATE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GTE, exp.GTE: exp.LT, exp.GT: exp.LTE, exp.LTE: exp.GT, exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ, exp.NullSafeEQ: exp.NullSafeNEQ, exp.NullSafeNEQ: exp.NullSafeEQ,
}  # fmt: skip


class Planner:
    """Makes plans of one gold; a random choice is made at every OR."""

    def __init__(self, tree: exp.Expr, resolver: Resolver, rng: Random) -> None:
        self.tree, self.resolver, self.rng = tree, resolver, rng
        self.plan = Plan()
        # (SELECT node, alias) → column name → cell
        self._rows: dict[tuple[int, str], dict[str, Cell] | int] = {}

    def make(self) -> Plan:
        """A plan for the whole query."""
        self._need(self.tree)
        return self.plan

    def _need(self, query: exp.Expr) -> list[Cell | None]:
        """Require that a query returns a row; returns the cells of its outputs."""
        while isinstance(query, (exp.Subquery, exp.Paren)):
            query = query.this
        if isinstance(query, exp.SetOperation):
            left = self._need(query.this)
            if not isinstance(query, exp.Except) or self.rng.random() < 0.6:
                right = self._need(query.expression)
            if isinstance(query, exp.Intersect):
                for a, b in zip(left, right, strict=False):
                    if a is not None and b is not None:
                        self.plan.merge(a, b)
            return left
        if not isinstance(query, exp.Select):
            return []
        return self._need_select(query)

    def _need_select(self, select: exp.Select) -> list[Cell | None]:
        env = self.resolver.envs.get(id(select))
        if env is None:
            return []
        first = len(self.plan.tables)
        self._add_sources(select, env)
        for join in select.args.get("joins") or ():
            if join.args.get("on") is not None:
                self._require(join.args["on"], True)
            for name in join.args.get("using") or ():
                self._using(select, env, name.name.casefold())
            if join.args.get("method") == "NATURAL":
                self._natural(select, env)
        where = select.args.get("where")
        if where is not None:
            self._require(where.this, True)
        having = select.args.get("having")
        copies = 1
        if having is not None:
            copies = self._require_having(having.this)
        limit, offset = select.args.get("limit"), select.args.get("offset")
        for clause in (limit, offset):
            for value in literal_values(clause.expression) if clause is not None else ():
                if isinstance(value, int) and select is self.tree:
                    # Witnesses of one group, or of one distinct row, are one result row.
                    merged = select.args.get("group") or select.args.get("distinct")
                    wanted = min(2 * value + 2, 32) if merged else min(value + 1, 12)
                    self.plan.witnesses = max(self.plan.witnesses, wanted)
        rows = range(first, len(self.plan.tables))
        if copies > 1 and rows:
            chosen = self.rng.choice([*rows])
            for row in rows:
                if row == chosen or self.rng.random() < 0.2:
                    self.plan.copies[row] = max(self.plan.copies[row], copies)
        return [self._output(p.unalias()) for p in select.expressions]

    def _add_sources(self, select: exp.Select, env: Env) -> None:
        clause = select.args.get("from_")
        items = [clause.this] if clause is not None else []
        items += [j.this for j in select.args.get("joins") or ()]
        for item, source in zip(items, env.sources, strict=False):
            if source.table is not None:
                self._rows[id(select), source.alias] = len(self.plan.tables)
                self.plan.tables.append(source.table)
                self.plan.copies.append(1)
                continue
            inner = item.this if isinstance(item, exp.Subquery) else self._cte(item)
            if inner is None:
                continue
            cells = self._need(inner)
            self._rows[id(select), source.alias] = {
                c.name.casefold(): cell
                for c, cell in zip(source.columns, cells, strict=False)
                if cell is not None
            }

    def _cte(self, item: exp.Expr) -> exp.Expr | None:
        name = item.name.casefold()
        for cte in self.tree.find_all(exp.CTE):
            if cte.alias.casefold() == name and not any(p is cte for p in _parents(item)):
                inner: exp.Expr = cte.this
                return inner
        return None

    def _cell(self, node: exp.Expr | None) -> Cell | None:
        """Cell behind a column; aggregates of a column stand for the column."""
        while isinstance(
            node,
            _TRANSPARENT,
        ):
            node = node.this
        if isinstance(node, exp.Distinct) and len(node.expressions) == 1:
            node = node.expressions[0]
        if not isinstance(node, exp.Column):
            return None
        found, env = self.resolver.resolve(node), self.resolver.scope_of(node)
        if found is None:
            return None
        if env is None:
            own = next((e for p in _parents(node) if (e := self.resolver.envs.get(id(p)))), None)
            target = own.outputs.get(node.name.casefold()) if own else None
            return self._cell(target.unalias()) if target is not None else None
        place = self._rows.get((id(env.select), found.alias))
        if isinstance(place, int):
            if found.column is None:
                return None
            return self.plan.cell(place, found.column.name.casefold())
        if isinstance(place, dict):
            return place.get(node.name.casefold())
        return None

    def _output(self, node: exp.Expr) -> Cell | None:
        return self._cell(node)

    def _using(self, select: exp.Select, env: Env, name: str) -> None:
        cells = []
        for source in env.sources:
            place = self._rows.get((id(select), source.alias))
            if isinstance(place, int) and self.plan.tables[place].find(name) is not None:
                cells.append(self.plan.cell(place, name))
        for other in cells[1:]:
            self.plan.merge(cells[0], other)

    def _natural(self, select: exp.Select, env: Env) -> None:
        names = [c.name.casefold() for s in env.sources for c in s.columns]
        for name in sorted({n for n in names if names.count(n) > 1}):
            self._using(select, env, name)

    def _require(self, node: exp.Expr, positive: bool) -> None:
        if isinstance(node, exp.Paren):
            self._require(node.this, positive)
        elif isinstance(node, exp.Not):
            self._require(node.this, not positive)
        elif isinstance(node, (exp.And, exp.Or)):
            if isinstance(node, exp.And) == positive:
                self._require(node.this, positive)
                self._require(node.expression, positive)
            else:
                self._require(self.rng.choice([node.this, node.expression]), positive)
        elif type(node) in _FLIP:
            self._compare(node, type(node) if positive else _NEGATE[type(node)])
        elif isinstance(node, exp.Between):
            self._between(node, positive)
        elif isinstance(node, exp.In):
            self._in(node, positive)
        elif isinstance(node, (exp.Like, exp.ILike, exp.Glob)):
            self._like(node, positive != bool(node.args.get("negate")))
        elif isinstance(node, exp.Escape):
            self._require(node.this, positive)
        elif isinstance(node, exp.Is):
            cell = self._cell(node.this)
            if cell is not None and isinstance(node.expression, exp.Null):
                cell.tests.append(is_null if positive else not_null)
        elif isinstance(node, exp.Column):
            cell = self._cell(node)
            if cell is not None:
                cell.tests.append(is_true if positive else is_false)
        elif isinstance(node, exp.Exists) and (positive or self.rng.random() < 0.5):
            self._need(node.this)

    def _compare(self, node: exp.Expr, operator: type[exp.Expr]) -> None:
        left, right = node.this, node.expression
        first, second = self._cell(left), self._cell(right)
        if first is not None and second is not None:
            if operator in (exp.EQ, exp.NullSafeEQ):
                self.plan.merge(first, second)
            else:
                self.plan.orders.append((first, second, operator))
            return
        for cell, other, side in ((first, right, operator), (second, left, _FLIP[operator])):
            if cell is None:
                self._nested(other, None)
                continue
            values = list(literal_values(other))
            if values:
                cell.tests.append(comparison(side, values[0]))
                cell.suggestions.append(values[0])
            else:
                self._nested(other, cell if side is exp.EQ else None)
        for side_node in (left, right):
            if isinstance(side_node, (exp.TimeToStr, exp.Anonymous, exp.Substring)):
                self._dated(side_node, left, right)

    def _dated(self, call: exp.Expr, left: exp.Expr, right: exp.Expr) -> None:
        """STRFTIME('%Y', d) = '2010' and the like: a date with that year."""
        other = right if call is left else left
        cell = next((c for c in map(self._cell, call.find_all(exp.Column)) if c), None)
        for value in literal_values(other):
            text = str(value)
            if cell is not None and re.fullmatch(r"\d{4}", text):
                cell.suggestions.append(f"{text}-06-15")
                cell.tests.append(starts_with(text))
            elif cell is not None and re.fullmatch(r"\d{2}", text):
                cell.suggestions.append(
                    f"2018-{text}-{text}" if int(text) <= 12 else f"2018-01-{text}"
                )

    def _nested(self, node: exp.Expr, cell: Cell | None) -> None:
        inner = node.unnest() if isinstance(node, exp.Paren) else node
        if not isinstance(inner, (exp.Subquery, *Query)):
            for query in inner.find_all(exp.Subquery):
                self._need(query)
                break
            return
        outputs = self._need(inner)
        if cell is not None and outputs and outputs[0] is not None:
            self.plan.merge(cell, outputs[0])

    def _between(self, node: exp.Between, positive: bool) -> None:
        cell = self._cell(node.this)
        low = list(literal_values(node.args["low"]))
        high = list(literal_values(node.args["high"]))
        if cell is None or not low or not high:
            return
        cell.suggestions += [low[0], high[0]]
        above, below = comparison(exp.GTE, low[0]), comparison(exp.LTE, high[0])
        if positive:
            cell.tests += [above, below]
        else:
            cell.tests.append(lambda v: v is not None and not (above(v) and below(v)))

    def _in(self, node: exp.In, positive: bool) -> None:
        cell = self._cell(node.this)
        query = node.args.get("query")
        if query is not None:
            if not positive:
                if self.rng.random() < 0.7:
                    self._need(query)
                return
            outputs = self._need(query)
            if cell is not None and outputs and outputs[0] is not None:
                self.plan.merge(cell, outputs[0])
            return
        values = [v for item in node.expressions for v in literal_values(item)]
        if cell is not None and values:
            cell.suggestions += values
            tests = [comparison(exp.EQ, v) for v in values]
            if positive:
                cell.tests.append(lambda v: any(t(v) for t in tests))
            else:
                cell.tests.append(lambda v: v is not None and not any(t(v) for t in tests))

    def _like(self, node: exp.Expr, positive: bool) -> None:
        cell, pattern = self._cell(node.this), node.expression
        if cell is None or not isinstance(pattern, exp.Literal):
            return
        text = pattern.this
        if isinstance(node, exp.Glob):
            text = text.replace("*", "%").replace("?", "_")
        parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text)
        regex = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
        cell.suggestions.append(text.replace("%", self.rng.choice(["", "ab"])).replace("_", "k"))
        if positive:
            cell.tests.append(lambda v: v is not None and regex.fullmatch(str(v)) is not None)
        else:
            cell.tests.append(lambda v: v is not None and regex.fullmatch(str(v)) is None)

    def _near(self, number: int) -> int:
        """A number of rows that just is enough, or just misses it."""
        return max(1, min(MAX_COPIES, number + self.rng.choice((0, 0, 0, -1, 1))))

    def _require_having(self, node: exp.Expr) -> int:
        """Requirements of HAVING; returns how many rows a group needs."""
        copies = 1
        node = node.unnest()
        if isinstance(node, (exp.And, exp.Or)):
            return max(self._require_having(node.this), self._require_having(node.expression))
        if type(node) in _FLIP and isinstance(node, exp.Binary):
            for side, other, operator in (
                (node.this, node.expression, type(node)),
                (node.expression, node.this, _FLIP[type(node)]),
            ):
                if isinstance(side.unnest(), exp.Count):
                    for value in literal_values(other):
                        number = int(float(value)) if is_float(value) else 1
                        more = operator in (exp.GT, exp.NEQ)
                        if operator not in (exp.LT, exp.LTE):
                            copies = self._near(number + more)
                    self._nested(other, None)
                    return max(1, copies)
        if isinstance(node, exp.Between) and isinstance(node.this.unnest(), exp.Count):
            bounds = [*literal_values(node.args["low"]), *literal_values(node.args["high"])]
            numbers = [int(float(v)) for v in bounds if is_float(v)]
            return self._near(self.rng.choice(numbers)) if numbers else 1
        self._require(node, True)
        return copies


def _parents(node: exp.Expr) -> list[exp.Expr]:
    found = []
    parent = node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found
