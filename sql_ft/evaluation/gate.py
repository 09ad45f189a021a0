"""Does the candidate become champion? A pure function over verdicts.

Every check is recorded, in the order applied, whether or not an earlier one failed; the
sentence that goes with the decision names the first one that failed. Anything unknown
fails: a gate that cannot see keeps what is live. See `docs/design/gate.md`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sql_ft.config import PromotionConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.statistics import (
    PairedDifference,
    mcnemar_p,
    net_clusters,
    paired_difference,
    sign_flip_p,
)
from sql_ft.records import Check, Decision, Outcome, Verdict

NOT_COMPUTED = "not computed"
"""Value of a check that needs paired verdicts when there are none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """What the gate knows of one of the two arms.

    Attributes:
        verdicts: One per sample of the evaluation set, any order.
        summary: `summarize` of those verdicts **with** their predictions.
        adapter_hash: `hash_adapter` of the weights; "" for a base model.
        version: Registry version; "" if not registered.
        evaluation_set_hash: `EvaluationSet.hash` of the questions.
        evaluator_hash: `evaluator_hash` of the rules.
    """

    verdicts: Sequence[Verdict]
    summary: ArmSummary
    adapter_hash: str
    version: str
    evaluation_set_hash: str
    evaluator_hash: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Pairs:
    n_samples: int
    reference: list[Verdict]
    candidate: list[Verdict]
    difference: PairedDifference
    p_value: float
    net_clusters: int


def decide(
    *, reference: Side, candidate: Side, reference_arm: str, config: PromotionConfig
) -> Decision:
    """Hold a candidate against the champion, or against the base if there is none.

    Args:
        reference: The champion; the base model if nothing is live yet.
        candidate: The adapter that asks to be promoted.
        reference_arm: ``champion`` or ``base``.
        config: Thresholds.

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
    live = f"v{reference.version}" if reference.version else "no champion"
    pairs = _pair(reference.verdicts, candidate.verdicts)
    checks = [
        _same_samples(reference.verdicts, candidate.verdicts),
        _same_hash("evaluation_set_hash", reference, candidate),
        _same_hash("evaluator_hash", reference, candidate),
        *_evidence_checks(pairs, candidate.summary, config),
        _new_adapter(reference, candidate, live),
        *_paired_checks(pairs, reference_arm, config),
    ]
    failed = next((check for check in checks if not check.passed), None)
    if failed is None and pairs is not None:
        reason = f"promoted: {_headline(pairs, reference_arm)}"
    elif failed is not None:
        kept = f"kept {live}" if reference.version else "not promoted"
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
        },
    )


def _pair(reference: Sequence[Verdict], candidate: Sequence[Verdict]) -> _Pairs | None:
    """Pairs scored on both sides; None if the sides do not match or nothing is scored."""
    by_id = {v.sample_id: v for v in reference}
    if len(by_id) != len(reference) or sorted(by_id) != sorted(v.sample_id for v in candidate):
        return None
    both = [
        (by_id[c.sample_id], c)
        for c in sorted(candidate, key=lambda v: v.sample_id)
        if Outcome.EXCLUDED not in (c.outcome, by_id[c.sample_id].outcome)
    ]
    if not both:
        return None
    right_before = [r.correct for r, _ in both]
    right_after = [c.correct for _, c in both]
    groups = [c.schema_group for _, c in both]
    return _Pairs(
        n_samples=len(candidate),
        reference=[r for r, _ in both],
        candidate=[c for _, c in both],
        difference=paired_difference(right_before, right_after, groups),
        p_value=sign_flip_p(right_before, right_after, groups, "greater"),
        net_clusters=net_clusters(right_before, right_after, groups),
    )


def _same_samples(reference: Sequence[Verdict], candidate: Sequence[Verdict]) -> Check:
    before, after = {v.sample_id for v in reference}, {v.sample_id for v in candidate}
    repeated = len(reference) + len(candidate) - len(before) - len(after)
    differing = sorted(before ^ after)
    passed = bool(after) and not differing and not repeated
    if differing:
        detail = (
            f"the two sides answered different questions: {len(differing)} ids stand on one "
            f"side only, first {differing[0]}"
        )
    elif repeated:
        detail = f"{repeated} sample ids are repeated"
    elif not after:
        detail = "there are no verdicts"
    else:
        detail = f"both sides answered the same {len(after)} questions"
    return Check("same_samples", len(differing) + repeated, 0, passed, detail)


def _same_hash(name: str, reference: Side, candidate: Side) -> Check:
    before, after = str(getattr(reference, name)), str(getattr(candidate, name))
    label = name.replace("_", " ")
    passed = bool(after) and before == after
    if passed:
        detail = f"{label} is the same on both sides"
    else:
        detail = (
            f"{label} differs ({before[:12] or 'unknown'} and {after[:12] or 'unknown'}): "
            "score the reference again with the candidate's"
        )
    return Check(name, after, before, passed, detail)


def _evidence_checks(
    pairs: _Pairs | None, summary: ArmSummary, config: PromotionConfig
) -> list[Check]:
    n = pairs.difference.n if pairs else 0
    excluded = (pairs.n_samples - n) / pairs.n_samples if pairs else 1.0
    truncated = summary.truncated_share
    truncated_detail = "the share of truncated answers is unknown"
    if truncated is not None:
        truncated_detail = (
            f"{truncated:.1%} of the candidate's answers are cut at max_new_tokens "
            f"(at most {config.max_truncated_share:.1%})"
        )
    return [
        Check(
            "min_samples",
            n,
            config.min_samples,
            n >= config.min_samples,
            f"{n} questions are scored on both sides ({config.min_samples} needed)",
        ),
        Check(
            "max_excluded_share",
            excluded,
            config.max_excluded_share,
            excluded <= config.max_excluded_share,
            f"{excluded:.1%} of the questions are set aside by the harness "
            f"(at most {config.max_excluded_share:.1%})",
        ),
        Check(
            "max_truncated_share",
            NOT_COMPUTED if truncated is None else truncated,
            config.max_truncated_share,
            truncated is not None and truncated <= config.max_truncated_share,
            truncated_detail,
        ),
    ]


def _new_adapter(reference: Side, candidate: Side, live: str) -> Check:
    passed = bool(candidate.adapter_hash) and candidate.adapter_hash != reference.adapter_hash
    if not candidate.adapter_hash:
        detail = "the candidate's adapter hash is unknown"
    elif not passed:
        detail = f"adapter is identical to the champion {live}"
    else:
        detail = "adapter is new" if reference.version else "there is no champion to equal"
    return Check("new_adapter", candidate.adapter_hash, reference.adapter_hash, passed, detail)


def _paired_checks(
    pairs: _Pairs | None, reference_arm: str, config: PromotionConfig
) -> list[Check]:
    if pairs is None:
        names: dict[str, float | str] = {
            "new_outputs": "> 0",
            "min_discordant": config.min_discordant,
            "paired_test": config.alpha,
            "min_effect": config.min_effect,
            "max_valid_sql_drop": config.max_valid_sql_drop,
            "max_schema_adherence_drop": config.max_schema_adherence_drop,
        }
        detail = "there are no questions scored on both sides"
        return [Check(n, NOT_COMPUTED, limit, False, detail) for n, limit in names.items()]
    difference = pairs.difference
    changed = sum(
        r.predicted_sql != c.predicted_sql
        for r, c in zip(pairs.reference, pairs.candidate, strict=True)
    )
    return [
        Check(
            "new_outputs",
            changed,
            "> 0",
            changed > 0,
            f"{changed} of {difference.n} answers differ from {_the(reference_arm)}'s"
            if changed
            else f"all {difference.n} answers are identical to {_the(reference_arm)}'s",
        ),
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
            config.alpha,
            pairs.p_value < config.alpha,
            _test_detail(pairs, reference_arm, config),
        ),
        Check(
            "min_effect",
            difference.difference,
            config.min_effect,
            difference.difference > 0.0 and difference.difference >= config.min_effect,
            f"gain of {_signed(difference)} "
            + (f"(at least {config.min_effect:g} needed)" if config.min_effect else "(above 0)"),
        ),
        _guardrail("valid_sql", "share of answers that run", pairs, config.max_valid_sql_drop),
        _guardrail(
            "schema_adherence",
            "share of answers that keep to the schema",
            pairs,
            config.max_schema_adherence_drop,
        ),
    ]


def _test_detail(pairs: _Pairs, reference_arm: str, config: PromotionConfig) -> str:
    difference = pairs.difference
    if difference.gains == difference.losses:
        return f"a tie with {_the(reference_arm)}: {_headline(pairs, reference_arm)}"
    if difference.difference < 0.0:
        return f"worse than {_the(reference_arm)}: {_headline(pairs, reference_arm)}"
    if pairs.p_value < config.alpha:
        return f"better than {_the(reference_arm)}: {_headline(pairs, reference_arm)}"
    text = f"not significant at {config.alpha:g}: {_headline(pairs, reference_arm)}"
    if 2.0**-pairs.net_clusters >= config.alpha:
        text += (
            f"; only {pairs.net_clusters} schema groups have a net gain or loss, "
            f"so p cannot fall below {2.0**-pairs.net_clusters:.2g}"
        )
    return text


def _guardrail(field: str, label: str, pairs: _Pairs, max_drop: float) -> Check:
    n = pairs.difference.n
    before = sum(bool(getattr(v, field)) for v in pairs.reference)
    after = sum(bool(getattr(v, field)) for v in pairs.candidate)
    # One division of counts: a fall of exactly the limit must not fail by rounding.
    drop = (before - after) / n
    return Check(
        f"max_{field}_drop",
        drop,
        max_drop,
        drop <= max_drop,
        f"{label} went from {before / n:.3f} to {after / n:.3f} (may fall by {max_drop:g})",
    )


def _paired_metrics(pairs: _Pairs | None) -> dict[str, Any]:
    if pairs is None:
        return {}
    gains, losses = pairs.difference.gains, pairs.difference.losses
    return {
        **dataclasses.asdict(pairs.difference),
        "net_clusters": pairs.net_clusters,
        "sign_flip_p": pairs.p_value,
        "mcnemar_p_one_sided": mcnemar_p(gains, losses, "greater"),
        "mcnemar_p_two_sided": mcnemar_p(gains, losses),
    }


def _headline(pairs: _Pairs, reference_arm: str) -> str:
    n = pairs.difference.n
    after = sum(v.correct for v in pairs.candidate) / n
    before = sum(v.correct for v in pairs.reference) / n
    return (
        f"execution accuracy {after:.3f} vs {before:.3f} of {_the(reference_arm)} "
        f"on {n} questions, {_signed(pairs.difference)}, p = {pairs.p_value:.2g}"
    )


def _signed(difference: PairedDifference) -> str:
    text = f"{difference.difference:+.3f}"
    if difference.low is not None and difference.high is not None:
        text += f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    return text


def _the(reference_arm: str) -> str:
    return f"the {reference_arm}"
