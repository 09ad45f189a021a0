"""The gate's paired test for many comparisons at once, and retrains of one base.

Shared by `gate_over_time.py` and `gate_power.py`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import stats

from sql_ft.evaluation.sign_flip import ClusterTotals, shifted_p


def flip_p_batch(sums: np.ndarray) -> np.ndarray:
    """One-sided p-value of each row of integer cluster sums (comparisons × schemas).

    The same as `shifted_p` at 0: the characteristic function of the flipped total is a
    product of cosines, one per size of a net gain, so a batch is one matrix product.
    """
    sizes = np.abs(sums)
    largest, totals = int(sizes.max(initial=1)), sizes.sum(1)
    length = 1 << int(totals.max(initial=1)).bit_length()
    angle = np.pi * np.outer(np.arange(1, largest + 1), np.arange(length // 2 + 1)) / length
    cosine = np.cos(angle)
    counts = np.stack([(sizes == m).sum(1) for m in range(1, largest + 1)], 1)
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(np.abs(cosine)), -1e3)
    values = np.exp(counts @ logs) * (1 - 2 * ((counts @ (cosine < 0)) % 2))
    phase = np.exp(-1j * np.pi * np.outer(totals, np.arange(length // 2 + 1)) / length)
    probability = np.fft.irfft(values * phase, length, axis=1)
    first = (sums.sum(1) + totals + 1) // 2
    tails = np.cumsum(probability[:, ::-1], 1)[:, ::-1]
    return np.clip(tails[np.arange(len(sums)), first], 0.0, 1.0)


def check_against_the_gate(sums: np.ndarray) -> None:
    """The batch is the gate's own test."""
    sizes = (1,) * sums.shape[1]
    for row, p in zip(sums, flip_p_batch(sums), strict=True):
        exact = shifted_p(ClusterTotals(tuple(map(int, row)), sizes), Fraction(0))
        assert abs(p - exact) < 1e-9, (p, exact)


def spread_for(discordance: float) -> float:
    """Spread of the questions' ease at which two retrains differ on that share of them.

    A retrain is right on a question with probability Phi(ease), ease normal around 0, so
    two of them differ with probability 2 E[Phi (1 - Phi)].
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    weights = weights / weights.sum()
    low, high = 0.01, 200.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        right = stats.norm.cdf(middle * nodes)
        low, high = (
            (middle, high)
            if 2 * float(weights @ (right * (1 - right))) > discordance
            else (low, middle)
        )
    return low


def shift_for(gain: float, spread: float) -> float:
    """Shift of every question's ease that raises accuracy by `gain` from one half.

    Right with probability Phi(ease + shift) on average is Phi(shift / sqrt(1 + spread^2)).
    """
    return float(stats.norm.ppf(0.5 + gain)) * float(np.sqrt(1 + spread**2))
