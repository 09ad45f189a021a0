from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sql_ft.evaluation.power import (
    detectable_gain,
    paired_test_power,
    power_report,
    samples_needed,
)


def exact_power(gain, n, discordance, alpha):
    """Independent questions: McNemar's exact test, over every number of discordant pairs."""
    differ = np.arange(n + 1)
    weights = stats.binom.pmf(differ, n, discordance)
    share = (1 + gain / discordance) / 2
    # Fewest gains that are significant among that many discordant pairs.
    fewest = stats.binom.isf(alpha, differ, 0.5) + 1
    return float(weights @ stats.binom.sf(fewest - 1, differ, share))


@pytest.mark.parametrize("n", [300, 1000, 2000])
@pytest.mark.parametrize("discordance", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("gain", [0.01, 0.03, 0.05])
@pytest.mark.parametrize("alpha", [0.025, 0.0015])
def test_formula_is_close_to_the_exact_power(n, discordance, gain, alpha):
    formula = paired_test_power(gain=gain, n=n, discordance=discordance, alpha=alpha)
    exact = exact_power(gain, n, discordance, alpha)
    # It never promises more; with 15 discordant pairs there is little to be normal about.
    assert exact - (0.03 if n * discordance >= 50 else 0.08) <= formula <= exact + 0.003


def test_first_attempt_meets_the_bar():
    """+3 points, 1,000 questions, 10% discordant, independent: at least 80%."""
    assert exact_power(0.03, 1000, 0.10, 0.025) >= 0.80
    assert paired_test_power(gain=0.03, n=1000, discordance=0.10, alpha=0.025) >= 0.80


@given(
    st.integers(50, 5000), st.floats(0.03, 0.5), st.floats(1.0, 4.0), st.floats(0.0005, 0.1)
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_detectable_gain_and_needed_samples_invert_the_power(n, discordance, effect, alpha):
    given_ = {"discordance": discordance, "alpha": alpha, "design_effect": effect}
    gain = detectable_gain(n=n, **given_)
    if gain is None:
        assert paired_test_power(gain=discordance, n=n, **given_) < 0.8
        return
    assert paired_test_power(gain=gain, n=n, **given_) >= 0.8
    assert paired_test_power(gain=gain - 2e-5, n=n, **given_) < 0.8
    needed = samples_needed(gain=gain, **given_)
    assert needed is not None
    assert needed <= n
    assert paired_test_power(gain=gain, n=needed, **given_) >= 0.8
    assert needed == 1 or paired_test_power(gain=gain, n=needed - 1, **given_) < 0.8


def test_what_cannot_be_found_is_said():
    assert samples_needed(gain=0.0, discordance=0.1, alpha=0.025) is None
    assert samples_needed(gain=1e-6, discordance=0.1, alpha=0.025) is None
    assert detectable_gain(n=20, discordance=0.05, alpha=0.001) is None
    report = power_report(n=1000, alpha=0.025, discordance=0.1, design_effect=1.0, gain=0.02)
    assert str(report) == (
        "a true gain of +0.029 is found with 80% power (1000 questions, 10% discordant, design "
        "effect 1.0, alpha 0.025); +0.020 needs 2,047 questions"
    )
    nothing = power_report(n=20, alpha=0.001, discordance=0.05, design_effect=1.0, gain=-0.01)
    assert str(nothing).startswith("no possible gain could have been found (20 questions")
