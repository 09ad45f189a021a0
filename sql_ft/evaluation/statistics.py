"""Intervals and tests for right/wrong verdicts that come in clusters.

Questions over one schema are right or wrong together, so a standard error or a test
that treats them as independent is too confident. Everything here takes the cluster of
each value. Pure functions: no database, no model, no randomness.

Sources:
    Wilson 1927 for the interval of one proportion; McNemar 1947 (exact, binomial) for
    paired proportions; Liang and Zeger 1986 for the cluster sandwich, applied to
    evaluation scores by Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640.
    Unlike Miller's equation 4, the sandwich here carries the small-sample factor
    G/(G-1), because evaluation sets have tens of schemas rather than thousands.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

Alternative = Literal["two-sided", "greater"]


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus reference on the same questions.

    Attributes:
        n: Pairs.
        n_clusters: Distinct clusters among them.
        difference: Mean of candidate minus reference, in [-1, 1].
        stderr: Clustered standard error; None with fewer than two clusters.
        low: Lower end of the confidence interval; None with fewer than two clusters.
        high: Upper end.
        gains: Pairs that only the candidate has right.
        losses: Pairs that only the reference has right.
    """

    n: int
    n_clusters: int
    difference: float
    stderr: float | None
    low: float | None
    high: float | None
    gains: int
    losses: int

    @property
    def discordant(self) -> int:
        """Pairs on which the two sides differ."""
        return self.gains + self.losses


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion of independent trials.

    Args:
        successes: Number of successes, 0 to `n`.
        n: Number of trials, at least 1.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: A count or the confidence is out of range.
    """
    _check_confidence(confidence)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"successes={successes} of n={n}: expected 0 <= successes <= n, n >= 1")
    z = float(stats.norm.isf((1.0 - confidence) / 2.0))
    share = successes / n
    denominator = 1.0 + z * z / n
    centre = (share + z * z / (2 * n)) / denominator
    half = z * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n)) / denominator
    # At 0 and n the formula gives the end exactly; floating point does not.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def mcnemar_p(gains: int, losses: int, alternative: Alternative = "two-sided") -> float:
    """Exact McNemar test on discordant pairs: gains ~ Binomial(gains + losses, 1/2).

    Valid for independent pairs only; `sign_flip_p` is its clustered counterpart.

    Args:
        gains: Pairs that only the candidate has right.
        losses: Pairs that only the reference has right.
        alternative: ``greater`` asks whether the candidate is better.

    Returns:
        The p-value; 1.0 without discordant pairs.

    Raises:
        ValueError: A count is negative.
    """
    if gains < 0 or losses < 0:
        raise ValueError(f"gains={gains}, losses={losses}: expected counts >= 0")
    if gains + losses == 0:
        return 1.0
    return float(stats.binomtest(gains, gains + losses, 0.5, alternative=alternative).pvalue)


def clustered_stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Cluster-robust standard error of a mean.

    ``sqrt(G/(G-1) * sum_g (sum_{i in g} (x_i - mean))^2) / n``. With one value per
    cluster this is the ordinary ``s / sqrt(n)``.

    Args:
        values: One value per question, e.g. 0.0 or 1.0, or differences of those.
        clusters: The cluster of each value.

    Returns:
        The standard error, or None with fewer than two clusters: one cluster says
        nothing about the variation between clusters.

    Raises:
        ValueError: The lengths differ.
    """
    sums = _cluster_sums(values, clusters, centre=True)
    if len(sums) < 2:
        return None
    factor = len(sums) / (len(sums) - 1)
    return math.sqrt(factor * math.fsum(s * s for s in sums)) / len(values)


def paired_difference(
    reference: Sequence[bool],
    candidate: Sequence[bool],
    clusters: Sequence[Hashable],
    confidence: float = 0.95,
) -> PairedDifference:
    """Mean paired difference with a clustered t interval (G - 1 degrees of freedom).

    Args:
        reference: Whether the reference is right, one per question.
        candidate: The same for the candidate, in the same order.
        clusters: The cluster of each question.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: The lengths differ, or there are no pairs.
    """
    _check_confidence(confidence)
    differences = _differences(reference, candidate)
    if not differences:
        raise ValueError("no pairs to compare")
    n_clusters = len(set(clusters))
    difference = sum(differences) / len(differences)
    stderr = clustered_stderr(differences, clusters)
    low = high = None
    if stderr is not None:
        half = float(stats.t.isf((1.0 - confidence) / 2.0, n_clusters - 1)) * stderr
        low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return PairedDifference(
        n=len(differences),
        n_clusters=n_clusters,
        difference=difference,
        stderr=stderr,
        low=low,
        high=high,
        gains=differences.count(1),
        losses=differences.count(-1),
    )


def sign_flip_p(
    reference: Sequence[bool],
    candidate: Sequence[bool],
    clusters: Sequence[Hashable],
    alternative: Alternative = "greater",
) -> float:
    """Exact paired randomisation test that flips whole clusters.

    Under the null hypothesis the two arms are exchangeable within a schema, so each
    cluster's net gain keeps its size and takes either sign with probability 1/2. The
    net gains are integers, so the distribution of their sum over **all** 2^G
    assignments is a convolution: no sampling, no seed, and no floor on the p-value.
    With one question per cluster this is exactly McNemar's test; with G clusters that
    have a net gain no p-value is below 2^-G, however many questions they hold.

    Args:
        reference: Whether the reference is right, one per question.
        candidate: The same for the candidate, in the same order.
        clusters: The cluster of each question.
        alternative: ``greater`` asks whether the candidate is better.

    Returns:
        The p-value, in (0, 1]; relative rounding error below 1e-9.

    Raises:
        ValueError: The lengths differ.
    """
    differences = _differences(reference, candidate)
    sums = [round(s) for s in _cluster_sums(differences, clusters, centre=False)]
    sizes = sorted(abs(s) for s in sums if s)
    observed = sum(sums)
    if alternative == "two-sided":
        observed = abs(observed)
        if observed == 0:
            return 1.0
    # positive[k]: probability that the clusters flipped to the candidate's side sum to k;
    # the statistic is then 2k - total.
    total = sum(sizes)
    positive = np.zeros(total + 1)
    positive[0] = 1.0
    reached = 0
    for size in sizes:
        reached += size
        positive[size : reached + 1] += positive[: reached - size + 1].copy()
        positive[: reached + 1] *= 0.5
    tail = math.fsum(positive[(observed + total + 1) // 2 :])
    if alternative == "two-sided":
        tail *= 2.0  # the distribution is symmetric
    return min(1.0, max(tail, sys.float_info.min))


def net_clusters(
    reference: Sequence[bool], candidate: Sequence[bool], clusters: Sequence[Hashable]
) -> int:
    """Number of clusters whose net gain is not zero: the ones that `sign_flip_p` can use."""
    sums = _cluster_sums(_differences(reference, candidate), clusters, centre=False)
    return sum(1 for s in sums if s)


def _differences(reference: Sequence[bool], candidate: Sequence[bool]) -> list[int]:
    if len(reference) != len(candidate):
        raise ValueError(f"{len(reference)} reference values, {len(candidate)} candidate values")
    return [int(bool(c)) - int(bool(r)) for r, c in zip(reference, candidate, strict=True)]


def _cluster_sums(
    values: Sequence[float], clusters: Sequence[Hashable], *, centre: bool
) -> list[float]:
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
    if not values:
        return []
    mean = math.fsum(values) / len(values) if centre else 0.0
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        members.setdefault(cluster, []).append(value - mean)
    return [math.fsum(group) for group in members.values()]


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence={confidence}: expected a value in (0, 1)")
