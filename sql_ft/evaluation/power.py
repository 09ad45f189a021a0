"""What a comparison could have shown: power, detectable gain, questions needed.

A comparison of `n` questions on which the arms disagree with probability `discordance`
has a mean difference with variance ``design_effect * (discordance - gain^2) / n``. The
paired test rejects when the observed gain exceeds its critical value, whose spread is that
of a null difference, ``design_effect * discordance / n``, at the discordance drawn. The
normal approximation of their difference, with a continuity correction (sums of differences
move in steps of two, so half a step is one question), agrees with simulation: see
`docs/design/error-budget.md` and `benchmarks/gate_power.py`.

Sources:
    Connor 1987, "Sample size for testing differences in proportions for the paired-sample
    design", for unequal variances under both hypotheses; Kish 1965 for the design effect.
"""

from __future__ import annotations

import dataclasses
import math

from scipy import stats

POWER = 0.8
"""The power at which a gain counts as detectable."""

MAX_SAMPLES = 10_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class PowerReport:
    """What a comparison of this size can see.

    Attributes:
        n: Questions.
        alpha: One-sided level of the paired test.
        discordance: Share of questions on which exactly one arm is right.
        design_effect: Of the schemas.
        detectable_gain: Smallest true gain that is found with 80% power; None if even
            the largest possible one is not.
        gain: The true gain that `needed_samples` is about.
        needed_samples: Questions needed to find `gain` with 80% power; None if `gain` is
            not above zero, or no number of questions below ten million is enough.
    """

    n: int
    alpha: float
    discordance: float
    design_effect: float
    detectable_gain: float | None
    gain: float
    needed_samples: int | None

    def __str__(self) -> str:
        found = (
            "no possible gain could have been found"
            if self.detectable_gain is None
            else f"a true gain of {self.detectable_gain:+.3f} is found with 80% power"
        )
        text = (
            f"{found} ({self.n} questions, {self.discordance:.0%} discordant, design effect "
            f"{self.design_effect:.1f}, alpha {self.alpha:.2g})"
        )
        if self.needed_samples is not None:
            text += f"; {self.gain:+.3f} needs {self.needed_samples:,} questions"
        return text


def power_report(
    *, n: int, alpha: float, discordance: float, design_effect: float, gain: float
) -> PowerReport:
    """Put together what one look can see."""
    return PowerReport(
        n=n,
        alpha=alpha,
        discordance=discordance,
        design_effect=design_effect,
        detectable_gain=detectable_gain(
            n=n, discordance=discordance, design_effect=design_effect, alpha=alpha
        ),
        gain=gain,
        needed_samples=samples_needed(
            gain=gain, discordance=discordance, design_effect=design_effect, alpha=alpha
        ),
    )


def paired_test_power(
    *, gain: float, n: int, discordance: float, alpha: float, design_effect: float = 1.0
) -> float:
    """Probability that the one-sided paired test rejects.

    Args:
        gain: True mean difference, at most `discordance`.
        n: Questions.
        discordance: Share of questions on which exactly one arm is right.
        alpha: One-sided level.
        design_effect: Variance of the mean difference over that of independent questions.
    """
    if n < 1 or discordance <= 0.0 or alpha <= 0.0:
        return 0.0
    gain = min(gain, discordance)
    z = float(stats.norm.isf(alpha))
    critical = z * math.sqrt(design_effect * discordance / n)
    distance = gain - 1.0 / n - critical
    # The critical value moves with the discordant pairs that happen to be drawn, which are
    # mostly gains: each of them counts for 1 - c, each loss for 1 + c (delta method).
    c = z / (2.0 * math.sqrt(n * discordance / design_effect))
    variance = discordance * (1.0 + c * c) - 2.0 * c * gain - (gain - c * discordance) ** 2
    spread = math.sqrt(design_effect * max(variance, 0.0) / n)
    if spread == 0.0:
        return float(distance >= 0.0)
    return float(stats.norm.cdf(distance / spread))


def detectable_gain(
    *,
    n: int,
    discordance: float,
    alpha: float,
    design_effect: float = 1.0,
    power: float = POWER,
) -> float | None:
    """Smallest true gain found with that power; None if no gain up to `discordance` is."""

    def found(gain: float) -> bool:
        return (
            paired_test_power(
                gain=gain, n=n, discordance=discordance, alpha=alpha, design_effect=design_effect
            )
            >= power
        )

    low, high = 0.0, discordance
    if not found(high):
        return None
    while high - low > 1e-5:
        middle = (low + high) / 2.0
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def samples_needed(
    *,
    gain: float,
    discordance: float,
    alpha: float,
    design_effect: float = 1.0,
    power: float = POWER,
) -> int | None:
    """Fewest questions with that power; None if not below `MAX_SAMPLES`."""
    if gain <= 0.0:
        return None

    def enough(n: int) -> bool:
        return (
            paired_test_power(
                gain=gain, n=n, discordance=discordance, alpha=alpha, design_effect=design_effect
            )
            >= power
        )

    low, high = 0, 1
    while not enough(high):
        low, high = high, high * 2
        if high > MAX_SAMPLES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
