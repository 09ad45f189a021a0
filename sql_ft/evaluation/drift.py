"""Does the champion still do as well as when it was promoted? A comparison, not a decision.

The promotion's questions and tonight's are different ones over databases of the same side,
so the two accuracies are compared as two samples (`two_samples`). The base answers tonight's
questions too: where it fell as well, the questions have become harder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sql_ft.evaluation.arm_pairs import ArmPair
from sql_ft.evaluation.two_samples import SampleDifference, newcombe_interval, sample_difference

Answered = Sequence[tuple[bool, str]]
"""Right or wrong, and the schema group, of each scored question."""


@dataclasses.dataclass(frozen=True, slots=True)
class BaseChange:
    """The base's accuracy at the promotion and tonight, from counts alone."""

    n_before: int
    before: float
    n_after: int
    after: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True)
class Drift:
    """What the nightly check found.

    Attributes:
        drifted: The upper end of the interval of the change lies below zero.
        change: Of the champion's accuracy since its promotion.
        base: The same of the base; None where it is not known.
        gain: Champion minus base on tonight's questions; None without a base.
        text: One sentence for a reader.
    """

    drifted: bool
    change: SampleDifference
    base: BaseChange | None
    gain: ArmPair | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return dataclasses.asdict(self)


def find_drift(
    promotion: Answered,
    fresh: Answered,
    *,
    version: str,
    confidence: float,
    base_before: tuple[int, int] | None = None,
    base_fresh: tuple[int, int] | None = None,
    gain: ArmPair | None = None,
) -> Drift:
    """Hold the champion's fresh answers against those that it was promoted on.

    Args:
        promotion: Of the promotion's questions.
        fresh: Of tonight's.
        version: Of the champion, for the sentence.
        confidence: Of the interval.
        base_before: The base's right answers and scored questions at the promotion.
        base_fresh: The same tonight.
        gain: Champion minus base tonight.

    Raises:
        ValueError: A sample is empty.
    """
    change = sample_difference(
        [right for right, _ in promotion],
        [group for _, group in promotion],
        [right for right, _ in fresh],
        [group for _, group in fresh],
        confidence,
    )
    base = None
    if base_before is not None and base_fresh is not None and base_before[1] and base_fresh[1]:
        (hits0, n0), (hits1, n1) = base_before, base_fresh
        interval = newcombe_interval(hits0, n0, hits1, n1, confidence)
        base = BaseChange(n0, hits0 / n0, n1, hits1 / n1, *interval)
    drifted = change.high < 0.0
    return Drift(drifted, change, base, gain, _sentence(version, drifted, change, base))


def _sentence(
    version: str, drifted: bool, change: SampleDifference, base: BaseChange | None
) -> str:
    found = (
        f"execution accuracy {change.after:.3f} on {change.n_after} fresh questions, "
        f"{change.before:.3f} on {change.n_before} at its promotion: {change.difference:+.3f} "
        f"[{change.low:+.3f}, {change.high:+.3f}] at {change.confidence:.0%}"
    )
    if not drifted:
        return f"champion v{version} is steady: {found}"
    if base is None:
        why = ""
    elif base.high < 0.0:
        why = "; the base fell as well, so the questions are harder than they were"
    else:
        why = "; the base did not clearly fall"
    return f"champion v{version} has drifted: {found}{why}"
