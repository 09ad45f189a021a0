"""What improved and what got worse, in a dozen lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.report_changes import Change
from sql_ft.evaluation.report_data import ReportData
from sql_ft.evaluation.report_labels import FAILURE_TEXTS, slice_label

MAX_SLICES = 6
"""Slices named on each side."""

MAX_FAILURES = 4
"""Kinds of failure named on each side."""

_SHARES = {
    "valid_sql_rate": "valid SQL",
    "schema_adherence": "schema adherence",
    "format_consistency": "format consistency",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Highlight:
    """One line: what it is about, its value before, after, and the difference.

    Attributes:
        label: What.
        text: Before and after.
        is_clear: The difference's interval leaves out zero; False without an interval.
        key: (Filter, value) of the questions it is about; None if no filter shows them.
    """

    label: str
    text: str
    is_clear: bool = False
    key: tuple[str, str] | None = None


def find_highlights(
    data: ReportData, changes: Mapping[str, Sequence[Change]]
) -> tuple[list[Highlight], list[Highlight]]:
    """What improved, and what got worse; the clear and the large first.

    Args:
        data: Of a report with two arms at least.
        changes: `slice_changes` of it.
    """
    before, after = data.summaries[data.reference_arm], data.summaries[data.arms[-1]]
    return (
        [*_shares(before, after, 1), *_slices(changes, 1), *_failures(before, after, -1)],
        [*_shares(before, after, -1), *_slices(changes, -1), *_failures(before, after, 1)],
    )


def _shares(before: ArmSummary, after: ArmSummary, sign: int) -> Iterator[Highlight]:
    for name, label in _SHARES.items():
        old, new = getattr(before, name), getattr(after, name)
        # What rounds to the same three places has not changed for a reader.
        if old is not None and new is not None and sign * (new - old) >= 0.0005:
            yield Highlight(label, f"{old:.3f} → {new:.3f}")


def _slices(changes: Mapping[str, Sequence[Change]], sign: int) -> Iterator[Highlight]:
    moved = [
        change
        for rows in changes.values()
        for change in rows
        # The only value of a slice says what the headline says.
        if len(rows) > 1 and sign * (change.gains - change.losses) > 0
    ]
    moved.sort(key=lambda c: (not c.is_clear, -abs(c.gains - c.losses)))
    for change in moved[:MAX_SLICES]:
        yield Highlight(
            f"{slice_label(change.tag)}: {change.value or '(empty)'}",
            f"{change.before:.3f} → {change.after:.3f} of {change.n}",
            change.is_clear,
            (change.tag, change.value),
        )


def _failures(before: ArmSummary, after: ArmSummary, sign: int) -> Iterator[Highlight]:
    kinds = {*before.failures, *after.failures}
    moved = {kind: after.failures.get(kind, 0) - before.failures.get(kind, 0) for kind in kinds}
    ordered = sorted((k for k in kinds if sign * moved[k] > 0), key=lambda k: (-abs(moved[k]), k))
    for kind in ordered[:MAX_FAILURES]:
        yield Highlight(
            f"failure: {FAILURE_TEXTS.get(kind, kind)}",
            f"{before.failures.get(kind, 0)} → {after.failures.get(kind, 0)} answers",
        )
