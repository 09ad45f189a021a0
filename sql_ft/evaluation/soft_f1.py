"""BIRD's two figures as its mini-dev defines them, beside this project's own verdicts.

Both look at the real database alone. Source: ``evaluation_ex.py`` and ``evaluation_f1.py``
of bird-bench/mini_dev: EX is equality of the two results as sets of rows; soft F1 drops
repeated rows, holds the i-th predicted row against the i-th gold row, and counts cells. So EX
forgives repeated rows and any order, and soft F1 depends on the order of rows; verdicts do
neither. The one deviation is the engine: DuckDB after translation, on at most
`sqlite_file.MAX_ROWS_PER_TABLE` rows a table, in the sandbox, not SQLite on the whole file.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from sql_ft.config import EvaluationConfig
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.evaluation.metrics import Rate
from sql_ft.evaluation.reading import Reader
from sql_ft.evaluation.rules import sandbox_limits
from sql_ft.execution import guard
from sql_ft.execution.databases import REAL
from sql_ft.execution.sandbox import Job, Sandbox
from sql_ft.records import ExecutionStatus, Prediction, Progress

DIFFICULTY = "difficulty"
Rows = Sequence[tuple[Any, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class BirdScore:
    """EX and soft F1 of some questions.

    Attributes:
        n: Questions with a gold result on their real database.
        ex: Share with equal sets of rows; None if n is 0.
        ex_low: Lower end of its 95% Wilson interval.
        ex_high: Upper end.
        soft_f1: Mean of `soft_f1`; None if n is 0.
    """

    n: int
    ex: float | None
    ex_low: float | None
    ex_high: float | None
    soft_f1: float | None


def ex_match(predicted: Rows, gold: Rows) -> bool:
    """True if both results hold the same set of rows."""
    return set(predicted) == set(gold)


def soft_f1(predicted: Rows, gold: Rows) -> float:
    """Cell-wise F1 of a predicted result, in [0, 1].

    Args:
        predicted: Rows of the prediction.
        gold: Rows of the gold.
    """
    if not predicted and not gold:
        return 1.0
    own, true = list(dict.fromkeys(predicted)), list(dict.fromkeys(gold))
    matched = only_predicted = only_gold = 0.0
    for place in range(max(len(own), len(true))):
        if place >= len(own):
            only_gold += 1.0
        elif place >= len(true):
            only_predicted += 1.0
        else:
            row, wanted = own[place], true[place]
            hits = sum(value in wanted for value in row)
            matched += hits / len(wanted)
            only_predicted += (len(row) - hits) / len(wanted)
            only_gold += sum(value not in row for value in wanted) / len(wanted)
    precision = matched / (matched + only_predicted) if matched + only_predicted else 0.0
    recall = matched / (matched + only_gold) if matched + only_gold else 0.0
    total = precision + recall
    return 2.0 * precision * recall / total if total else 0.0


def score_bird(
    evaluation_set: EvaluationSet,
    arms: Mapping[str, Sequence[Prediction]],
    config: EvaluationConfig,
    progress: Progress | None = None,
) -> dict[str, dict[str, BirdScore]]:
    """Both figures of every arm, over all questions (key ``""``) and by difficulty.

    Args:
        evaluation_set: Of BIRD's layout; questions whose gold has no result on its real
            database are left out.
        arms: Arm → predictions.
        config: Limits and dialect.
        progress: Called with (done, total) questions.

    Raises:
        SandboxError: No sandbox worker can be started.
    """
    items = [item for item in evaluation_set.items if _real_place(item) is not None]
    texts = _readable(items, arms, config)
    jobs = [
        Job(
            id=item.sample.id,
            schema=item.schema,
            databases=(item.databases[_real_place(item) or 0],),
            queries={sql: sql for sql in set(texts[item.sample.id].values())},
        )
        for item in items
        if item.schema is not None and texts[item.sample.id]
    ]
    with Sandbox(sandbox_limits(config), workers=config.workers) as sandbox:
        results = {r.id: r.results for r in sandbox.run(jobs, progress)} if jobs else {}
    found: dict[str, dict[str, list[tuple[bool, float]]]] = {arm: {} for arm in arms}
    for item in items:
        gold = item.gold_results[_real_place(item) or 0].rows
        difficulty = item.sample.tags.get(DIFFICULTY, "")
        for arm, values in found.items():
            sql = texts[item.sample.id].get(arm)
            answer = results[item.sample.id][sql][0] if sql is not None else None
            score = (False, 0.0)
            if answer is not None and answer.status == ExecutionStatus.OK:
                # A prediction may return lists, which no gold does and no set holds.
                with contextlib.suppress(TypeError):
                    score = ex_match(answer.rows, gold), soft_f1(answer.rows, gold)
            for key in {"", difficulty}:
                values.setdefault(key, []).append(score)
    return {
        arm: {key: _summarize(scores) for key, scores in sorted(values.items())}
        for arm, values in found.items()
    }


def _real_place(item: EvaluationItem) -> int | None:
    return next((i for i, d in enumerate(item.databases) if d.name == REAL), None)


def _readable(
    items: Sequence[EvaluationItem],
    arms: Mapping[str, Sequence[Prediction]],
    config: EvaluationConfig,
) -> dict[str, dict[str, str]]:
    """Sample id → arm → DuckDB text, for predictions that can be executed."""
    reader = Reader(config)
    by_id = {arm: {p.sample_id: p.predicted_sql for p in of_arm} for arm, of_arm in arms.items()}
    texts: dict[str, dict[str, str]] = {}
    for item in items:
        own = texts.setdefault(item.sample.id, {})
        for arm, predictions in by_id.items():
            try:
                with guard.equal_depth():
                    assert item.schema is not None  # an item that is scored has one
                    reading = reader.read(predictions.get(item.sample.id, ""), item.schema)
            except RecursionError:
                continue  # nested too deep: not executable
            if not isinstance(reading, SqlTranslationError):
                own[arm] = reading.sql
    return texts


def _summarize(scores: Sequence[tuple[bool, float]]) -> BirdScore:
    rate = Rate.of(sum(equal for equal, _ in scores), len(scores))
    mean = sum(f1 for _, f1 in scores) / len(scores) if scores else None
    return BirdScore(len(scores), rate.rate, rate.low, rate.high, mean)
