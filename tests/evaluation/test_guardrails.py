from __future__ import annotations

import dataclasses
import itertools
import random
from fractions import Fraction

import pytest
from verdict_factory import make_arm

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.gate_sides import Side, pair_verdicts
from sql_ft.evaluation.guardrails import compare_slices, guardrail_checks
from sql_ft.evaluation.metrics import summarize

CONFIG = PromotionConfig()


def sides_of(before, after):
    return [
        Side(v, summarize(v), "a", "1", "s", "r", False, {x.sample_id: 12 for x in v})
        for v in (before, after)
    ]


def check_all(before, after, slices=None, config=CONFIG):
    pairs = pair_verdicts(before, after)
    compared = compare_slices(pairs, slices or {}, config)
    checks = guardrail_checks(pairs, *sides_of(before, after), compared, config)
    return {check.name: check for check in checks}, compared


def with_flags(arm, field, flags):
    return [dataclasses.replace(v, **{field: f}) for v, f in zip(arm, flags, strict=True)]


@pytest.mark.parametrize("seed", range(6))
def test_a_rate_passes_exactly_if_its_fall_by_the_margin_is_rejected(seed):
    """Against the definition: all 2^8 flips of eight schemas' residuals at the margin."""
    generator = random.Random(seed)
    before, after = make_arm("c" * 80, arm="champion"), make_arm("c" * 80)
    before, after = (
        [dataclasses.replace(v, schema_group=f"g{i % 8}") for i, v in enumerate(arm)]
        for arm in (before, after)
    )
    flags = [[generator.random() < 0.95 for _ in range(80)] for _ in range(2)]
    before = with_flags(before, "valid_sql", flags[0])
    after = with_flags(after, "valid_sql", flags[1])
    residuals = [Fraction(0)] * 8
    for i in range(80):
        residuals[i % 8] += flags[1][i] - flags[0][i] + Fraction(1, 20)
    totals = [
        sum(s * r for s, r in zip(signs, residuals, strict=True))
        for signs in itertools.product((1, -1), repeat=8)
    ]
    p_value = sum(t >= sum(residuals) for t in totals) / len(totals)
    check = check_all(before, after)[0]["max_valid_sql_drop"]
    assert check.passed == (p_value <= 0.05)
    assert check.passed == (check.value < check.threshold)


def test_slices_are_corrected_for_their_number_and_hopeless_ones_cost_nothing():
    before, after = make_arm("c" * 200, arm="champion"), make_arm("w" * 10 + "c" * 190)
    ids = [v.sample_id for v in after]
    # The first 40 questions lose ten: p = 2^-10 among two slices.
    two = {key: {"half": ("first" if i < 40 else "rest",)} for i, key in enumerate(ids)}
    checks, compared = check_all(before, after, two)
    assert not checks["max_slice_drop"].passed
    worst = compared[0]
    assert (worst.value, worst.n, worst.difference) == ("first", 40, -0.25)
    assert checks["max_slice_drop"].value == pytest.approx(2 * worst.p_worse)
    # The same slice among many others that overlap: the same p has to be smaller.
    generator = random.Random(1)
    many = {
        key: {**two[key], **{f"s{k}": (generator.choice("xy"),) for k in range(400)}} for key in ids
    }
    checks, compared = check_all(before, after, many)
    assert sum(r.tested for r in compared) > 700
    assert checks["max_slice_drop"].passed
    # A slice within one schema can never speak, so it is not counted.
    one_schema = [dataclasses.replace(v, schema_group="only") for v in after]
    checks, compared = check_all(
        [dataclasses.replace(v, schema_group="only") for v in before], one_schema, two
    )
    assert not any(r.tested for r in compared)
    assert checks["max_slice_drop"].passed
    assert "no slice has 30 questions over enough schemas" in checks["max_slice_drop"].detail


def test_a_question_counts_in_every_value_it_has():
    before, after = make_arm("c" * 90, arm="champion"), make_arm("c" * 90)
    slices = {
        v.sample_id: {"clause": ("join", "where") if i % 2 else ("where", "where")}
        for i, v in enumerate(after)
        if i < 80
    }
    _, compared = check_all(before, after, slices)
    assert {(r.value, r.n) for r in compared} == {("join", 40), ("where", 80)}


def test_an_equal_candidate_is_seldom_refused():
    """120 candidates that differ by chance alone; benchmarks/gate_guardrails.py holds more."""
    generator = random.Random(4)
    by_slices = by_rates = 0
    for _ in range(120):
        patterns = ["", ""]
        for _ in range(240):
            right = generator.random() < 0.5
            differs = generator.random() < 0.1
            patterns[0] += "c" if right else "w"
            patterns[1] += "c" if right != differs else "w"
        before, after = make_arm(patterns[0], arm="champion"), make_arm(patterns[1])
        for field in ("valid_sql", "strict_format"):
            flags = [generator.random() < 0.95 for _ in before]
            before = with_flags(before, field, flags)
            after = with_flags(after, field, [f != (generator.random() < 0.02) for f in flags])
        slices = {
            v.sample_id: {f"s{k}": (generator.choice("xyz"),) for k in range(5)} for v in after
        }
        checks, _ = check_all(before, after, slices)
        by_slices += not checks["max_slice_drop"].passed
        by_rates += not (
            checks["max_valid_sql_drop"].passed and checks["max_strict_format_drop"].passed
        )
    assert by_slices / 120 <= 0.05 + 3 * (0.05 * 0.95 / 120) ** 0.5
    # Flags that flip where they are mostly true fall by 1.8 points; still far from five.
    assert by_rates / 120 <= 0.15
