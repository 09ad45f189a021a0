"""What the candidate does better and worse than the reference, slice by slice.

For a reader only: nothing here decides. Many slices are looked at and each interval stands
alone, so one that leaves out zero is a place to look, not a finding.

Source of the score interval: Newcombe 1998, "Improved confidence intervals for the
difference between binomial proportions based on paired data", Statistics in Medicine
17:2635-2650, method 10.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from sql_ft.evaluation.report_data import Comparison, ReportData
from sql_ft.evaluation.report_labels import ordered_slices, ordered_values
from sql_ft.evaluation.statistics import Interval, PairedDifference, paired_difference
from sql_ft.evaluation.statistics import wilson_interval as wilson
from sql_ft.records import Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """Candidate minus reference on some of the questions.

    Attributes:
        tag: Slice; "" for all questions.
        value: Value of the slice.
        n: Questions scored on both sides.
        before: Accuracy of the reference.
        after: Accuracy of the candidate.
        gains: Questions that only the candidate has right.
        losses: Questions that only the reference has right.
        low: Lower end of the 95% interval of the difference.
        high: Upper end.
    """

    tag: str
    value: str
    n: int
    before: float
    after: float
    gains: int
    losses: int
    low: float
    high: float

    @property
    def difference(self) -> float:
        """Gain in accuracy; negative for a loss."""
        return (self.gains - self.losses) / self.n

    @property
    def is_clear(self) -> bool:
        """Zero lies outside the interval."""
        return self.low > 0.0 or self.high < 0.0


def overall_change(data: ReportData) -> Change | None:
    """The change over all questions; None with a single arm or nothing scored on both sides.

    Its interval is the gate's: clustered, and the score interval where no two schemas differ.
    """
    pairs = _scored(data.comparisons)
    if not pairs:
        return None
    paired = _paired(pairs)
    change = _change("", "", pairs, paired)
    if paired.low is None or paired.high is None:
        return change
    return dataclasses.replace(change, low=paired.low, high=paired.high)


def slice_changes(data: ReportData) -> dict[str, list[Change]]:
    """Slice → the change on each of its values, in the order of the report.

    The interval is the wider one, at each end, of the clustered t interval and the paired
    score interval. The first alone has no width where all questions of a small slice flip
    the same way, the second does not know that questions of one schema flip together.
    """
    last = data.summaries[data.arms[-1]]
    groups: dict[str, dict[str, list[Comparison]]] = {}
    for comparison in _scored(data.comparisons):
        for tag in last.slices:
            for value in comparison.slices.get(tag, ()):
                groups.setdefault(tag, {}).setdefault(value, []).append(comparison)
    return {
        tag: [
            _change(tag, value, groups[tag][value], _paired(groups[tag][value]))
            for value in ordered_values(groups[tag])
        ]
        for tag in ordered_slices(groups)
    }


def paired_score_interval(both: int, before: int, after: int, neither: int) -> Interval:
    """95% interval of the difference of two paired proportions, of any sample size.

    Args:
        both: Pairs right on both sides.
        before: Pairs that only the reference has right.
        after: Pairs that only the candidate has right.
        neither: Pairs wrong on both sides.

    Raises:
        ValueError: There are no pairs, or a count is negative.
    """
    if min(both, before, after, neither) < 0:
        raise ValueError(f"counts {(both, before, after, neither)}: expected >= 0")
    n = both + before + after + neither
    old, new = wilson(both + before, n), wilson(both + after, n)
    share_old, share_new = (both + before) / n, (both + after) / n
    phi = _correlation(both, before, after, neither)
    difference = (after - before) / n

    def half(below: float, above: float) -> float:
        return math.sqrt(max(0.0, below**2 - 2 * phi * below * above + above**2))

    low = difference - half(share_new - new.low, old.high - share_old)
    high = difference + half(new.high - share_new, share_old - old.low)
    return Interval(max(-1.0, low), min(1.0, high))


def _correlation(both: int, before: int, after: int, neither: int) -> float:
    """Phi with Newcombe's correction for continuity; 0 where a margin is empty."""
    n = both + before + after + neither
    margins = (both + before) * (after + neither) * (both + after) * (before + neither)
    if margins == 0:
        return 0.0
    covariance = float(both * neither - before * after)
    if covariance > 0:
        covariance = max(0.0, covariance - n / 2)
    return covariance / math.sqrt(margins)


def _scored(comparisons: Iterable[Comparison]) -> list[Comparison]:
    return [
        c
        for c in comparisons
        if c.before is not None and Outcome.EXCLUDED not in (c.before.outcome, c.after.outcome)
    ]


def _paired(pairs: Sequence[Comparison]) -> PairedDifference:
    return paired_difference(
        [c.before is not None and c.before.correct for c in pairs],
        [c.after.correct for c in pairs],
        [c.after.schema_group for c in pairs],
    )


def _change(tag: str, value: str, pairs: Sequence[Comparison], paired: PairedDifference) -> Change:
    n, right = len(pairs), sum(c.after.correct for c in pairs)
    both = right - paired.gains
    neither = n - both - paired.gains - paired.losses
    score = paired_score_interval(both, paired.losses, paired.gains, neither)
    return Change(
        tag=tag,
        value=value,
        n=n,
        before=(both + paired.losses) / n,
        after=right / n,
        gains=paired.gains,
        losses=paired.losses,
        low=score.low if paired.low is None else min(score.low, paired.low),
        high=score.high if paired.high is None else max(score.high, paired.high),
    )
