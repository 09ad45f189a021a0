"""Differences of accuracies on different questions, against known values and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sql_ft.evaluation.two_samples import newcombe_interval, sample_difference


def test_newcombes_published_example():
    # Newcombe 1998, table II, row (a): 56/70 against 48/80, method 10.
    low, high = newcombe_interval(48, 80, 56, 70)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_ends_stay_inside_and_the_interval_holds_the_difference():
    low, high = newcombe_interval(0, 10, 10, 10)
    assert high == 1.0
    assert 0.0 < low < 1.0
    mirrored = newcombe_interval(10, 10, 0, 10)
    assert (mirrored.low, mirrored.high) == (-high, -low)


def test_singletons_give_the_ordinary_standard_error():
    before, after = [True] * 30 + [False] * 20, [True] * 10 + [False] * 30
    found = sample_difference(before, range(50), after, range(50, 90))
    n = 90
    plain = math.sqrt(0.6 * 0.4 / 50 + 0.25 * 0.75 / 40) * math.sqrt(n / (n - 1))
    assert found.stderr == pytest.approx(plain)
    assert found.difference == pytest.approx(0.25 - 0.6)
    half = stats.t.isf(0.025, n - 1) * plain
    assert found.low <= found.difference - half
    assert found.high >= found.difference + half


def test_a_database_that_is_hard_in_both_samples_cancels():
    shared = sample_difference([True] * 5 + [False] * 5, list("aaaaabbbbb"),
                               [True] * 5 + [False] * 5, list("aaaaabbbbb"))  # fmt: skip
    apart = sample_difference([True] * 5 + [False] * 5, list("aaaaabbbbb"),
                              [True] * 5 + [False] * 5, list("cccccddddd"))  # fmt: skip
    assert shared.stderr == pytest.approx(0.0, abs=1e-12)
    assert apart.stderr is not None
    assert apart.stderr > 0.5
    # The score interval still says how little twenty questions can tell.
    assert shared.high - shared.low > 0.5


def test_one_cluster_falls_back_to_the_score_interval():
    found = sample_difference([True, False], "aa", [True, True], "aa")
    assert found.stderr is None
    assert (found.low, found.high) == newcombe_interval(1, 2, 2, 2)


@pytest.mark.parametrize(("before", "after"), [([], [True]), ([True], [])])
def test_an_empty_sample_is_no_sample(before, after):
    with pytest.raises(ValueError, match="at least one"):
        sample_difference(before, range(len(before)), after, range(len(after)))
    with pytest.raises(ValueError, match="2 values, 1 clusters"):
        sample_difference([True, True], "a", [True], "a")


def test_an_unchanged_champion_seldom_drifts_although_databases_differ():
    generator = np.random.default_rng(1)
    alarms, draws = 0, 400
    for _ in range(draws):
        rates = generator.beta(2.0, 3.0, size=20)
        groups = generator.integers(0, 20, size=300)
        before = generator.random(300) < rates[groups]
        new = generator.integers(0, 20, size=150)
        after = generator.random(150) < rates[new]
        found = sample_difference(list(before), list(groups), list(after), list(new), 0.95)
        alarms += found.high < 0.0
    # 2.5% one-sided is promised; three standard errors of 400 draws above that.
    assert alarms / draws <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)
