"""Verdicts of a version, kept with an MLflow run and found again through the version.

The table is a run artifact that MLflow's evaluation page shows; the version's tag
``scores`` says which sets it was scored on, by which rules, and where the table is.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sql_ft.errors import TrackingError
from sql_ft.records import Outcome, Verdict
from sql_ft.tracking.decision_history import decisions_of, now_text
from sql_ft.tracking.runs import attach_run
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import RegisteredVersion, get_version, set_version_tags

SCORES_TAG = "scores"
_MAX_SCORES = 100

COLUMNS = (
    "sample_id",
    "question",
    "schema_group",
    "outcome",
    "status",
    "reason",
    "gold_sql",
    "predicted_sql",
    "detail",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One evaluation of one version.

    Attributes:
        evaluation_set_hash: Content hash of the frozen set.
        evaluator_hash: Version of the rules that judged.
        run_id: Run that holds the table.
        file: Artifact path of the table.
        at: When, UTC.
        n_scored: Questions that count.
        execution_accuracy: Share of them that are right.
        benchmark: Name of published questions; "" for a configuration's own set.
    """

    evaluation_set_hash: str
    evaluator_hash: str
    run_id: str
    file: str
    at: str
    n_scored: int
    execution_accuracy: float
    benchmark: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ScoredQuestion:
    """One row of a verdict table; see `records.Verdict`."""

    sample_id: str
    question: str
    schema_group: str
    outcome: str
    status: str
    reason: str
    gold_sql: str
    predicted_sql: str
    detail: str


def record_scores(
    store: Store,
    name: str,
    version: str,
    verdicts: Sequence[Verdict],
    questions: Mapping[str, str],
    *,
    evaluation_set_hash: str,
    evaluator_hash: str,
    run_id: str,
    benchmark: str = "",
) -> Score:
    """Log a version's verdicts as a table and note on the version where it is.

    The same set and rules scored again replace the note; the answers are greedy, so they
    are the same.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: Whose answers were judged.
        verdicts: One a question.
        questions: Sample id to question.
        evaluation_set_hash: Of the frozen set.
        evaluator_hash: `evaluation.rules.evaluator_hash`.
        run_id: Run that evaluated it.
        benchmark: Name of published questions, shown on the version's page.

    Raises:
        TrackingError: The store does not answer or refused.
    """
    counted = [v for v in verdicts if v.outcome != Outcome.EXCLUDED]
    score = Score(
        evaluation_set_hash=evaluation_set_hash,
        evaluator_hash=evaluator_hash,
        run_id=run_id,
        file=f"verdicts/version-{version}-{evaluation_set_hash[:12]}-{evaluator_hash[:12]}.json",
        at=now_text(),
        n_scored=len(counted),
        execution_accuracy=sum(v.correct for v in counted) / len(counted) if counted else 0.0,
        benchmark=benchmark,
    )
    rows = [
        [
            v.sample_id,
            questions.get(v.sample_id, ""),
            v.schema_group,
            str(v.outcome),
            v.status,
            v.reason,
            v.gold_sql,
            v.predicted_sql,
            v.detail,
        ]
        for v in verdicts
    ]
    attach_run(store, run_id).log_table(COLUMNS, rows, score.file)
    with store.lock(f"scores-{name}"):
        kept = [s for s in scores_of(get_version(store, name, version)) if not _same(s, score)]
        values = [dataclasses.asdict(s) for s in [*kept, score][-_MAX_SCORES:]]
        set_version_tags(store, name, version, {SCORES_TAG: json.dumps(values)})
    if benchmark:
        _describe_again(store, name, version)
    return score


def _describe_again(store: Store, name: str, version: str) -> None:
    """Write the version's page anew: it lists published benchmarks."""
    # Imported here: the page reads scores.
    from sql_ft.tracking.decision_page import describe

    current = get_version(store, name, version)
    text = describe(current, decisions_of(current))
    with tracking_errors(f"cannot describe version {version} of {name!r}", store):
        store.client().update_model_version(name, version, text)


def scores_of(version: RegisteredVersion) -> list[Score]:
    """Evaluations of a version that have a table, oldest first."""
    return [Score(**values) for values in json.loads(version.tags.get(SCORES_TAG, "[]"))]


def common_scores(first: RegisteredVersion, second: RegisteredVersion) -> tuple[Score, Score]:
    """The newest evaluation of two versions on one set by one evaluator.

    Raises:
        TrackingError: There is none; the message says what each was scored on.
    """
    pairs = [(a, b) for a in scores_of(first) for b in scores_of(second) if _same(a, b)]
    if pairs:
        return max(pairs, key=lambda pair: min(pair[0].at, pair[1].at))
    command = f"sql-ft score {first.version} {second.version} --config FILE"
    sets = [{s.evaluation_set_hash for s in scores_of(v)} for v in (first, second)]
    if sets[0] & sets[1]:
        problem = "were scored on the same set, but by different evaluators"
    else:
        shown = [", ".join(sorted(h[:12] for h in hashes)) or "none" for hashes in sets]
        problem = f"were never scored on the same set ({shown[0]}; {shown[1]})"
    raise TrackingError(
        f"versions {first.version} and {second.version} of {first.name!r} {problem}",
        expected=f"both on one set by one evaluator; `{command}` scores them",
    )


def read_scores(store: Store, score: Score) -> list[ScoredQuestion]:
    """Read a verdict table back.

    Raises:
        TrackingError: The run or its artifact is gone, or is no such table.
    """
    table: Any = attach_run(store, score.run_id).read_json(score.file)
    try:
        columns = [table["columns"].index(name) for name in COLUMNS]
        return [ScoredQuestion(*(str(row[i]) for i in columns)) for row in table["data"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise TrackingError(
            f"{score.file} of run {score.run_id} is no verdict table: {error!r}",
            expected=f"columns {', '.join(COLUMNS)}",
        ) from error


def _same(a: Score, b: Score) -> bool:
    return (a.evaluation_set_hash, a.evaluator_hash) == (b.evaluation_set_hash, b.evaluator_hash)
