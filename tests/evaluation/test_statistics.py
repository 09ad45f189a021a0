"""Each statistic against its definition, computed the slow way."""

from __future__ import annotations

import itertools
import math
import random
import statistics as stdlib_statistics
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_ft.evaluation.sign_flip import net_clusters, sign_flip_p
from sql_ft.evaluation.statistics import (
    clustered_stderr,
    design_effect,
    mcnemar_p,
    paired_difference,
    wilson_interval,
)

PAIRS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 7)), min_size=1, max_size=24
)


def _columns(rows):
    reference, candidate, clusters = zip(*rows, strict=True)
    return list(reference), list(candidate), list(clusters)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (81, 263), (1, 1)])
def test_wilson_ends_solve_the_score_equation(k, n):
    z = stdlib_statistics.NormalDist().inv_cdf(0.975)
    low, high = wilson_interval(k, n)
    for end in (low, high):
        if 0.0 < end < 1.0:
            assert abs(k / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-9)
    assert (low == 0.0) == (k == 0)
    assert (high == 1.0) == (k == n)
    assert low <= k / n <= high


def test_wilson_published_value():
    # Newcombe 1998, table I: 81 of 263, method 3 (score).
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(k, n):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(k, n)


def test_confidence_out_of_range():
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 2, confidence=1.0)


@pytest.mark.parametrize("gains", range(9))
@pytest.mark.parametrize("losses", range(9))
def test_mcnemar_is_the_binomial_definition(gains, losses):
    n = gains + losses
    probability = [Fraction(math.comb(n, k), 2**n) for k in range(n + 1)]
    greater = sum(probability[gains:], Fraction(0))
    two_sided = sum((p for p in probability if p <= probability[gains]), Fraction(0))
    assert mcnemar_p(gains, losses, "greater") == pytest.approx(float(greater) if n else 1.0)
    assert mcnemar_p(gains, losses) == pytest.approx(float(two_sided) if n else 1.0)


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="gains=-1"):
        mcnemar_p(-1, 3)


def test_clustered_stderr_of_singletons_is_the_ordinary_one():
    values = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    expected = stdlib_statistics.stdev(values) / math.sqrt(len(values))
    assert clustered_stderr(values, range(len(values))) == pytest.approx(expected)


def test_clustered_stderr_definition_with_cross_terms():
    generator = random.Random(3)
    clusters = [generator.randrange(5) for _ in range(40)]
    values = [float(generator.random() < 0.2 + 0.15 * c) for c in clusters]
    mean = sum(values) / 40
    # Miller 2024, equation 4: sum over ordered pairs within a cluster.
    double_sum = sum(
        (values[i] - mean) * (values[j] - mean)
        for i in range(40)
        for j in range(40)
        if clusters[i] == clusters[j]
    )
    groups = len(set(clusters))
    expected = math.sqrt(groups / (groups - 1) * double_sum) / 40
    assert clustered_stderr(values, clusters) == pytest.approx(expected)


def test_copies_of_every_question_do_not_shrink_the_clustered_error():
    values, clusters = [1.0, 0.0, 1.0, 1.0], ["a", "b", "c", "d"]
    assert clustered_stderr(values * 9, clusters * 9) == pytest.approx(
        clustered_stderr(values, clusters)
    )


def test_one_cluster_has_no_standard_error():
    assert clustered_stderr([1.0, 0.0, 1.0], ["a"] * 3) is None
    difference = paired_difference([False] * 3, [True] * 3, ["a"] * 3)
    assert (difference.stderr, difference.low, difference.high) == (None, None, None)
    assert difference.difference == 1.0


def test_paired_difference_counts_and_interval():
    reference = [True, False, False, True, False, True]
    candidate = [True, True, True, False, True, True]
    clusters = ["a", "a", "b", "b", "c", "d"]
    difference = paired_difference(reference, candidate, clusters, confidence=0.5)
    assert (difference.gains, difference.losses, difference.discordant) == (3, 1, 4)
    assert difference.difference == pytest.approx(2 / 6)
    sums = [1 - 2 / 3, 0 - 2 / 3, 1 - 1 / 3, 0 - 1 / 3]
    stderr = math.sqrt(4 / 3 * sum(s * s for s in sums)) / 6
    assert difference.stderr == pytest.approx(stderr)
    # Quartiles of the 16 subset means 0, 0, 0, 1/4, 1/3, 1/3, 1/3, 2/5, 1/2, 1/2, ... , 1 and
    # of the empty set, which counts on either side: a shift is kept if more than 4 are at
    # most it, and more than 4 at least it.
    means = []
    for chosen in itertools.product((False, True), repeat=4):
        size = sum(n for n, c in zip((2, 2, 1, 1), chosen, strict=True) if c)
        gain = sum(s for s, c in zip((1, 0, 1, 0), chosen, strict=True) if c)
        means.append(Fraction(gain, size) if size else None)
    kept = [
        k
        for k in range(-1000, 1001)
        if sum(m is None or m <= Fraction(k, 1000) for m in means) > 4
        and sum(m is None or m >= Fraction(k, 1000) for m in means) > 4
    ]
    assert (difference.low, difference.high) == (kept[0] / 1000, kept[-1] / 1000)
    assert difference.confidence == 0.5
    assert paired_difference(reference, candidate, clusters).low == -1.0  # 2^-4 > 0.025


def test_design_effect_is_the_ratio_of_the_variances():
    values = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    clusters = [0, 0, 1, 1, 2, 2, 3, 3]
    ratio = (clustered_stderr(values, clusters) / clustered_stderr(values, range(8))) ** 2
    assert design_effect(values, clusters) == pytest.approx(ratio) == pytest.approx(7 / 3)
    assert design_effect(values, range(8)) == pytest.approx(1.0)
    assert design_effect([1.0, 1.0], [0, 1]) is None
    assert design_effect([1.0, 0.0], [0, 0]) is None


def test_interval_stays_inside_the_possible_range():
    difference = paired_difference([False] * 3, [True, True, False], ["a", "b", "c"])
    assert difference.high == 1.0


def test_no_pairs_and_unequal_lengths():
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference([], [], [])
    with pytest.raises(ValueError, match="2 reference values, 1 candidate"):
        sign_flip_p([True, False], [True], ["a", "b"])
    with pytest.raises(ValueError, match="1 values, 2 clusters"):
        sign_flip_p([True], [True], ["a", "b"])


@given(PAIRS)
@settings(max_examples=200, deadline=None)
def test_sign_flip_equals_enumeration_of_all_assignments(rows):
    reference, candidate, clusters = _columns(rows)
    net: dict[int, int] = {}
    for r, c, g in rows:
        net[g] = net.get(g, 0) + c - r
    observed = sum(net.values())
    sums = [
        sum(sign * value for sign, value in zip(signs, net.values(), strict=True))
        for signs in itertools.product((1, -1), repeat=len(net))
    ]
    greater = sum(s >= observed for s in sums) / len(sums)
    two_sided = sum(abs(s) >= abs(observed) for s in sums) / len(sums)
    assert sign_flip_p(reference, candidate, clusters) == pytest.approx(greater)
    assert sign_flip_p(reference, candidate, clusters, "two-sided") == pytest.approx(two_sided)
    assert net_clusters(reference, candidate, clusters) == sum(v != 0 for v in net.values())


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_sign_flip_of_singletons_is_mcnemar(rows):
    reference, candidate = zip(*rows, strict=True)
    gains = sum(c and not r for r, c in rows)
    losses = sum(r and not c for r, c in rows)
    for alternative in ("greater", "two-sided"):
        assert sign_flip_p(reference, candidate, range(len(rows)), alternative) == pytest.approx(
            mcnemar_p(gains, losses, alternative)
        )


def test_sign_flip_of_many_clusters_stays_exact_in_the_far_tail():
    n = 200
    p = sign_flip_p([False] * n, [True] * n, range(n))
    assert p == pytest.approx(2.0**-n, rel=1e-9)
    n = 3000
    assert sign_flip_p([False] * n, [True] * n, range(n)) > 0.0


def test_one_schema_is_never_evidence_however_many_questions():
    assert sign_flip_p([False] * 500, [True] * 500, ["only"] * 500) == 0.5


def test_false_positive_rate_holds_under_clustering_where_mcnemar_fails():
    """2,000 null comparisons, 20 schemas of 10 questions that flip together."""
    generator = random.Random(11)
    flips = mcnemar = 0
    for _ in range(2000):
        reference, candidate, clusters = [], [], []
        for group in range(20):
            tilt = generator.choice((0.1, 0.9))
            for _ in range(10):
                differs = generator.random() < 0.3
                candidate_wins = generator.random() < tilt
                reference.append(differs and not candidate_wins)
                candidate.append(differs and candidate_wins)
                clusters.append(group)
        flips += sign_flip_p(reference, candidate, clusters) < 0.05
        gains = sum(candidate)
        mcnemar += mcnemar_p(gains, sum(reference), "greater") < 0.05
    assert flips / 2000 <= 0.065  # 0.05 and three binomial standard errors
    assert mcnemar / 2000 > 0.08


def test_interval_covers_the_true_difference_under_clustering():
    """1,000 draws: 60 schemas of 5 questions, true difference +0.06, answers that cling."""
    generator = random.Random(7)
    covered = 0
    for _ in range(1000):
        rows = []
        for group in range(60):
            tilt = generator.choice((0.3, 0.9))
            for _ in range(5):
                differs = generator.random() < 0.3
                wins = generator.random() < tilt
                rows.append((differs and not wins, differs and wins, group))
        interval = paired_difference(*_columns(rows))
        covered += interval.low <= 0.06 <= interval.high
    assert 0.93 <= covered / 1000 <= 0.97
