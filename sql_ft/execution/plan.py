"""Row variables of a gold, the values they share, and what those must satisfy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Any

from sqlglot import exp

from sql_ft.execution.pools import Pool, convert
from sql_ft.execution.tables import Table
from sql_ft.execution.usage import Key

Test = Callable[[Any], bool]


@dataclasses.dataclass(slots=True)
class Cell:
    """Columns of the plan that must be equal, and what their value must satisfy."""

    tests: list[Test] = dataclasses.field(default_factory=list)
    members: list[tuple[int, Key]] = dataclasses.field(default_factory=list)
    suggestions: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Plan:
    """Row variables of a query: their tables, their cells, their copies."""

    tables: list[Table] = dataclasses.field(default_factory=list)
    cells: dict[tuple[int, str], Cell] = dataclasses.field(default_factory=dict)
    copies: list[int] = dataclasses.field(default_factory=list)
    witnesses: int = 1
    orders: list[tuple[Cell, Cell, type[exp.Expr]]] = dataclasses.field(default_factory=list)

    def cell(self, row: int, column: str) -> Cell:
        """Cell of one column of one row variable."""
        found = self.cells.get((row, column))
        if found is None:
            found = Cell(members=[(row, (self.tables[row].name.casefold(), column))])
            self.cells[row, column] = found
        return found

    def merge(self, a: Cell, b: Cell) -> None:
        """Two cells become one."""
        if a is b:
            return
        a.tests += b.tests
        a.members += b.members
        a.suggestions += b.suggestions
        for place, cell in list(self.cells.items()):
            if cell is b:
                self.cells[place] = a

    def distinct_cells(self) -> list[Cell]:
        """Each cell once, in order of first mention."""
        return list({id(c): c for c in self.cells.values()}.values())


def is_null(value: Any) -> bool:
    """IS NULL."""
    return value is None


def not_null(value: Any) -> bool:
    """IS NOT NULL."""
    return value is not None


def is_true(value: Any) -> bool:
    """The value alone is a true condition."""
    return bool(value)


def is_false(value: Any) -> bool:
    """NOT value is a true condition."""
    return value is not None and not value


def starts_with(text: str) -> Test:
    """Test for a leading text, e.g. the year of a date."""
    return lambda value: str(value).startswith(text)


def is_float(value: Any) -> bool:
    """True if the value reads as a number."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def comparison(operator: type[exp.Expr], literal: Any) -> Test:
    """Test of a value against a literal, numbers as numbers, else as text."""

    def test(value: Any) -> bool:
        if value is None:
            return False
        a: Any
        b: Any
        if isinstance(value, (int, float)) and is_float(literal):
            a, b = float(value), float(literal)
        else:
            a, b = str(value), str(literal)
        if operator in (exp.EQ, exp.NullSafeEQ):
            return bool(a == b)
        if operator in (exp.NEQ, exp.NullSafeNEQ):
            return bool(a != b)
        if operator is exp.LT:
            return bool(a < b)
        if operator is exp.LTE:
            return bool(a <= b)
        return bool(a > b) if operator is exp.GT else bool(a >= b)

    return test


def choose(cell: Cell, pool: Pool, rng: Random, violate: Test | None) -> Any:
    """A value that passes all tests, except `violate`, which it must fail."""
    kept = [t for t in cell.tests if t is not violate]
    suggested = (convert(s, pool.type) for s in cell.suggestions)
    values = list(dict.fromkeys([*pool.all, *(s for s in suggested if s is not None)]))
    good = [v for v in values if all(t(v) for t in kept)]
    if all(t(None) for t in kept) and kept:
        good.append(None)
    if violate is not None:
        good = [v for v in good if not violate(v)]
    if violate is not None and rng.random() < 0.6:
        # The boundary and the values just beside it tell more than any wrong value.
        close = {*pool.hits, *pool.near}
        good = [v for v in good if v in close] or good
    if good:
        return rng.choice(good)
    return rng.choice(values) if values else None
