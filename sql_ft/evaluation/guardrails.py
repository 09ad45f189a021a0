"""A gain must not be bought with something else: one-sided clustered tests.

Two forms, because two things can be known:

* A rate over the whole set (valid SQL, schema adherence, strict format, tokens an answer)
  must be **shown not to have worsened** by more than a margin: the one-sided bound of its
  fall lies below the margin. All of them must pass, so several of them never make a false
  promotion likelier and need no correction.
* A slice must **not be shown to have worsened** by more than a margin. A slice of 40
  questions can never be shown to be harmless within two points, so asking for that would
  refuse everything. As there are many slices, each is tested at `guardrail_alpha` over
  their number (Bonferroni, whatever their overlap): a candidate that is equal everywhere
  is refused with a probability of at most `guardrail_alpha`.

The test is the gate's own (`sign_flip`), at the margin instead of zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.gate_checks import NO_PAIRS, NOT_COMPUTED
from sql_ft.evaluation.gate_sides import Pairs, Side
from sql_ft.evaluation.sign_flip import (
    ClusterTotals,
    cluster_totals,
    flip_interval,
    paired_values,
    shifted_p,
)
from sql_ft.records import Check

_RATES = {
    "valid_sql": "share of answers that run",
    "schema_adherence": "share of answers that keep to the schema",
    "strict_format": "share of answers that are SQL and nothing else",
}

Slices = Mapping[str, Mapping[str, Sequence[str]]]
"""Sample id → slice → its values."""


@dataclasses.dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice, compared.

    Attributes:
        slice: E.g. ``clause``.
        value: E.g. ``join``.
        n: Questions scored on both sides.
        n_clusters: Schemas among them.
        difference: Candidate minus reference.
        p_worse: P-value of "it fell by no more than the margin".
        tested: Enough questions, and enough schemas that p could fall below its level.
    """

    slice: str
    value: str
    n: int
    n_clusters: int
    difference: float
    p_worse: float
    tested: bool


def guardrail_checks(
    pairs: Pairs | None,
    reference: Side,
    candidate: Side,
    slices: Sequence[SliceResult],
    config: PromotionConfig,
) -> list[Check]:
    """Rates, length of the answers, and slices."""
    checks = [
        _rate_check(field, label, pairs, getattr(config, f"max_{field}_drop"), config)
        for field, label in _RATES.items()
    ]
    return [
        *checks,
        _token_check(pairs, reference, candidate, config),
        _slice_check(pairs, slices, config),
    ]


def compare_slices(
    pairs: Pairs | None, slices: Slices, config: PromotionConfig
) -> list[SliceResult]:
    """Every value of every slice with enough questions, the ones that fell most first."""
    if pairs is None:
        return []
    members: dict[tuple[str, str], list[int]] = {}
    for place, verdict in enumerate(pairs.candidate):
        for name, values in slices.get(verdict.sample_id, {}).items():
            for value in dict.fromkeys(values):
                members.setdefault((name, value), []).append(place)
    kept = {
        key: places
        for key, places in sorted(members.items())
        if config.min_slice_samples <= len(places) < len(pairs.candidate)
    }
    differences = paired_values(
        [v.correct for v in pairs.reference], [v.correct for v in pairs.candidate]
    )
    groups = pairs.groups
    results = []
    for (name, value), places in kept.items():
        totals = cluster_totals([differences[i] for i in places], [groups[i] for i in places])
        n_clusters = len(totals.sums)
        results.append(
            SliceResult(
                slice=name,
                value=value,
                n=len(places),
                n_clusters=n_clusters,
                difference=sum(totals.sums) / len(places),
                p_worse=shifted_p(totals, -_exact(config.max_slice_drop), "less"),
                # Decided without looking at who was right, so it costs no level.
                tested=2.0**-n_clusters <= config.guardrail_alpha / len(kept),
            )
        )
    return sorted(results, key=lambda r: (r.p_worse, r.difference))


def slice_metrics(slices: Sequence[SliceResult]) -> list[dict[str, Any]]:
    """JSON-sized figures of every slice."""
    return [dataclasses.asdict(result) for result in slices]


def _rate_check(
    field: str, label: str, pairs: Pairs | None, margin: float, config: PromotionConfig
) -> Check:
    name = f"max_{field}_drop"
    if pairs is None:
        return Check(name, NOT_COMPUTED, margin, False, NO_PAIRS)
    before = [bool(getattr(v, field)) for v in pairs.reference]
    after = [bool(getattr(v, field)) for v in pairs.candidate]
    totals = cluster_totals(paired_values(before, after), pairs.groups)
    passed = shifted_p(totals, -_exact(margin)) <= config.guardrail_alpha
    bound = 0.0 - flip_interval(totals, 1.0 - 2.0 * config.guardrail_alpha)[0]
    n = len(before)
    return Check(
        name,
        bound,
        margin,
        passed,
        f"{label} went from {sum(before) / n:.3f} to {sum(after) / n:.3f}: a fall of "
        f"{margin:g} {'is' if passed else 'cannot be'} ruled out "
        f"({_bound_text(bound)} at {1.0 - config.guardrail_alpha:.0%}{_few(totals)})",
    )


def _bound_text(bound: float) -> str:
    return f"it fell by at most {bound:.3f}" if bound >= 0.0 else f"it rose by {-bound:.3f} or more"


def _few(totals: ClusterTotals) -> str:
    groups = len(totals.sums)
    return f"; only {groups} schemas" if groups < 6 else ""


def _token_check(
    pairs: Pairs | None, reference: Side, candidate: Side, config: PromotionConfig
) -> Check:
    name, limit = "max_token_growth", config.max_token_growth
    if pairs is None:
        return Check(name, NOT_COMPUTED, limit, False, NO_PAIRS)
    if not reference.version:
        # A base that says nothing is quick; nobody is served by it yet.
        return Check(name, NOT_COMPUTED, limit, True, "nothing is live that could become slower")
    ids = [v.sample_id for v in pairs.candidate]
    try:
        before = [reference.completion_tokens[i] for i in ids]
        after = [candidate.completion_tokens[i] for i in ids]
    except KeyError as error:
        detail = f"the tokens of the answer to {error.args[0]} are unknown"
        return Check(name, NOT_COMPUTED, limit, False, detail)
    ratio = 1 + _exact(limit)
    excess = [
        ratio.denominator * a - ratio.numerator * b for a, b in zip(after, before, strict=True)
    ]
    p_value = shifted_p(cluster_totals(excess, pairs.groups), Fraction(0), "less")
    growth = sum(after) / max(1, sum(before)) - 1.0
    passed = p_value <= config.guardrail_alpha
    return Check(
        name,
        growth,
        limit,
        passed,
        f"tokens an answer went from {sum(before) / len(ids):.1f} to {sum(after) / len(ids):.1f} "
        f"({growth:+.0%}): a growth of {limit:.0%} {'is' if passed else 'cannot be'} ruled out "
        f"(p = {p_value:.2g})",
    )


def _slice_check(
    pairs: Pairs | None, slices: Sequence[SliceResult], config: PromotionConfig
) -> Check:
    name, level = "max_slice_drop", config.guardrail_alpha
    if pairs is None:
        return Check(name, NOT_COMPUTED, level, False, NO_PAIRS)
    tested = [result for result in slices if result.tested]
    if not tested:
        detail = f"no slice has {config.min_slice_samples} questions over enough schemas"
        return Check(name, 1.0, level, True, detail)
    worst = tested[0]
    adjusted = min(1.0, worst.p_worse * len(tested))
    passed = adjusted > level
    what = f"{worst.slice} {worst.value}: {worst.difference:+.3f} on {worst.n} questions"
    if passed:
        detail = (
            f"none of {len(tested)} slices is shown to fall by more than "
            f"{config.max_slice_drop:g} (most: {what})"
        )
    else:
        detail = (
            f"worse on a slice, {what} (a fall of {config.max_slice_drop:g} is tolerated; "
            f"p = {adjusted:.2g} among {len(tested)} slices)"
        )
    return Check(name, adjusted, level, passed, detail)


def _exact(margin: float) -> Fraction:
    """The decimal that the configuration says, not its binary neighbour."""
    return Fraction(str(margin)).limit_denominator(1000)
