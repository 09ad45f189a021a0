"""What is known about the answers to one sample, before and after they are executed."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence

from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.evalset_storage import EvaluationItem
from sql_ft.evaluation.reading import Reader
from sql_ft.evaluation.result_text import format_head
from sql_ft.execution import guard
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.execution.footprint import UNKNOWN, Footprint
from sql_ft.records import (
    ExecutionResult,
    ExecutionStatus,
    Outcome,
    Prediction,
    Sample,
    Verdict,
)

SAME_SQL = "same_sql"
"""Reason of a verdict on a prediction that is the gold in another spelling."""

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict but for who asked: the same for every arm that wrote the same text."""

    outcome: Outcome
    status: ExecutionStatus
    reason: str
    sql: str | None = None
    adheres: bool = False
    heads: tuple[str, str] = ("", "")
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Open:
    """A text that has to be executed; `footprint` as in `Reading`."""

    sql: str
    adheres: bool
    footprint: Footprint = UNKNOWN


@dataclasses.dataclass(slots=True)
class Case:
    """One gold: what was answered to its questions, and what is known about each text.

    Attributes:
        item: The entry of the first of its questions.
        answers: (Sample, arm) → prediction; None where an excluded sample has none.
        rulings: Predicted text → ruling; texts still to be executed are missing.
        open: Predicted text → what to execute.
        heads: Executed text → head of its result on the database worth showing.
        done: Databases already run.
    """

    item: EvaluationItem
    answers: dict[tuple[str, str], Prediction | None]
    rulings: dict[str, Ruling] = dataclasses.field(default_factory=dict)
    open: dict[str, Open] = dataclasses.field(default_factory=dict)
    heads: dict[str, str] = dataclasses.field(default_factory=dict)
    done: int = 0


def read_texts(case: Case, reader: Reader) -> None:
    """Rule on what needs no execution, and list what does."""
    for prediction in case.answers.values():
        text = prediction.predicted_sql if prediction is not None else ""
        if text in case.rulings or text in case.open:
            continue
        ruling = _rule_unexecuted(case.item, prediction, reader)
        if isinstance(ruling, Open):
            case.open[text] = ruling
        else:
            case.rulings[text] = ruling


def _rule_unexecuted(
    item: EvaluationItem, prediction: Prediction | None, reader: Reader
) -> Ruling | Open:
    """Ruling without execution where one is due: excluded, refused, or the gold itself."""
    if item.exclusion or item.schema is None or prediction is None:
        return Ruling(
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            item.exclusion,
            detail=item.exclusion_detail,
        )
    try:
        with guard.equal_depth():
            reading = reader.read(prediction.predicted_sql, item.schema)
            if isinstance(reading, SqlTranslationError):
                status = ExecutionStatus(reading.status)
                return Ruling(Outcome.ERROR, status, status.value, detail=reading.message)
            same_query = reader.is_gold(reading, item.gold_sql, item.schema, item.canonical_key)
    except RecursionError:
        # Nesting beyond the parser's depth is the prediction's doing, not the harness's.
        status = ExecutionStatus.SYNTAX
        return Ruling(Outcome.ERROR, status, status.value, detail="nested too deep")
    except Exception as error:
        logger.warning("prediction of %s cannot be translated", item.sample.id, exc_info=True)
        return Ruling(
            Outcome.EXCLUDED,
            ExecutionStatus.HARNESS,
            f"harness:{type(error).__name__}",
            detail=str(error),
        )
    if same_query:
        head = _head(item.gold_results[_telling_database(item)])
        return Ruling(
            Outcome.CORRECT,
            ExecutionStatus.OK,
            SAME_SQL,
            reading.sql,
            reading.adheres,
            (head, head),
        )
    return Open(reading.sql, reading.adheres, reading.footprint)


def judge_results(
    case: Case, results: Mapping[str, Sequence[ExecutionResult]], rules: MatchRules
) -> None:
    """Rule on every open text for which these databases, or their being the last, decide."""
    item = case.item
    shown = _telling_database(item)
    count = len(next(iter(results.values())))
    numbers = range(case.done, case.done + count)
    case.done += count
    for text, entry in list(case.open.items()):
        answers = results[entry.sql]
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
            ruling = Ruling(
                Outcome.CORRECT, ExecutionStatus.OK, "equal", entry.sql, entry.adheres, heads
            )
        if ruling is not None:
            case.rulings[text] = ruling
            del case.open[text]


def _rule_executed(
    item: EvaluationItem, entry: Open, number: int, predicted: ExecutionResult, rules: MatchRules
) -> Ruling | None:
    """Ruling from the result on one database; None if the prediction is right there."""
    gold = item.gold_results[number]
    if predicted.status != ExecutionStatus.OK:
        harness = predicted.status == ExecutionStatus.HARNESS
        return Ruling(
            Outcome.EXCLUDED if harness else Outcome.ERROR,
            predicted.status,
            "harness:sandbox" if harness else predicted.status.value,
            entry.sql,
            entry.adheres,
            (_head(gold), ""),
            predicted.error,
        )
    try:
        comparison = compare_results(
            gold, predicted, ordered=item.ordered, order_keys=item.order_keys, rules=rules
        )
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
        # Values that no gold has must not end the run for the others.
        status = ExecutionStatus.RUNTIME_ERROR
        detail = f"result cannot be compared: {type(error).__name__}"
        return Ruling(
            Outcome.ERROR, status, status.value, entry.sql, entry.adheres, (_head(gold), ""), detail
        )
    if comparison.equal:
        return None
    return Ruling(
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


def to_verdict(case: Case, sample: Sample, arm: str) -> Verdict:
    """The verdict on one answer; every text of the case has a ruling."""
    prediction = case.answers[sample.id, arm]
    written = prediction.predicted_sql if prediction is not None else ""
    ruling = case.rulings[written]
    return Verdict(
        sample_id=sample.id,
        arm=arm,
        schema_group=sample.schema_group,
        outcome=ruling.outcome,
        status=ruling.status.value,
        reason=ruling.reason,
        gold_sql=case.item.gold_sql,
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
