"""The difference of two accuracies that were measured on different questions.

Sources:
    Newcombe 1998, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17:873-890, method 10 (hybrid score). Liang and Zeger 1986 for the
    sandwich: each cluster adds its share to both means, so databases that were asked in both
    samples are counted as one cluster, and ones in a single sample as well.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence

from scipy import stats

from sql_ft.evaluation.statistics import Interval, wilson_interval


@dataclasses.dataclass(frozen=True, slots=True)
class SampleDifference:
    """Accuracy on the second sample minus that on the first.

    Attributes:
        n_before: Questions of the first sample.
        n_after: Questions of the second.
        before: Accuracy on the first.
        after: Accuracy on the second.
        low: Lower end of the interval of the difference.
        high: Upper end.
        stderr: Clustered standard error; None with fewer than two clusters.
        n_clusters: Clusters of both samples together.
        confidence: Of the interval.
    """

    n_before: int
    n_after: int
    before: float
    after: float
    low: float
    high: float
    stderr: float | None
    n_clusters: int
    confidence: float

    @property
    def difference(self) -> float:
        """After minus before."""
        return self.after - self.before


def newcombe_interval(
    hits_before: int, n_before: int, hits_after: int, n_after: int, confidence: float = 0.95
) -> Interval:
    """Interval of the difference of two independent proportions, after minus before.

    Raises:
        ValueError: As `wilson_interval`.
    """
    old = wilson_interval(hits_before, n_before, confidence)
    new = wilson_interval(hits_after, n_after, confidence)
    before, after = hits_before / n_before, hits_after / n_after
    difference = after - before
    low = difference - math.hypot(after - new.low, old.high - before)
    high = difference + math.hypot(new.high - after, before - old.low)
    return Interval(max(-1.0, low), min(1.0, high))


def sample_difference(
    before: Sequence[bool],
    clusters_before: Sequence[Hashable],
    after: Sequence[bool],
    clusters_after: Sequence[Hashable],
    confidence: float = 0.95,
) -> SampleDifference:
    """Difference of two accuracies, with the wider of two intervals at each end.

    The clustered t interval (clusters less one degrees of freedom) knows that questions of one
    database are right or wrong together; the score interval holds where few questions or few
    clusters leave the first too narrow.

    Args:
        before: Whether each question of the first sample was answered right.
        clusters_before: Their clusters.
        after: The same for the second sample.
        clusters_after: Their clusters.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: A sample is empty, or lengths differ.
    """
    if not before or not after:
        raise ValueError(f"{len(before)} and {len(after)} questions: expected at least one each")
    shares: dict[Hashable, float] = {}
    for sign, values, clusters in ((-1, before, clusters_before), (1, after, clusters_after)):
        if len(values) != len(clusters):
            raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
        mean = sum(values) / len(values)
        for value, cluster in zip(values, clusters, strict=True):
            shares[cluster] = shares.get(cluster, 0.0) + sign * (value - mean) / len(values)
    rates = sum(before) / len(before), sum(after) / len(after)
    low, high = newcombe_interval(sum(before), len(before), sum(after), len(after), confidence)
    count, stderr = len(shares), None
    if count > 1:
        stderr = math.sqrt(count / (count - 1) * math.fsum(s * s for s in shares.values()))
        half = float(stats.t.isf((1.0 - confidence) / 2.0, count - 1)) * stderr
        difference = rates[1] - rates[0]
        low = max(-1.0, min(low, difference - half))
        high = min(1.0, max(high, difference + half))
    return SampleDifference(len(before), len(after), *rates, low, high, stderr, count, confidence)
