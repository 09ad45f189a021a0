"""Intervals and tests for right/wrong verdicts that come in clusters.

Questions over one schema are right or wrong together, so a standard error or a test
that treats them as independent is too confident. Everything here takes the cluster of
each value. The test itself is in `sign_flip`. Pure functions: no database, no model, no
randomness.

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
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

from scipy import stats

from sql_ft.evaluation.sign_flip import cluster_totals, flip_interval, paired_values

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
        confidence: Of the interval.
        design_effect: See `design_effect`.
    """

    n: int
    n_clusters: int
    difference: float
    stderr: float | None
    low: float | None
    high: float | None
    gains: int
    losses: int
    confidence: float = 0.95
    design_effect: float | None = None

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
    sums = _centred_sums(values, clusters)
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
    """Mean paired difference with the interval of the clustered sign-flip test.

    The interval holds the differences that `sign_flip_p` does not reject, see
    `sign_flip.flip_interval`.

    Args:
        reference: Whether the reference is right, one per question.
        candidate: The same for the candidate, in the same order.
        clusters: The cluster of each question.
        confidence: Coverage, in (0, 1).

    Raises:
        ValueError: The lengths differ, or there are no pairs.
    """
    _check_confidence(confidence)
    differences = paired_values(reference, candidate)
    if not differences:
        raise ValueError("no pairs to compare")
    totals = cluster_totals(differences, clusters)
    low = high = None
    if len(totals.sums) > 1:
        low, high = flip_interval(totals, confidence)
    return PairedDifference(
        n=len(differences),
        n_clusters=len(totals.sums),
        difference=sum(differences) / len(differences),
        stderr=clustered_stderr(differences, clusters),
        low=low,
        high=high,
        gains=differences.count(1),
        losses=differences.count(-1),
        confidence=confidence,
        design_effect=design_effect(differences, clusters),
    )


def design_effect(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Squared clustered standard error over that of independent values.

    How many times as many questions this clustering needs for the same certainty. None
    with fewer than two clusters, or if all values are equal.

    Raises:
        ValueError: The lengths differ.
    """
    clustered = clustered_stderr(values, clusters)
    if clustered is None:
        return None
    independent = clustered_stderr(values, range(len(values)))
    return (clustered / independent) ** 2 if independent else None


def _centred_sums(values: Sequence[float], clusters: Sequence[Hashable]) -> list[float]:
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
    if not values:
        return []
    mean = math.fsum(values) / len(values)
    members: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        members.setdefault(cluster, []).append(value - mean)
    return [math.fsum(group) for group in members.values()]


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence={confidence}: expected a value in (0, 1)")
