"""Predictions of one arm → verdicts, by executing them against a frozen set.

A prediction goes through the same translation as its gold and is compared on the
gold's databases in their order; the first database on which it fails or differs
decides. See `docs/design/match-rule.md`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError, SqlTranslationError
from sql_ft.evaluation.adherence import unresolved_names
from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.evaluation.result_text import format_head
from sql_ft.evaluation.rules import (
    EVALUATOR_VERSION,
    evaluator_hash,
    match_rules,
    sandbox_limits,
)
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.execution.dialect import Translated, translate
from sql_ft.execution.sandbox import Job, Sandbox
from sql_ft.execution.schema import Schema
from sql_ft.records import ExecutionResult, ExecutionStatus, Outcome, Prediction, Verdict

__all__ = ["EVALUATOR_VERSION", "evaluator_hash", "score_predictions"]

Progress = Callable[[int, int], None]

PREDICTED = "predicted"
_SHOWN_IDS = 5

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Open:
    """A prediction that has to be executed."""

    item: EvaluationItem
    schema: Schema
    prediction: Prediction
    translated: Translated
    adheres: bool


def score_predictions(
    evaluation_set: EvaluationSet,
    predictions: Sequence[Prediction],
    config: EvaluationConfig,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Score one arm.

    Args:
        evaluation_set: The frozen set.
        predictions: Of one arm; one for every sample that is not excluded. Those of
            excluded samples may be left out.
        config: Limits and matching; `dialect` must be the set's.
        progress: Called with (done, total) samples.

    Returns:
        One verdict per sample, in the order of the set's samples, whatever the order of
        the predictions and the number of workers.

    Raises:
        EvaluationError: Predictions are missing, repeated, unknown or of several arms,
            or the dialect is another one.
        SandboxError: No sandbox worker can be started.
    """
    by_id, arm = _index(evaluation_set, predictions)
    if config.dialect != evaluation_set.dialect:
        raise EvaluationError(
            f"dialect {config.dialect!r}, but the evaluation set is in {evaluation_set.dialect!r}",
            setting="evaluation.dialect",
            expected=repr(evaluation_set.dialect),
        )
    if config.distinct != evaluation_set.distinct:
        raise EvaluationError(
            f"distinct {config.distinct!r}, but the evaluation set was built with "
            f"{evaluation_set.distinct!r}",
            setting="evaluation.distinct",
            expected=repr(evaluation_set.distinct),
        )
    total = len(evaluation_set.entries)
    report = progress or _silent
    verdicts: dict[str, Verdict] = {}
    waiting: list[_Open] = []
    for item in evaluation_set.entries:
        decided = _decide_unexecuted(item, by_id.get(item.sample.id), arm, config)
        if isinstance(decided, Verdict):
            verdicts[item.sample.id] = decided
        else:
            waiting.append(decided)
    report(len(verdicts), total)
    if waiting:
        with Sandbox(sandbox_limits(config), workers=config.workers) as sandbox:
            verdicts |= _execute(waiting, sandbox, match_rules(config), len(verdicts), report)
    return [verdicts[item.sample.id] for item in evaluation_set.entries]


def _index(
    evaluation_set: EvaluationSet, predictions: Sequence[Prediction]
) -> tuple[dict[str, Prediction], str]:
    """Predictions by sample id, and their arm; every mismatch is named by id."""
    arms = sorted({p.arm for p in predictions})
    if len(arms) != 1:
        raise EvaluationError(
            f"predictions of {len(arms)} arms ({', '.join(arms) or 'none'})",
            expected="the predictions of exactly one arm",
        )
    counts = Counter(p.sample_id for p in predictions)
    known = {item.sample.id for item in evaluation_set.entries}
    problems = [
        ("missing", [i.sample.id for i in evaluation_set.items if i.sample.id not in counts]),
        ("repeated", [sample_id for sample_id, n in counts.items() if n > 1]),
        ("for samples that the set does not have", [i for i in counts if i not in known]),
    ]
    found = [
        f"{len(ids)} predictions {what}: {', '.join(ids[:_SHOWN_IDS])}"
        + (f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else "")
        for what, ids in problems
        if ids
    ]
    if found:
        raise EvaluationError(
            f"arm {arms[0]}: {'; '.join(found)}", expected="one prediction per sample of the set"
        )
    return {p.sample_id: p for p in predictions}, arms[0]


def _decide_unexecuted(
    item: EvaluationItem, prediction: Prediction | None, arm: str, config: EvaluationConfig
) -> Verdict | _Open:
    """Verdict without execution where one is due: excluded, refused, or the gold itself."""
    if item.exclusion or item.schema is None or prediction is None:
        return _verdict(
            item,
            arm,
            prediction,
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            reason=item.exclusion,
            detail=item.exclusion_detail,
        )
    try:
        translated = translate(
            prediction.predicted_sql, item.schema, config.dialect, distinct=config.distinct
        )
        adheres = not unresolved_names(translated.source, item.schema)
    except SqlTranslationError as error:
        status = ExecutionStatus(error.status)
        return _verdict(
            item, arm, prediction, Outcome.ERROR, status, reason=status.value, detail=error.message
        )
    except RecursionError:
        # Nesting beyond the parser's depth is the prediction's doing, not the harness's.
        status = ExecutionStatus.SYNTAX
        return _verdict(
            item, arm, prediction, Outcome.ERROR, status, reason="syntax", detail="nested too deep"
        )
    except Exception as error:
        logger.warning("prediction of %s cannot be translated", item.sample.id, exc_info=True)
        return _verdict(
            item,
            arm,
            prediction,
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            reason=f"harness:{type(error).__name__}",
            detail=str(error),
        )
    if translated.sql == item.gold_sql:
        head = _head(item.gold_results[_telling_database(item)])
        return _verdict(
            item,
            arm,
            prediction,
            Outcome.CORRECT,
            ExecutionStatus.OK,
            reason="same_sql",
            sql=translated.sql,
            adheres=adheres,
            heads=(head, head),
        )
    return _Open(item, item.schema, prediction, translated, adheres)


def _execute(
    waiting: Sequence[_Open],
    sandbox: Sandbox,
    rules: MatchRules,
    done: int,
    progress: Progress,
) -> dict[str, Verdict]:
    """Run the first database of every prediction, then the others of those still right.

    Most wrong predictions fall on the first database; a slow or hostile one then costs
    one time-out and not one per database.
    """
    verdicts: dict[str, Verdict] = {}
    results: dict[str, tuple[ExecutionResult, ...]] = {}
    total = done + len(waiting)
    for databases in (slice(0, 1), slice(1, None)):
        jobs = [
            Job(
                id=entry.item.sample.id,
                schema=entry.schema,
                databases=entry.item.databases[databases],
                queries={PREDICTED: entry.translated.sql},
            )
            for entry in waiting
        ]
        undecided = []
        for entry, result in zip(waiting, sandbox.run(jobs), strict=True):
            results[result.id] = results.get(result.id, ()) + result.results[PREDICTED]
            verdict = _judge(entry, results[result.id], rules)
            if verdict is None:
                undecided.append(entry)
            else:
                verdicts[entry.item.sample.id] = verdict
        waiting = undecided
        progress(done + len(verdicts), total)
        if not waiting:
            break
    return verdicts


def _judge(entry: _Open, results: Sequence[ExecutionResult], rules: MatchRules) -> Verdict | None:
    """Verdict from the results so far, one per database; None if more have to run."""
    item = entry.item
    for predicted, gold in zip(results, item.gold_results, strict=False):
        if predicted.status != ExecutionStatus.OK:
            harness = predicted.status == ExecutionStatus.HARNESS
            return _verdict(
                item,
                entry.prediction.arm,
                entry.prediction,
                Outcome.EXCLUDED if harness else Outcome.ERROR,
                predicted.status,
                reason="harness:sandbox" if harness else predicted.status.value,
                sql=entry.translated.sql,
                adheres=entry.adheres,
                heads=(_head(gold), ""),
                detail=predicted.error,
            )
        comparison = compare_results(
            gold, predicted, ordered=item.ordered, order_keys=item.order_keys, rules=rules
        )
        if not comparison.equal:
            return _verdict(
                item,
                entry.prediction.arm,
                entry.prediction,
                Outcome.WRONG_RESULT,
                ExecutionStatus.OK,
                reason=comparison.reason,
                sql=entry.translated.sql,
                adheres=entry.adheres,
                heads=(_head(gold), _head(predicted)),
                detail=comparison.detail,
            )
    if len(results) < len(item.gold_results):
        return None
    shown = _telling_database(item)
    return _verdict(
        item,
        entry.prediction.arm,
        entry.prediction,
        Outcome.CORRECT,
        ExecutionStatus.OK,
        reason="equal",
        sql=entry.translated.sql,
        adheres=entry.adheres,
        heads=(_head(item.gold_results[shown]), _head(results[shown])),
    )


def _telling_database(item: EvaluationItem) -> int:
    """First database on which the gold returns something: the one worth showing."""
    return next((i for i, result in enumerate(item.gold_results) if result.rows), 0)


def _verdict(
    item: EvaluationItem,
    arm: str,
    prediction: Prediction | None,
    outcome: Outcome,
    status: ExecutionStatus,
    *,
    reason: str,
    sql: str | None = None,
    adheres: bool = False,
    heads: tuple[str, str] = ("", ""),
    detail: str = "",
) -> Verdict:
    written = prediction.predicted_sql if prediction is not None else ""
    return Verdict(
        sample_id=item.sample.id,
        arm=arm,
        schema_group=item.sample.schema_group,
        outcome=outcome,
        status=status.value,
        reason=reason,
        gold_sql=item.gold_sql,
        predicted_sql=written if sql is None else sql,
        valid_sql=outcome in (Outcome.CORRECT, Outcome.WRONG_RESULT),
        schema_adherence=adheres,
        strict_format=prediction is not None and prediction.strict_format,
        gold_head=heads[0],
        predicted_head=heads[1],
        detail=detail,
    )


def _head(result: ExecutionResult) -> str:
    return format_head(result.columns, result.rows)


def _silent(done: int, total: int) -> None:
    """Report nothing."""
