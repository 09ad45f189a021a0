"""The one clustered test behind the gate: its p-value, its interval, its margins.

Each cluster (a schema) has a sum of paired differences and a size. Under the null
hypothesis "the mean difference is `shift`" every cluster's residual ``sum - shift * size``
is as likely to stand on the other side of zero, so the distribution of their total over all
2^G assignments of signs is the reference. Everything is exact: no sampling and no seed.

Test and interval cannot contradict each other, because the interval is the test: it holds
the shifts that are not rejected. Flipping the residuals of the clusters in a set A gives a
total at least as large as observed exactly if ``sum(A) <= shift * size(A)``, so the
p-value is the share of sets A whose own mean is at most `shift`. It therefore never falls
while `shift` grows, and the interval's ends are quantiles of those subset means.

Sources:
    Fisher 1935 for the sign-flip test; Hartigan 1969, "Using subsample values as typical
    values", for the interval. As the sum of squares does not change under flips, flipping
    the mean and flipping its t statistic are the same test.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

Alternative = Literal["two-sided", "greater", "less"]

RESOLUTION = 1000
"""The ends of an interval are multiples of 1/RESOLUTION."""


class ClusterTotals(NamedTuple):
    """Per cluster: sum of the values, and how many there are."""

    sums: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def net(self) -> int:
        """Number of clusters whose sum is not zero: those that can speak at shift 0."""
        return sum(1 for s in self.sums if s)


def cluster_totals(values: Sequence[int], clusters: Sequence[Hashable]) -> ClusterTotals:
    """Add up integer values by cluster.

    Raises:
        ValueError: The lengths differ.
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
    sums: dict[Hashable, int] = {}
    sizes: dict[Hashable, int] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0) + value
        sizes[cluster] = sizes.get(cluster, 0) + 1
    return ClusterTotals(tuple(sums.values()), tuple(sizes.values()))


def paired_values(reference: Sequence[bool], candidate: Sequence[bool]) -> list[int]:
    """Candidate minus reference, each -1, 0 or 1.

    Raises:
        ValueError: The lengths differ.
    """
    if len(reference) != len(candidate):
        raise ValueError(f"{len(reference)} reference values, {len(candidate)} candidate values")
    return [int(bool(c)) - int(bool(r)) for r, c in zip(reference, candidate, strict=True)]


def sign_flip_p(
    reference: Sequence[bool],
    candidate: Sequence[bool],
    clusters: Sequence[Hashable],
    alternative: Alternative = "greater",
) -> float:
    """Exact paired randomisation test that flips whole clusters.

    With one question per cluster this is exactly McNemar's test; with G clusters that
    have a net gain no p-value is below 2^-G, however many questions they hold.

    Args:
        reference: Whether the reference is right, one per question.
        candidate: The same for the candidate, in the same order.
        clusters: The cluster of each question.
        alternative: ``greater`` asks whether the candidate is better, ``less`` whether it
            is worse.

    Returns:
        The p-value, in (0, 1]; relative rounding error below 1e-9.

    Raises:
        ValueError: The lengths differ.
    """
    totals = cluster_totals(paired_values(reference, candidate), clusters)
    return shifted_p(totals, Fraction(0), alternative)


def net_clusters(
    reference: Sequence[bool], candidate: Sequence[bool], clusters: Sequence[Hashable]
) -> int:
    """Number of clusters whose net gain is not zero: the ones that `sign_flip_p` can use."""
    return cluster_totals(paired_values(reference, candidate), clusters).net


def shifted_p(
    totals: ClusterTotals, shift: Fraction, alternative: Alternative = "greater"
) -> float:
    """P-value of "the mean is `shift`" against a larger (or smaller, or other) mean.

    Args:
        totals: From `cluster_totals`.
        shift: Hypothetical mean; small denominators are quick.
        alternative: ``greater``: rejected by a large mean.
    """
    residuals = [
        shift.denominator * s - shift.numerator * n
        for s, n in zip(totals.sums, totals.sizes, strict=True)
    ]
    if alternative == "less":
        residuals = [-r for r in residuals]
    observed = sum(residuals)
    if alternative == "two-sided":
        if observed == 0:
            return 1.0
        return min(1.0, 2.0 * _upper_tail(residuals, abs(observed)))
    return _upper_tail(residuals, observed)


def flip_interval(totals: ClusterTotals, confidence: float = 0.95) -> tuple[float, float]:
    """Means in [-1, 1] that the two one-sided tests at (1 - confidence) / 2 do not reject.

    The lower end is above 0 exactly if `shifted_p` at 0 is at most (1 - confidence) / 2.
    With too few clusters for that level nothing is rejected and the interval is [-1, 1].

    Args:
        totals: From `cluster_totals`; of paired differences.
        confidence: Coverage, in (0, 1).
    """
    level = (1.0 - confidence) / 2.0
    low = _first_kept(totals, level)
    mirrored = ClusterTotals(tuple(-s for s in totals.sums), totals.sizes)
    return low / RESOLUTION, -_first_kept(mirrored, level) / RESOLUTION


def _first_kept(totals: ClusterTotals, level: float) -> int:
    """Smallest k with ``shifted_p(k / RESOLUTION) > level``, by bisection."""
    # A rounded 1 - confidence must not reject what the exact level keeps, or the reverse.
    level *= 1.0 + 1e-9
    n, total = sum(totals.sizes), sum(totals.sums)
    # At its own mean the p-value is at least 1/2: that shift is always kept.
    kept = math.ceil(Fraction(total, n) * RESOLUTION)
    width = max(1, RESOLUTION // 50)
    rejected = kept
    while rejected > -RESOLUTION:
        rejected = max(-RESOLUTION, kept - width)
        if shifted_p(totals, Fraction(rejected, RESOLUTION)) <= level:
            break
        kept, width = rejected, width * 2
    else:
        return -RESOLUTION
    if kept == -RESOLUTION:
        return -RESOLUTION
    while kept - rejected > 1:
        middle = (kept + rejected) // 2
        if shifted_p(totals, Fraction(middle, RESOLUTION)) <= level:
            rejected = middle
        else:
            kept = middle
    return kept


def _upper_tail(residuals: Sequence[int], observed: int) -> float:
    """P(sum of the residuals with random signs >= observed)."""
    sizes = sorted(abs(r) for r in residuals if r)
    if not sizes:
        return 1.0 if observed <= 0 else sys.float_info.min
    common = math.gcd(*sizes)
    sizes = [size // common for size in sizes]
    # The sum is 2k - total, where k is what the clusters with a plus sign add up to.
    total = sum(sizes)
    first = max(0, (math.ceil(observed / common) + total + 1) // 2)
    counts = Counter(sizes)
    by_convolution = len(sizes) * total
    by_transform = 10 * len(counts) * total
    if by_convolution <= max(by_transform, 2_000_000):
        probability = _convolve(sizes, total)
    else:
        probability = _transform(counts, total)
    return min(1.0, max(math.fsum(probability[first:]), sys.float_info.min))


def _convolve(sizes: Sequence[int], total: int) -> np.ndarray:
    """Distribution of the sum of a random subset, one cluster after the other."""
    probability = np.zeros(total + 1)
    probability[0] = 1.0
    reached = 0
    for size in sizes:
        reached += size
        probability[size : reached + 1] += probability[: reached - size + 1].copy()
        probability[: reached + 1] *= 0.5
    return probability


def _transform(counts: Counter[int], total: int) -> np.ndarray:
    """The same through its characteristic function: absolute error about 1e-14.

    Quicker where many clusters are alike and the sums are long, as at a shift with a
    large denominator.
    """
    length = 1 << total.bit_length()
    angle = 2.0 * np.pi * np.arange(length // 2 + 1) / length
    values = np.exp(-0.5j * total * angle)
    for size, count in counts.items():
        values *= np.cos(0.5 * size * angle) ** count
    return np.clip(np.fft.irfft(values, length)[: total + 1], 0.0, 1.0)
