"""Predictions of one arm → verdicts, by executing them against a frozen set.

A prediction goes through the same translation as its gold and is compared on the
gold's databases in their order; the first database on which it fails or differs
decides. See `docs/design/match-rule.md`.
"""

from __future__ import annotations

import contextlib
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.evaluation.reading import Reader
from sql_ft.evaluation.rules import (
    EVALUATOR_VERSION,
    evaluator_hash,
    match_rules,
    sandbox_limits,
)
from sql_ft.evaluation.rulings import Case, judge_results, read_texts, to_verdict
from sql_ft.evaluation.wordings import gold_key
from sql_ft.execution.sandbox import Job, JobResult, Sandbox
from sql_ft.records import Prediction, Verdict

__all__ = ["EVALUATOR_VERSION", "evaluator_hash", "score_arms", "score_predictions"]

Progress = Callable[[int, int], None]

_SHOWN_IDS = 5
# Some ten megabytes.
_OBJECTS_PER_COLLECTION = 50_000


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
    cases: dict[object, Case] = {}
    of_entry = []
    for item in evaluation_set.entries:
        case = cases.setdefault(_same_gold(item), Case(item, {}))
        of_entry.append(case)
        for by_id, arm in indexed:
            case.answers[item.sample.id, arm] = by_id.get(item.sample.id)
    _rule(list(cases.values()), config, progress or _silent)
    return [
        [
            to_verdict(case, item.sample, arm)
            for case, item in zip(of_entry, evaluation_set.entries, strict=True)
        ]
        for arm in names
    ]


def _same_gold(item: EvaluationItem) -> object:
    """Equal for entries on which every text gets the same ruling: wordings of one question."""
    return gold_key(item.sample), item.exclusion, *map(id, item.databases)


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


def _rule(cases: Sequence[Case], config: EvaluationConfig, progress: Progress) -> None:
    """Find a ruling for every text of every case.

    The first database of a prediction runs alone, the others only if it is still right:
    most wrong predictions fall on the first, and a slow or hostile one then costs one
    time-out and not one per database.
    """
    rules = match_rules(config)
    reader = Reader(config)
    total = sum(len(case.answers) for case in cases)
    done = 0
    running: dict[str, Case] = {}

    def advance(case: Case) -> None:
        nonlocal done
        done += len(case.answers)
        progress(done, total)

    def jobs() -> Iterator[Job]:
        # Translating one text takes as long as running another, so it is done while the
        # workers are busy. Neighbours on the same database share it.
        for case in sorted(cases, key=_shared_database(cases)):
            read_texts(case, reader)
            if case.open:
                running[case.item.sample.id] = case
                yield _job(case)
            else:
                advance(case)

    def take(result: JobResult) -> Job | None:
        case = running[result.id]
        judge_results(case, result.results, rules)
        if case.open:
            return _job(case)
        del running[result.id]
        advance(case)
        return None

    with rare_collections(), Sandbox(sandbox_limits(config), workers=config.workers) as sandbox:
        sandbox.run_each(jobs(), take)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage seldom, and not what was there before.

    Each query is a tree whose nodes point at each other, some thousand objects: Python's
    collector would walk all that lives, the evaluation set included, again and again.
    """
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    if not frozen:
        gc.freeze()
    gc.set_threshold(_OBJECTS_PER_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:
            gc.unfreeze()


def _shared_database(cases: Sequence[Case]) -> Callable[[Case], int]:
    """Sort key: cases whose first database is the same object stand together."""
    first: dict[int, int] = {}
    for number, case in enumerate(cases):
        for database in case.item.databases[:1]:
            first.setdefault(id(database), number)
    return lambda case: first[id(case.item.databases[0])] if case.item.databases else -1


def _job(case: Case) -> Job:
    """The next databases of a case, for every text that is still open."""
    assert case.item.schema is not None  # a case without one is excluded
    end = 1 if case.done == 0 else None
    return Job(
        id=case.item.sample.id,
        schema=case.item.schema,
        databases=case.item.databases[case.done : end],
        queries={entry.sql: entry.sql for entry in case.open.values()},
        vetted=True,
        footprints={entry.sql: entry.footprint for entry in case.open.values()},
    )


def _silent(done: int, total: int) -> None:
    """Report nothing."""
