"""Do two results mean the same? Bags, declared order, declared tolerance."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import math
from collections.abc import Sequence
from typing import Any, Literal

from sqlglot import exp

from sql_ft.records import ExecutionResult, ExecutionStatus

Row = tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class MatchRules:
    """What counts as the same result.

    Attributes:
        column_order: ``free``: some permutation of the predicted columns makes the
            rows equal; ``fixed``: position decides.
        float_relative_tolerance: Numbers a, b are equal if
            ``|a - b| <= tolerance * max(|a|, |b|)``.
    """

    column_order: Literal["fixed", "free"] = "free"
    float_relative_tolerance: float = 1e-6


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of one comparison.

    Attributes:
        equal: The two results mean the same.
        reason: ``equal``, ``both_empty`` (equal, but proves nothing), ``gold_failed``,
            ``prediction_failed``, ``column_count``, ``row_count``, ``rows_differ`` or
            ``order_differs``.
        detail: Human-readable first difference.
    """

    equal: bool
    reason: str
    detail: str = ""


def is_ordered(tree: exp.Expr) -> bool:
    """True if the outermost query has an ORDER BY."""
    return _outermost(tree).args.get("order") is not None


def order_key_positions(tree: exp.Expr) -> tuple[int, ...] | None:
    """Positions in the projection of the outermost ORDER BY keys, leading ones first.

    None if there is no outermost ORDER BY or some key is not in the projection.
    """
    query = _outermost(tree)
    order = query.args.get("order")
    if order is None:
        return None
    select = query
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    projections = list(select.expressions)
    if any(p.is_star for p in projections):
        return None
    positions = []
    for ordered in order.expressions:
        key = ordered.this if isinstance(ordered, exp.Ordered) else ordered
        position = _position(key, projections)
        if position is None:
            return None
        positions.append(position)
    return tuple(positions)


def _outermost(tree: exp.Expr) -> exp.Expr:
    while isinstance(tree, (exp.Subquery, exp.Paren)) and tree.args.get("order") is None:
        tree = tree.this
    return tree


def _position(key: exp.Expr, projections: list[exp.Expr]) -> int | None:
    if isinstance(key, exp.Literal) and not key.is_string and key.this.isdigit():
        place = int(key.this) - 1
        return place if 0 <= place < len(projections) else None
    wanted = _spelling(key)
    for place, projection in enumerate(projections):
        inner = projection.this if isinstance(projection, exp.Alias) else projection
        if isinstance(key, exp.Column) and not key.table and projection.alias:
            if projection.alias.casefold() == key.name.casefold():
                return place
        elif _spelling(inner) == wanted:
            return place
    for place, projection in enumerate(projections):
        inner = projection.this if isinstance(projection, exp.Alias) else projection
        if _spelling(inner) == wanted:
            return place
    return None


def _spelling(node: exp.Expr) -> str:
    return node.sql(comments=False, normalize=True, identify=False).casefold()


def compare_results(
    gold: ExecutionResult,
    predicted: ExecutionResult,
    *,
    ordered: bool,
    rules: MatchRules,
    order_keys: tuple[int, ...] | None = None,
) -> Comparison:
    """Compare two results of one database.

    Args:
        gold: Result of the gold, status ``ok``.
        predicted: Result of the prediction.
        ordered: The gold's outermost query orders its rows (`is_ordered`).
        rules: Column order and tolerance.
        order_keys: `order_key_positions` of the gold: rows that tie on these columns
            may stand in any order. None with `ordered`: every row's place counts.
    """
    if gold.status != ExecutionStatus.OK:
        return Comparison(False, "gold_failed", gold.error)
    if predicted.status != ExecutionStatus.OK:
        return Comparison(False, "prediction_failed", predicted.error)
    width = len(gold.columns)
    if width != len(predicted.columns):
        detail = f"{len(predicted.columns)} columns, expected {width}"
        return Comparison(False, "column_count", detail)
    if len(gold.rows) != len(predicted.rows):
        detail = f"{len(predicted.rows)} rows, expected {len(gold.rows)}"
        return Comparison(False, "row_count", detail)
    if not gold.rows:
        return Comparison(True, "both_empty")
    left = [tuple(normalize_value(v) for v in row) for row in gold.rows]
    right = [tuple(normalize_value(v) for v in row) for row in predicted.rows]
    match = _Matcher(left, right, rules.float_relative_tolerance)
    free = rules.column_order == "free"
    runs = _tie_runs(left, order_keys, match.tolerance) if ordered else None
    if match.search(runs, free=free):
        return Comparison(True, "equal")
    if runs is not None and match.search(None, free=free):
        return Comparison(False, "order_differs", "the same rows in another order")
    return Comparison(False, "rows_differ", _first_difference(left, right))


def normalize_value(value: Any) -> Any:
    """One form for values that engines and dialects spell differently.

    Booleans are 0 and 1, as in SQLite; whole decimals and floats are integers; dates and
    times are ISO text with a blank before the time; nested values are tuples.
    """
    if value is None or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return float(value)
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return tuple(normalize_value(v) for v in value)
    return str(value)


_EXACT = 2.0**53
_ABSOLUTE_FLOOR = 1e-12
_MAX_SEARCH_NODES = 20_000
_MAX_MATCHING = 400


def values_equal(a: Any, b: Any, tolerance: float) -> bool:
    """Equality of two normalised values; whole numbers are compared exactly."""
    if a is None or b is None:
        return a is None and b is None
    a_number, b_number = isinstance(a, (int, float)), isinstance(b, (int, float))
    if a_number != b_number:
        return False
    if not a_number:
        return bool(a == b)
    if a == b:
        return True
    if isinstance(a, int) and isinstance(b, int):
        return False
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return False
    difference = float(abs(a - b))
    return difference <= _ABSOLUTE_FLOOR or difference <= tolerance * float(max(abs(a), abs(b)))


def bags_equal(left: Sequence[Row], right: Sequence[Row], tolerance: float) -> bool:
    """The same rows, each as often; numbers within the tolerance."""
    if len(left) != len(right):
        return False
    if collections.Counter(left) == collections.Counter(right):
        return True
    if not any(isinstance(v, float) for row in (*left, *right) for v in row):
        return False
    groups: dict[Row, tuple[list[Row], list[Row]]] = {}
    for side, rows in enumerate((left, right)):
        for row in rows:
            discrete = tuple(_NUMBER if isinstance(v, (int, float)) else v for v in row)
            numbers = tuple(v for v in row if isinstance(v, (int, float)))
            groups.setdefault(discrete, ([], []))[side].append(numbers)
    return all(_numbers_match(a, b, tolerance) for a, b in groups.values())


_NUMBER = ("number",)


def _numbers_match(left: list[Row], right: list[Row], tolerance: float) -> bool:
    if len(left) != len(right):
        return False

    def near(a: Row, b: Row) -> bool:
        return all(values_equal(x, y, tolerance) for x, y in zip(a, b, strict=True))

    left, right = sorted(left, key=_nan_last), sorted(right, key=_nan_last)
    if all(near(a, b) for a, b in zip(left, right, strict=True)):
        return True
    # Sorting can pair rows wrongly where a leading number differs by less than the
    # tolerance; a matching decides, for as many rows as it is worth.
    if len(left) > _MAX_MATCHING:
        return False
    choices = [[j for j, b in enumerate(right) if near(a, b)] for a in left]
    taken: dict[int, int] = {}
    return all(_augment(i, choices, taken, set()) for i in range(len(left)))


def _augment(i: int, choices: list[list[int]], taken: dict[int, int], seen: set[int]) -> bool:
    for j in choices[i]:
        if j in seen:
            continue
        seen.add(j)
        if j not in taken or _augment(taken[j], choices, taken, seen):
            taken[j] = i
            return True
    return False


def _nan_last(row: Row) -> tuple[Any, ...]:
    return tuple((math.isnan(v), 0.0 if math.isnan(v) else v) for v in row)


def _tie_runs(
    rows: list[Row], keys: tuple[int, ...] | None, tolerance: float
) -> list[tuple[int, int]]:
    """Ranges of rows that tie on the order keys; single rows if no keys are known."""
    if keys is None:
        return [(i, i + 1) for i in range(len(rows))]
    runs = []
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or not all(
            values_equal(rows[i][k], rows[start][k], tolerance) for k in keys
        ):
            runs.append((start, i))
            start = i
    return runs


class _Matcher:
    """Looks for a column permutation under which whole rows agree."""

    def __init__(self, left: list[Row], right: list[Row], tolerance: float) -> None:
        self.left, self.right, self.tolerance = left, right, tolerance
        self.width = len(left[0])

    def search(self, runs: list[tuple[int, int]] | None, *, free: bool) -> bool:
        """True if the identity, or with `free` some permutation, makes the rows equal."""
        if self._agree(list(range(self.width)), runs):
            return True
        if not free or self.width < 2:
            return False
        columns = range(self.width)
        candidates = [
            [
                j
                for j in columns
                if bags_equal(
                    [(r[i],) for r in self.left], [(r[j],) for r in self.right], self.tolerance
                )
            ]
            for i in columns
        ]
        if not all(candidates):
            return False
        # Predicted columns with the same content are interchangeable: one is tried.
        content = [tuple(_hashable(r[j]) for r in self.right) for j in columns]
        self._nodes = 0
        return self._extend([], candidates, content, runs)

    def _extend(
        self,
        chosen: list[int],
        candidates: list[list[int]],
        content: list[tuple[Any, ...]],
        runs: list[tuple[int, int]] | None,
    ) -> bool:
        if len(chosen) == self.width:
            return True
        tried: set[tuple[Any, ...]] = set()
        for j in candidates[len(chosen)]:
            if j in chosen or content[j] in tried:
                continue
            tried.add(content[j])
            self._nodes += 1
            if self._nodes > _MAX_SEARCH_NODES:
                return False
            if self._agree([*chosen, j], runs) and self._extend(
                [*chosen, j], candidates, content, runs
            ):
                return True
        return False

    def _agree(self, chosen: list[int], runs: list[tuple[int, int]] | None) -> bool:
        """The first columns of the gold agree with the chosen columns, rows as wholes."""
        width = len(chosen)
        left = [row[:width] for row in self.left]
        right = [tuple(row[j] for j in chosen) for row in self.right]
        if runs is None:
            return bags_equal(left, right, self.tolerance)
        return all(bags_equal(left[a:b], right[a:b], self.tolerance) for a, b in runs)


def _hashable(value: Any) -> Any:
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def _first_difference(left: list[Row], right: list[Row]) -> str:
    missing = collections.Counter(left) - collections.Counter(right)
    extra = collections.Counter(right) - collections.Counter(left)
    parts = []
    if missing:
        parts.append(f"missing {next(iter(missing))!r:.200}")
    if extra:
        parts.append(f"got {next(iter(extra))!r:.200}")
    return ", ".join(parts)
