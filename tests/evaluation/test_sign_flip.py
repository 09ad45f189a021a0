"""The interval against its definition: subset means, enumerated."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_ft.evaluation import sign_flip
from sql_ft.evaluation.sign_flip import (
    ClusterTotals,
    cluster_totals,
    flip_interval,
    shifted_p,
)

TOTALS = st.lists(
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(-n, n), st.just(n))),
    min_size=2,
    max_size=9,
).map(lambda rows: ClusterTotals(*(tuple(column) for column in zip(*rows, strict=True))))
SHIFTS = st.fractions(-1, 1, max_denominator=50)


def share_of_assignments(totals, shift, alternative):
    """The definition: all 2^G assignments of signs to the residuals."""
    residuals = [s - shift * n for s, n in zip(totals.sums, totals.sizes, strict=True)]
    if alternative == "less":
        residuals = [-r for r in residuals]
    signs = itertools.product((1, -1), repeat=len(residuals))
    flipped = [sum(a * r for a, r in zip(row, residuals, strict=True)) for row in signs]
    return sum(value >= sum(residuals) for value in flipped) / len(flipped)


@given(TOTALS, SHIFTS, st.sampled_from(["greater", "less"]))
@settings(max_examples=150, deadline=None)
def test_p_value_is_the_share_of_assignments(totals, shift, alternative):
    expected = share_of_assignments(totals, shift, alternative)
    assert shifted_p(totals, shift, alternative) == pytest.approx(expected, rel=1e-9)


@given(TOTALS, SHIFTS)
@settings(max_examples=100, deadline=None)
def test_p_value_is_the_share_of_subsets_whose_mean_is_at_most_the_shift(totals, shift):
    pairs = list(zip(totals.sums, totals.sizes, strict=True))
    count = 0
    for chosen in itertools.product((False, True), repeat=len(pairs)):
        s = sum(p[0] for p, c in zip(pairs, chosen, strict=True) if c)
        n = sum(p[1] for p, c in zip(pairs, chosen, strict=True) if c)
        count += s <= shift * n
    assert shifted_p(totals, shift) == pytest.approx(count / 2 ** len(pairs), rel=1e-9)


@given(TOTALS, st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@settings(max_examples=60, deadline=None)
def test_interval_holds_exactly_the_thousandths_that_are_not_rejected(totals, confidence):
    level = (1 - confidence) / 2 * (1 + 1e-9)
    low, high = flip_interval(totals, confidence)
    mean = Fraction(sum(totals.sums), sum(totals.sizes))
    assert low <= mean + Fraction(1, 1000)
    assert high >= mean - Fraction(1, 1000)
    for end, step, alternative in ((low, -1, "greater"), (high, 1, "less")):
        k = round(end * 1000)
        assert shifted_p(totals, Fraction(k, 1000), alternative) > level or abs(k) == 1000
        if abs(k) < 1000:
            assert shifted_p(totals, Fraction(k + step, 1000), alternative) <= level
    assert (low > 0.0) == (shifted_p(totals, Fraction(0)) <= level)


def test_both_ways_of_adding_up_agree():
    generator = np.random.default_rng(2)
    sizes = sorted(int(s) for s in generator.integers(1, 9, 40))
    convolved = sign_flip._convolve(sizes, sum(sizes))
    transformed = sign_flip._transform(sign_flip.Counter(sizes), sum(sizes))
    assert convolved == pytest.approx(transformed, abs=1e-13)
    # Both are reached: a shift with a large denominator on many like schemas is transformed.
    many = ClusterTotals((1,) * 900 + (-1,) * 700 + (0,) * 1400, (1,) * 3000)
    low, high = flip_interval(many)
    assert 0.035 < low < 0.045 < 200 / 3000 < high < 0.1


def test_too_few_clusters_know_nothing():
    assert flip_interval(ClusterTotals((3, 4, 5), (5, 5, 5))) == (-1.0, 1.0)
    assert shifted_p(ClusterTotals((0, 0), (3, 3)), Fraction(0)) == 1.0


def test_totals_by_cluster():
    assert cluster_totals([1, -1, 0, 1], ["a", "b", "a", "a"]) == ClusterTotals((2, -1), (3, 1))
    assert cluster_totals([1, -1, 0], ["a", "b", "c"]).net == 2


@pytest.mark.parametrize(("schemas", "size"), [(10, 30), (60, 5), (150, 2)])
def test_interval_covers_the_truth(schemas, size):
    """600 draws, a true difference of +0.06, schemas that lean; the rest in benchmarks/."""
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(600):
        wins = np.clip(0.6 + generator.choice((-0.2, 0.2), schemas), 0, 1)
        differ = generator.binomial(size, 0.3, schemas)
        sums = 2 * generator.binomial(differ, wins) - differ
        totals = ClusterTotals(tuple(map(int, sums)), (size,) * schemas)
        truth = Fraction(6, 100)
        covered += min(shifted_p(totals, truth), shifted_p(totals, truth, "less")) > 0.025
    assert 0.925 <= covered / 600 <= 0.975  # 0.95 and three binomial standard errors
