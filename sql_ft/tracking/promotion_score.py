"""How well a champion did when it was promoted: its verdicts, and the base's figures."""

from __future__ import annotations

import dataclasses

from sql_ft.records import Outcome
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.scores import Score, read_scores, scores_of
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import RegisteredVersion


@dataclasses.dataclass(frozen=True, slots=True)
class PromotionScore:
    """What the registry says of a version's promotion.

    Attributes:
        score: The evaluation that it was promoted on.
        answered: Right or wrong, and the schema group, of each scored question.
        base: The base's right answers and scored questions; None if they are not known.
    """

    score: Score
    answered: tuple[tuple[bool, str], ...]
    base: tuple[int, int] | None


def promotion_score(
    store: Store, version: RegisteredVersion, evaluator_hash: str
) -> PromotionScore | None:
    """The verdicts on the questions that the version was promoted on.

    Where the same questions were scored by several evaluators, today's counts. A version that
    a person promoted without a comparison has the newest score on a configuration's own set.

    Args:
        store: From `prepare_store`.
        version: The champion.
        evaluator_hash: `evaluation.rules.evaluator_hash` of today.

    Returns:
        None if no verdicts are kept.

    Raises:
        TrackingError: The store does not answer, or the table is gone.
    """
    promotions = [
        entry
        for entry in decisions_of(version)
        if entry["promote"] and not entry.get("interrupted")
    ]
    asked = [entry["evaluation_set_hash"] for entry in promotions if entry["evaluation_set_hash"]]
    scores = [score for score in scores_of(version) if not score.benchmark]
    same = [score for score in scores if asked and score.evaluation_set_hash == asked[-1]]
    chosen = sorted(same or scores, key=lambda s: (s.evaluator_hash == evaluator_hash, s.at))
    if not chosen:
        return None
    score = chosen[-1]
    rows = [r for r in read_scores(store, score) if r.outcome != Outcome.EXCLUDED]
    answered = tuple((row.outcome == Outcome.CORRECT, row.schema_group) for row in rows)
    runs = [
        e["run_id"] for e in promotions if e["evaluation_set_hash"] == score.evaluation_set_hash
    ]
    return PromotionScore(score, answered, _base_counts(store, runs[-1]) if runs else None)


def _base_counts(store: Store, run_id: str) -> tuple[int, int] | None:
    with tracking_errors(f"cannot read run {run_id}", store):
        metrics = store.client().get_run(run_id).data.metrics
    rate, scored = metrics.get("base/execution_accuracy"), metrics.get("base/n_scored")
    if rate is None or not scored:
        return None
    return round(rate * scored), round(scored)
