"""Does the candidate become champion? A pure function over verdicts.

Every check is recorded, in the order applied, whether or not an earlier one failed; the
sentence that goes with the decision names the first one that failed. Anything unknown
fails: a gate that cannot see keeps what is live. See `docs/design/gate.md`.

The checks come in two halves. The first needs no look at who was right
(`gate_checks`), and a refusal there costs nothing. The second begins with the paired
test and spends a look of the error budget (`error_budget`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sql_ft.config import PromotionConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation import error_budget
from sql_ft.evaluation.gate_checks import (
    NO_PAIRS,
    NOT_COMPUTED,
    adapter_checks,
    budget_check,
    comparability_checks,
    evidence_checks,
    leak_check,
    output_checks,
)
from sql_ft.evaluation.gate_sides import Pairs, Side, headline, pair_verdicts, signed, the
from sql_ft.evaluation.guardrails import (
    Slices,
    compare_slices,
    guardrail_checks,
    slice_metrics,
)
from sql_ft.evaluation.power import PowerReport, power_report
from sql_ft.evaluation.statistics import mcnemar_p
from sql_ft.records import Check, Decision, Look

__all__ = ["NOT_COMPUTED", "Side", "decide", "planned_power"]

_PLANNED_GAIN = 0.03
"""The gain that the announcement before a comparison asks about."""


def decide(
    *,
    reference: Side,
    candidate: Side,
    reference_arm: str,
    config: PromotionConfig,
    base: Side | None = None,
    few_shot: Side | None = None,
    overlap: Mapping[str, Any] | None = None,
    slices: Slices | None = None,
    look: Look | None = None,
    hashes: Mapping[str, str] | None = None,
    seeds: Mapping[str, int] | None = None,
) -> Decision:
    """Hold a candidate against the champion, or against the base if there is none.

    Args:
        reference: The champion; the base model if nothing is live yet.
        candidate: The adapter that asks to be promoted.
        reference_arm: ``champion`` or ``base``.
        config: Thresholds.
        base: The base model, where the reference is the champion.
        few_shot: The base with solved examples in its prompt; None if that arm was not
            asked for. Looked at while nothing is live.
        overlap: What training has seen of the evaluation rows (`measure_overlap`).
        slices: Sample id → slice → values.
        look: From `error_budget.next_look`; None is the first look of all.
        hashes: Recorded with the decision.
        seeds: Recorded with the decision.

    Returns:
        The decision with every check. Ties, and everything unknown, keep what is live.

    Raises:
        EvaluationError: `reference_arm` is neither, or contradicts `reference.version`:
            while a champion is live, being better than the base proves nothing.
    """
    if reference_arm not in ("champion", "base"):
        raise EvaluationError(f"reference arm {reference_arm!r}", expected="'champion' or 'base'")
    if (reference_arm == "champion") != bool(reference.version):
        raise EvaluationError(
            f"reference arm {reference_arm!r} with champion version {reference.version!r}",
            expected="'champion' exactly when a champion version is live",
        )
    look = look or _first_look(reference, candidate, config)
    confidence = 1.0 - 2.0 * look.alpha if look.alpha > 0.0 else 0.95
    pairs = pair_verdicts(reference.verdicts, candidate.verdicts, confidence)
    before_looking = [
        *comparability_checks(reference, candidate),
        leak_check(overlap, config),
        *adapter_checks(reference, candidate),
        *evidence_checks(pairs, candidate, config),
        *output_checks(pairs, _pair_with(base, candidate), reference_arm),
        budget_check(look, config),
    ]
    spends = pairs is not None and all(check.passed for check in before_looking)
    power = _power(pairs, look, config)
    compared = compare_slices(pairs, slices or {}, config)
    checks = [
        *before_looking,
        *_paired_checks(pairs, reference_arm, look, power, config),
        *_few_shot_checks(few_shot, candidate, reference_arm, config),
        *guardrail_checks(pairs, reference, candidate, compared, config),
    ]
    failed = next((check for check in checks if not check.passed), None)
    if failed is None and pairs is not None:
        reason = f"promoted: {headline(pairs, reference_arm)}"
    elif failed is not None:
        kept = f"kept v{reference.version}" if reference.version else "not promoted"
        reason = f"{kept}: {failed.detail}"
    else:  # pragma: no cover - without pairs the paired checks fail
        raise AssertionError("no pairs, and yet every check passed")
    return Decision(
        promote=failed is None,
        reason=reason,
        checks=tuple(checks),
        reference_arm=reference_arm,
        candidate_version=candidate.version,
        champion_version=reference.version,
        evaluation_set_hash=candidate.evaluation_set_hash,
        evaluator_hash=candidate.evaluator_hash,
        metrics={
            "reference": reference.summary.to_dict(),
            "candidate": candidate.summary.to_dict(),
            "paired": _paired_metrics(pairs),
            "power": power,
            "slices": slice_metrics(compared),
        },
        # Whether it was promoted is known when it has been: see `tracking.budget`.
        look=dataclasses.replace(look, promoted=False),
        spends_look=spends,
        hashes=dict(hashes or {}),
        seeds=dict(seeds or {}),
    )


def planned_power(n: int, look: Look, config: PromotionConfig) -> PowerReport:
    """What a look at `n` questions can be expected to find, before anyone looks."""
    return power_report(
        n=n,
        alpha=look.alpha,
        discordance=config.expected_discordance,
        design_effect=config.expected_design_effect,
        gain=config.min_effect or _PLANNED_GAIN,
    )


def observed_power(pairs: Pairs, look: Look) -> PowerReport:
    """What it could have found, with the discordance and clustering that it met."""
    difference = pairs.difference
    return power_report(
        n=difference.n,
        alpha=look.alpha,
        discordance=difference.discordant / difference.n,
        design_effect=max(1.0, difference.design_effect or 1.0),
        gain=difference.difference,
    )


def _first_look(reference: Side, candidate: Side, config: PromotionConfig) -> Look:
    key = error_budget.comparison_key(
        candidate=candidate.adapter_hash,
        champion=reference.adapter_hash,
        evaluation_set_hash=candidate.evaluation_set_hash,
        evaluator_hash=candidate.evaluator_hash,
    )
    return error_budget.next_look(
        (), key=key, evaluation_set_hash=candidate.evaluation_set_hash, policy=config
    )


def _pair_with(other: Side | None, candidate: Side, confidence: float = 0.95) -> Pairs | None:
    """Pairs of the candidate and a further arm, judged on the same set by the same rules."""
    if other is None or (other.evaluation_set_hash, other.evaluator_hash) != (
        candidate.evaluation_set_hash,
        candidate.evaluator_hash,
    ):
        return None
    return pair_verdicts(other.verdicts, candidate.verdicts, confidence)


def _paired_checks(
    pairs: Pairs | None,
    reference_arm: str,
    look: Look,
    power: Mapping[str, Any],
    config: PromotionConfig,
) -> list[Check]:
    if pairs is None:
        limits = {
            "min_discordant": config.min_discordant,
            "paired_test": look.alpha,
            "min_effect": config.min_effect,
        }
        return [Check(name, NOT_COMPUTED, limit, False, NO_PAIRS) for name, limit in limits.items()]
    difference = pairs.difference
    return [
        Check(
            "min_discordant",
            difference.discordant,
            config.min_discordant,
            difference.discordant >= config.min_discordant,
            f"the arms differ in correctness on {difference.discordant} questions "
            f"({difference.gains} gained, {difference.losses} lost; "
            f"{config.min_discordant} needed)",
        ),
        Check(
            "paired_test",
            pairs.p_value,
            look.alpha,
            pairs.p_value <= look.alpha,
            _test_detail(pairs, reference_arm, look, power),
        ),
        Check(
            "min_effect",
            difference.difference,
            config.min_effect,
            difference.difference > 0.0 and difference.difference >= config.min_effect,
            f"gain of {signed(difference)} "
            + (f"(at least {config.min_effect:g} needed)" if config.min_effect else "(above 0)"),
        ),
    ]


def _few_shot_checks(
    few_shot: Side | None, candidate: Side, reference_arm: str, config: PromotionConfig
) -> list[Check]:
    """Format alone is not progress: three examples in the prompt teach that for nothing."""
    if reference_arm != "base":
        return []
    name, level = "beats_few_shot", config.guardrail_alpha
    if few_shot is None:
        return [Check(name, NOT_COMPUTED, level, True, "no arm with examples was asked for")]
    pairs = _pair_with(few_shot, candidate, 1.0 - 2.0 * level)
    if pairs is None:
        detail = "the base with examples answered other questions or under other rules"
        return [Check(name, NOT_COMPUTED, level, False, detail)]
    passed = pairs.p_value <= level
    found = headline(pairs, "base_3shot")
    detail = (
        f"more than format: {found}"
        if passed
        else f"format alone is not progress: not shown to be better at {level:g} than "
        f"examples in the prompt: {found}"
    )
    return [Check(name, pairs.p_value, level, passed, detail)]


def _test_detail(pairs: Pairs, reference_arm: str, look: Look, power: Mapping[str, Any]) -> str:
    difference, found = pairs.difference, headline(pairs, reference_arm)
    if difference.gains == difference.losses:
        return f"a tie with {the(reference_arm)}: {found}"
    if difference.difference < 0.0:
        return f"worse than {the(reference_arm)}: {found}"
    if pairs.p_value <= look.alpha:
        return f"better than {the(reference_arm)}: {found}"
    text = f"not significant at {look.alpha:.2g}: {found}"
    if 2.0**-pairs.totals.net > look.alpha:
        text += (
            f"; only {pairs.totals.net} schema groups have a net gain or loss, "
            f"so p cannot fall below {2.0**-pairs.totals.net:.2g}"
        )
    return f"{text}; {power['text']}"


def _power(pairs: Pairs | None, look: Look, config: PromotionConfig) -> dict[str, Any]:
    if pairs is None or look.alpha <= 0.0:
        return {"text": "nothing could have been found"}
    planned = planned_power(pairs.difference.n, look, config)
    observed = observed_power(pairs, look)
    return {
        "planned": dataclasses.asdict(planned),
        "observed": dataclasses.asdict(observed),
        "text": str(observed),
    }


def _paired_metrics(pairs: Pairs | None) -> dict[str, Any]:
    if pairs is None:
        return {}
    gains, losses = pairs.difference.gains, pairs.difference.losses
    return {
        **dataclasses.asdict(pairs.difference),
        "net_clusters": pairs.totals.net,
        "sign_flip_p": pairs.p_value,
        "mcnemar_p_one_sided": mcnemar_p(gains, losses, "greater"),
        "mcnemar_p_two_sided": mcnemar_p(gains, losses),
    }
