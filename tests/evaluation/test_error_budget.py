from __future__ import annotations

import dataclasses
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.error_budget import comparison_key, look_alpha, next_look
from sql_ft.evaluation.sign_flip import ClusterTotals, shifted_p
from sql_ft.records import Look

POLICY = PromotionConfig()


def spend(n, *, policy=POLICY, sets="a", promoted=(), ledger=None):
    """`n` looks one after the other; those numbered in `promoted` (from 0) are promotions."""
    ledger = list(ledger or [])
    for i in range(n):
        look = next_look(
            ledger,
            key=f"k{len(ledger)}",
            evaluation_set_hash=sets[i % len(sets)],
            policy=policy,
        )
        ledger.append(dataclasses.replace(look, promoted=i in promoted))
    return ledger


@given(
    st.floats(0.001, 0.4),
    st.floats(0.01, 0.99),
    st.integers(1, 300),
)
@settings(max_examples=100, deadline=None)
def test_the_levels_of_an_epoch_never_add_up_to_more_than_the_budget(budget, share, looks):
    policy = PromotionConfig(error_budget=budget, first_look_share=share, looks_per_set=looks)
    levels = [look_alpha(k, policy) for k in range(1, looks + 1)]
    assert math.fsum(levels) <= budget * (1 + 1e-12)
    assert look_alpha(looks + 1, policy) == look_alpha(0, policy) == 0.0
    assert all(level >= 0.0 for level in levels)
    assert levels[1:] == sorted(levels[1:], reverse=True)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from([0.02, 0.05, 0.2])),
        max_size=40,
    ),
    st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_between_promotions_no_more_than_the_budget_is_ever_spent(history, looks):
    """Whatever sets are asked, and however the configuration changes meanwhile."""
    ledger: list[Look] = []
    spent, largest = 0.0, 0.0
    for i, (asked, promoted, budget) in enumerate(history):
        policy = PromotionConfig(error_budget=budget, looks_per_set=looks)
        look = next_look(ledger, key=str(i), evaluation_set_hash=asked, policy=policy)
        if look.renew:
            assert look.alpha == 0.0
            continue
        if look.number == 1:
            spent = 0.0
        assert spent == pytest.approx(look.spent_before)
        spent += look.alpha
        largest = max(largest, budget)
        assert spent <= budget + 1e-12 or look.alpha == 0.0
        assert look.sequence == len(ledger) + 1
        if look.alpha:
            ledger.append(dataclasses.replace(look, promoted=promoted))
    assert spent <= largest + 1e-12


def test_the_first_look_gets_half_and_a_promotion_earns_a_new_budget():
    first, second, third = spend(3, promoted={1})
    assert (first.number, first.alpha, first.left_after) == (1, 0.025, 0.025)
    assert second.number == 2
    assert second.alpha == pytest.approx(0.025 / 51)
    assert (third.number, third.alpha, third.spent_before) == (1, 0.025, 0.0)
    assert (third.sequence, third.set_look, third.looks_left) == (3, 3, 49)


def test_the_same_comparison_is_the_same_look():
    ledger = spend(5)
    again = next_look(ledger, key="k2", evaluation_set_hash="a", policy=POLICY)
    assert again == ledger[2]
    keys = {
        comparison_key(
            candidate=c, champion=d, evaluation_set_hash=s, evaluator_hash=e
        )
        for c in "xy" for d in "xy" for s in "xy" for e in "xy"
    }  # fmt: skip
    assert len(keys) == 16


def test_after_the_last_look_the_set_must_be_renewed():
    ledger = spend(52)
    assert sum(look.alpha for look in ledger) == pytest.approx(0.05)
    over = next_look(ledger, key="new", evaluation_set_hash="a", policy=POLICY)
    assert (over.alpha, over.left_after) == (0.0, pytest.approx(0.0))
    assert "used up after 52 looks without a promotion" in over.renew
    renewed = next_look(ledger, key="new", evaluation_set_hash="b", policy=POLICY)
    assert (renewed.number, renewed.alpha, renewed.renew) == (1, 0.025, "")
    # A set that was asked before is not new.
    mixed = spend(52, sets="ab")
    assert next_look(mixed, key="new", evaluation_set_hash="b", policy=POLICY).renew


def test_a_budget_that_another_configuration_spent_is_used_up_until_the_set_is_renewed():
    ledger = spend(3, policy=PromotionConfig(error_budget=0.2))
    over = next_look(ledger, key="new", evaluation_set_hash="a", policy=POLICY)
    assert over.alpha == 0.0
    assert "used up after 3 looks" in over.renew
    renewed = next_look(ledger, key="new", evaluation_set_hash="b", policy=POLICY)
    assert (renewed.number, renewed.alpha) == (1, 0.025)


def test_a_set_is_renewed_after_its_looks_even_where_candidates_were_promoted():
    ledger = spend(52, promoted={10, 30})
    over = next_look(ledger, key="new", evaluation_set_hash="a", policy=POLICY)
    assert over.renew == "this evaluation set has answered 52 looks"
    assert not next_look(ledger, key="new", evaluation_set_hash="b", policy=POLICY).renew


def test_a_new_set_every_week_buys_no_new_budget():
    ledger = spend(20, sets=[f"set-{i}" for i in range(20)])
    assert [look.number for look in ledger] == list(range(1, 21))
    assert sum(look.alpha for look in ledger) < 0.05
    assert {look.set_look for look in ledger} == {1}


def test_the_order_in_which_looks_are_read_does_not_matter():
    ledger = spend(9, promoted={4})
    shuffled = list(ledger)
    random.Random(1).shuffle(shuffled)
    expected = next_look(ledger, key="n", evaluation_set_hash="a", policy=POLICY)
    assert expected == next_look(shuffled, key="n", evaluation_set_hash="a", policy=POLICY)


def test_null_years_promote_falsely_in_at_most_one_of_twenty():
    """300 years of 52 null retrains of one base; benchmarks/gate_over_time.py holds 10,000.

    A gate that lets ties and point estimates promote does so in every one of them.
    """
    generator = np.random.default_rng(8)
    levels = [look_alpha(k, POLICY) for k in range(1, 53)]
    sizes = (10,) * 20
    years_with_one = years_by_estimate = 0
    for _ in range(300):
        ease = generator.normal(0, 4, 200)
        right = generator.normal(size=(53, 200)) < ease
        scores = right.reshape(53, 20, 10).sum(2).tolist()
        champion = estimate = scores[0]
        since, promoted, by_estimate = 0, False, False
        for candidate in scores[1:]:
            sums = [c - r for c, r in zip(candidate, champion, strict=True)]
            # Most looks are far from significant; their p-values need not be computed.
            if sum(sums) > 0:
                p = shifted_p(ClusterTotals(tuple(sums), sizes), Fraction(0))
                if p <= levels[since]:
                    champion, since, promoted = candidate, -1, True
            since += 1
            if sum(candidate) >= sum(estimate):
                estimate, by_estimate = candidate, True
        years_with_one += promoted
        years_by_estimate += by_estimate
    assert years_with_one / 300 <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert years_by_estimate / 300 > 0.9
