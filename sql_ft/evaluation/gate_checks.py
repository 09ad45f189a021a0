"""Checks that need no look at who was right: a refusal here costs no error budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.gate_sides import Pairs, Side, the
from sql_ft.records import Check, ExecutionStatus, Look, Verdict

NOT_COMPUTED = "not computed"
"""Value of a check whose figure is unknown."""

NO_PAIRS = "there are no questions scored on both sides"

_LEAKS = {
    "exact_row": "stand in the training rows",
    "schema_group": "ask a database that training has seen",
}


def comparability_checks(reference: Side, candidate: Side) -> list[Check]:
    """Both sides answered the same questions under the same rules."""
    return [
        _same_samples(reference.verdicts, candidate.verdicts),
        _same_hash("evaluation_set_hash", reference, candidate),
        _same_hash("evaluator_hash", reference, candidate),
    ]


def leak_check(overlap: Mapping[str, Any] | None, config: PromotionConfig) -> Check:
    """No evaluation question, and no database of one, stood in the training rows.

    Args:
        overlap: `data.overlap.measure_overlap` of the rows that trained the candidate and
            of the evaluation rows; None if those rows are not known.
        config: Share of questions whose bare text may occur in training, as "How many are
            there?" does.
    """
    name = "unseen_questions"
    try:
        leaked = {kind: int(overlap[kind]["eval_rows"]) for kind in _LEAKS} if overlap else None
        share = float(overlap["question_text"]["share"]) if overlap else 1.0
    except (KeyError, TypeError, ValueError):
        leaked = None
    if leaked is None:
        detail = "it is unknown whether training saw the evaluation questions"
        return Check(name, NOT_COMPUTED, 0, False, detail)
    for kind, text in _LEAKS.items():
        if leaked[kind]:
            detail = f"training rows leaked into evaluation: {leaked[kind]} questions {text}"
            return Check(name, leaked[kind], 0, False, detail)
    limit = config.max_seen_question_share
    if share > limit:
        detail = (
            f"training rows leaked into evaluation: the text of {share:.1%} of the questions "
            f"stands in training (at most {limit:.1%})"
        )
        return Check(name, share, limit, False, detail)
    return Check(name, 0, 0, True, "no evaluation question or database stood in training")


def adapter_checks(reference: Side, candidate: Side) -> list[Check]:
    """The adapter is another one, and is one at all."""
    live = f"v{reference.version}" if reference.version else "no champion"
    new = bool(candidate.adapter_hash) and candidate.adapter_hash != reference.adapter_hash
    if not candidate.adapter_hash:
        detail = "the candidate's adapter hash is unknown"
    elif not new:
        detail = f"adapter is identical to the champion {live}"
    else:
        detail = "adapter is new" if reference.version else "there is no champion to equal"
    empty = candidate.empty_adapter
    return [
        Check("new_adapter", candidate.adapter_hash, reference.adapter_hash, new, detail),
        Check(
            "non_empty_adapter",
            NOT_COMPUTED if empty is None else "empty" if empty else "not empty",
            "not empty",
            empty is False,
            "it is unknown whether the adapter is empty"
            if empty is None
            else "the adapter is empty: its update is zero in every layer, so it is the base"
            if empty
            else "the adapter changes the base",
        ),
    ]


def output_checks(pairs: Pairs | None, base_pairs: Pairs | None, reference_arm: str) -> list[Check]:
    """The answers are not those of the reference, nor those of the base.

    Args:
        pairs: Candidate and reference.
        base_pairs: Candidate and base, where the reference is the champion.
        reference_arm: ``champion`` or ``base``.
    """
    checks = [_new_outputs("new_outputs", pairs, reference_arm)]
    if reference_arm != "base":
        checks.append(_new_outputs("differs_from_base", base_pairs, "base"))
    return checks


def _new_outputs(name: str, pairs: Pairs | None, arm: str) -> Check:
    if pairs is None:
        detail = NO_PAIRS if name == "new_outputs" else "the base's answers are unknown"
        return Check(name, NOT_COMPUTED, "> 0", False, detail)
    changed, n = pairs.changed_answers(), pairs.difference.n
    detail = (
        f"{changed} of {n} answers differ from {the(arm)}'s"
        if changed
        else f"all {n} answers are identical to {the(arm)}'s"
    )
    return Check(name, changed, "> 0", changed > 0, detail)


def evidence_checks(pairs: Pairs | None, candidate: Side, config: PromotionConfig) -> list[Check]:
    """Enough questions, and not too many lost to the harness or to failed generation."""
    n = pairs.difference.n if pairs else 0
    excluded = (pairs.n_samples - n) / pairs.n_samples if pairs else 1.0
    empty = sum(v.status == ExecutionStatus.EMPTY for v in pairs.candidate) / n if pairs else 1.0
    truncated = candidate.summary.truncated_share
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
            "max_empty_share",
            empty,
            config.max_empty_share,
            empty <= config.max_empty_share,
            f"{empty:.1%} of the candidate's answers hold no SQL: generation failed "
            f"(at most {config.max_empty_share:.1%})"
            if pairs
            else NO_PAIRS,
        ),
        Check(
            "max_truncated_share",
            NOT_COMPUTED if truncated is None else truncated,
            config.max_truncated_share,
            truncated is not None and truncated <= config.max_truncated_share,
            truncated_detail,
        ),
    ]


def budget_check(look: Look, config: PromotionConfig) -> Check:
    """There is error budget left for a look at this set."""
    if look.renew:
        detail = f"{look.renew}: renew the evaluation set (new questions) before promoting"
    elif look.alpha <= 0.0:
        detail = f"nothing is left of the error budget of {config.error_budget:g}"
    else:
        detail = (
            f"look {look.number} since the last promotion ({look.set_look} on this set, "
            f"{look.looks_left} left): alpha {look.alpha:.2g}, {look.spent_before:.3g} of "
            f"{config.error_budget:g} spent before"
        )
    return Check("error_budget", look.alpha, "> 0", look.alpha > 0.0, detail)


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
