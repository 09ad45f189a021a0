"""Predictions of one arm → verdicts, by executing them against a frozen set.

A prediction goes through the same translation as its gold and is compared on the
gold's databases in their order; the first database on which it fails or differs
decides. See `docs/design/match-rule.md`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

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
from sql_ft.execution import guard
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.execution.dialect import translate
from sql_ft.execution.sandbox import Job, JobResult, Sandbox
from sql_ft.records import ExecutionResult, ExecutionStatus, Outcome, Prediction, Verdict

__all__ = ["EVALUATOR_VERSION", "evaluator_hash", "score_arms", "score_predictions"]

Progress = Callable[[int, int], None]

_SHOWN_IDS = 5

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Ruling:
    """A verdict but for who asked: the same for every arm that wrote the same text."""

    outcome: Outcome
    status: ExecutionStatus
    reason: str
    sql: str | None = None
    adheres: bool = False
    heads: tuple[str, str] = ("", "")
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Open:
    """A text that has to be executed."""

    sql: str
    adheres: bool


@dataclasses.dataclass(slots=True)
class _Case:
    """One sample: what its arms wrote, and what is known about each text.

    Attributes:
        arms: Arm → its prediction; None where an excluded sample has none.
        rulings: Predicted text → ruling; texts still to be executed are missing.
        open: Predicted text → what to execute.
        heads: Executed text → head of its result on the database worth showing.
        done: Databases already run.
    """

    item: EvaluationItem
    arms: dict[str, Prediction | None]
    rulings: dict[str, _Ruling] = dataclasses.field(default_factory=dict)
    open: dict[str, _Open] = dataclasses.field(default_factory=dict)
    heads: dict[str, str] = dataclasses.field(default_factory=dict)
    done: int = 0


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
    (verdicts,) = score_arms(evaluation_set, [predictions], config, progress)
    return verdicts


def score_arms(
    evaluation_set: EvaluationSet,
    arms: Sequence[Sequence[Prediction]],
    config: EvaluationConfig,
    progress: Progress | None = None,
) -> list[list[Verdict]]:
    """Score several arms at once: a database is made once for all of them.

    Every verdict is the one that `score_predictions` gives; texts that several arms
    wrote alike are executed once.

    Args:
        evaluation_set: The frozen set.
        arms: The predictions of each arm, as for `score_predictions`.
        config: As for `score_predictions`.
        progress: Called with (done, total) answers of all arms.

    Returns:
        The verdicts of each arm, in the order of `arms`.

    Raises:
        EvaluationError: As for `score_predictions`, or an arm is there twice.
        SandboxError: No sandbox worker can be started.
    """
    indexed = [_index(evaluation_set, predictions) for predictions in arms]
    names = [arm for _, arm in indexed]
    if len(set(names)) < len(names):
        raise EvaluationError(f"an arm is there twice: {', '.join(names)}")
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
    cases = [
        _Case(item, {arm: by_id.get(item.sample.id) for by_id, arm in indexed})
        for item in evaluation_set.entries
    ]
    _rule(cases, config, progress or _silent)
    return [[_verdict(case, arm) for case in cases] for arm in names]


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


def _rule(cases: Sequence[_Case], config: EvaluationConfig, progress: Progress) -> None:
    """Find a ruling for every text of every case.

    The first database of a prediction runs alone, the others only if it is still right:
    most wrong predictions fall on the first, and a slow or hostile one then costs one
    time-out and not one per database.
    """
    rules = match_rules(config)
    total = sum(len(case.arms) for case in cases)
    done = 0
    running: dict[str, _Case] = {}

    def advance(case: _Case) -> None:
        nonlocal done
        done += len(case.arms)
        progress(done, total)

    def jobs() -> Iterator[Job]:
        # Translating one text takes as long as running another, so it is done while the
        # workers are busy. Neighbours on the same database share it.
        for case in sorted(cases, key=_shared_database(cases)):
            _read(case, config)
            if case.open:
                running[case.item.sample.id] = case
                yield _job(case)
            else:
                advance(case)

    def take(result: JobResult) -> Job | None:
        case = running[result.id]
        _judge(case, result, rules)
        if case.open:
            return _job(case)
        del running[result.id]
        advance(case)
        return None

    with Sandbox(sandbox_limits(config), workers=config.workers) as sandbox:
        sandbox.run_each(jobs(), take)


def _shared_database(cases: Sequence[_Case]) -> Callable[[_Case], int]:
    """Sort key: cases whose first database is the same object stand together."""
    first: dict[int, int] = {}
    for number, case in enumerate(cases):
        for database in case.item.databases[:1]:
            first.setdefault(id(database), number)
    return lambda case: first[id(case.item.databases[0])] if case.item.databases else -1


def _read(case: _Case, config: EvaluationConfig) -> None:
    """Rule on what needs no execution, and list what does."""
    for prediction in case.arms.values():
        text = prediction.predicted_sql if prediction is not None else ""
        if text in case.rulings or text in case.open:
            continue
        ruling = _rule_unexecuted(case.item, prediction, config)
        if isinstance(ruling, _Open):
            case.open[text] = ruling
        else:
            case.rulings[text] = ruling


def _rule_unexecuted(
    item: EvaluationItem, prediction: Prediction | None, config: EvaluationConfig
) -> _Ruling | _Open:
    """Ruling without execution where one is due: excluded, refused, or the gold itself."""
    if item.exclusion or item.schema is None or prediction is None:
        return _Ruling(
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            item.exclusion,
            detail=item.exclusion_detail,
        )
    try:
        with guard.equal_depth():
            text = prediction.predicted_sql
            translated = translate(
                text, item.schema, config.dialect, distinct=config.distinct, note_passes=False
            )
            # The passes write functions of their own; what they wrote is looked at once more.
            guard.check_tree(translated.tree)
            adheres = not unresolved_names(translated.source, item.schema)
    except SqlTranslationError as error:
        status = ExecutionStatus(error.status)
        return _Ruling(Outcome.ERROR, status, status.value, detail=error.message)
    except RecursionError:
        # Nesting beyond the parser's depth is the prediction's doing, not the harness's.
        status = ExecutionStatus.SYNTAX
        return _Ruling(Outcome.ERROR, status, status.value, detail="nested too deep")
    except Exception as error:
        logger.warning("prediction of %s cannot be translated", item.sample.id, exc_info=True)
        return _Ruling(
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            f"harness:{type(error).__name__}",
            detail=str(error),
        )
    if translated.sql == item.gold_sql:
        head = _head(item.gold_results[_telling_database(item)])
        return _Ruling(
            Outcome.CORRECT, ExecutionStatus.OK, "same_sql", translated.sql, adheres, (head, head)
        )
    return _Open(translated.sql, adheres)


def _job(case: _Case) -> Job:
    """The next databases of a case, for every text that is still open."""
    assert case.item.schema is not None  # a case without one is excluded
    end = 1 if case.done == 0 else None
    return Job(
        id=case.item.sample.id,
        schema=case.item.schema,
        databases=case.item.databases[case.done : end],
        queries={entry.sql: entry.sql for entry in case.open.values()},
        vetted=True,
    )


def _judge(case: _Case, result: JobResult, rules: MatchRules) -> None:
    """Rule on every open text for which these databases, or their being the last, decide."""
    item = case.item
    shown = _telling_database(item)
    count = len(next(iter(result.results.values())))
    numbers = range(case.done, case.done + count)
    case.done += count
    for text, entry in list(case.open.items()):
        answers = result.results[entry.sql]
        ruling = next(
            (
                found
                for number, answer in zip(numbers, answers, strict=True)
                if (found := _rule_executed(item, entry, number, answer, rules)) is not None
            ),
            None,
        )
        if ruling is None and shown in numbers:
            case.heads[entry.sql] = _head(answers[shown - numbers.start])
        if ruling is None and case.done == len(item.gold_results):
            heads = _head(item.gold_results[shown]), case.heads[entry.sql]
            ruling = _Ruling(
                Outcome.CORRECT, ExecutionStatus.OK, "equal", entry.sql, entry.adheres, heads
            )
        if ruling is not None:
            case.rulings[text] = ruling
            del case.open[text]


def _rule_executed(
    item: EvaluationItem, entry: _Open, number: int, predicted: ExecutionResult, rules: MatchRules
) -> _Ruling | None:
    """Ruling from the result on one database; None if the prediction is right there."""
    gold = item.gold_results[number]
    if predicted.status != ExecutionStatus.OK:
        harness = predicted.status == ExecutionStatus.HARNESS
        return _Ruling(
            Outcome.EXCLUDED if harness else Outcome.ERROR,
            predicted.status,
            "harness:sandbox" if harness else predicted.status.value,
            entry.sql,
            entry.adheres,
            (_head(gold), ""),
            predicted.error,
        )
    comparison = compare_results(
        gold, predicted, ordered=item.ordered, order_keys=item.order_keys, rules=rules
    )
    if comparison.equal:
        return None
    return _Ruling(
        Outcome.WRONG_RESULT,
        ExecutionStatus.OK,
        comparison.reason,
        entry.sql,
        entry.adheres,
        (_head(gold), _head(predicted)),
        comparison.detail,
    )


def _telling_database(item: EvaluationItem) -> int:
    """First database on which the gold returns something: the one worth showing."""
    return next((i for i, result in enumerate(item.gold_results) if result.rows), 0)


def _verdict(case: _Case, arm: str) -> Verdict:
    item, prediction = case.item, case.arms[arm]
    written = prediction.predicted_sql if prediction is not None else ""
    ruling = case.rulings[written]
    return Verdict(
        sample_id=item.sample.id,
        arm=arm,
        schema_group=item.sample.schema_group,
        outcome=ruling.outcome,
        status=ruling.status.value,
        reason=ruling.reason,
        gold_sql=item.gold_sql,
        predicted_sql=written if ruling.sql is None else ruling.sql,
        valid_sql=ruling.outcome in (Outcome.CORRECT, Outcome.WRONG_RESULT),
        schema_adherence=ruling.adheres,
        strict_format=prediction is not None and prediction.strict_format,
        gold_head=ruling.heads[0],
        predicted_head=ruling.heads[1],
        detail=ruling.detail,
    )


def _head(result: ExecutionResult) -> str:
    return format_head(result.columns, result.rows)


def _silent(done: int, total: int) -> None:
    """Report nothing."""
