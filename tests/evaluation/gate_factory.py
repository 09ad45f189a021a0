"""Sides of a comparison, and how a refusal is read."""

from __future__ import annotations

import dataclasses

from verdict_factory import make_arm, predictions_of

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.gate import Side, decide
from sql_ft.evaluation.metrics import summarize

CONFIG = PromotionConfig()
BETTER = "c" * 150 + "w" * 90
WORSE = "c" * 80 + "w" * 160
UNSEEN = {
    kind: {"eval_rows": 0, "share": 0.0} for kind in ("exact_row", "schema_group", "question_text")
}


def make_side(pattern, arm, *, adapter_hash, version="", verdicts=None, **changes):
    verdicts = make_arm(pattern, arm=arm) if verdicts is None else verdicts
    values = {
        "verdicts": verdicts,
        "summary": summarize(verdicts, predictions_of(verdicts)),
        "adapter_hash": adapter_hash,
        "version": version,
        "evaluation_set_hash": "set-1",
        "evaluator_hash": "rules-1",
        "empty_adapter": False,
        "completion_tokens": {v.sample_id: 12 for v in verdicts},
    }
    return Side(**{**values, **changes})


def champion(pattern, **changes):
    return make_side(pattern, "champion", adapter_hash="aaaa", version="3", **changes)


def candidate(pattern, **changes):
    changes = {"adapter_hash": "bbbb", "version": "4", **changes}
    return make_side(pattern, "candidate", **changes)


def against_champion(reference, contender, config=CONFIG, **facts):
    base = make_side(
        "",
        "base",
        adapter_hash="",
        verdicts=as_base(contender.verdicts),
        evaluation_set_hash=contender.evaluation_set_hash,
        evaluator_hash=contender.evaluator_hash,
    )
    facts = {"base": base, "overlap": UNSEEN, **facts}
    return decide(
        reference=reference,
        candidate=contender,
        reference_arm="champion",
        config=config,
        **facts,
    )


def as_base(verdicts):
    return [
        dataclasses.replace(v, arm="base", predicted_sql=f"{v.predicted_sql} -- base")
        for v in verdicts
    ]


def failed(decision):
    return [check.name for check in decision.checks if not check.passed]


def refusal(decision, name):
    """The reason of a refusal by exactly this check."""
    assert failed(decision) == [name], decision.reason
    assert not decision.promote
    (check,) = [c for c in decision.checks if c.name == name]
    assert decision.reason.endswith(check.detail)
    return decision.reason
