"""Do two results mean the same? Bags, declared order, declared tolerance."""

from __future__ import annotations

import dataclasses
from typing import Literal

from sqlglot import exp

from sql_ft.records import ExecutionResult


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


def is_ordered(tree: exp.Expression) -> bool:
    """True if the outermost query has an ORDER BY."""
    raise NotImplementedError


def order_key_positions(tree: exp.Expression) -> tuple[int, ...] | None:
    """Positions in the projection of the outermost ORDER BY keys, leading ones first.

    None if there is no outermost ORDER BY or some key is not in the projection.
    """
    raise NotImplementedError


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
    raise NotImplementedError
