"""The frozen evaluation set: audited golds, their databases and their results.

Each sample is translated, given databases that tell its gold from what it is not, and
its gold is executed once, in the sandbox. What cannot serve as a yardstick is excluded
with a reason **before** any model is seen, so an exclusion never favours an arm. The
folder is verified against its own hashes on every load.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.draft_pool import draft_all
from sql_ft.evaluation.drafts import Draft, exclude
from sql_ft.evaluation.evalset_storage import (
    EvaluationItem,
    EvaluationSet,
    load_evaluation_set,
    read_key,
    write_evaluation_set,
)
from sql_ft.evaluation.rules import engine_versions, sandbox_limits
from sql_ft.evaluation.stored_databases import database_key
from sql_ft.evaluation.wordings import gold_key, group_wordings, merge_wordings
from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
)
from sql_ft.execution.databases import REAL
from sql_ft.execution.real import RealDatabase
from sql_ft.execution.sandbox import Job, JobResult, Sandbox
from sql_ft.records import ExecutionResult, ExecutionStatus, Sample, content_hash

__all__ = [
    "EvaluationItem",
    "EvaluationSet",
    "build_evaluation_set",
    "evaluation_set_key",
    "load_evaluation_set",
]

Progress = Callable[[int, int], None]

GOLD, NO_WHERE = "gold", "gold_without_where"

logger = logging.getLogger(__name__)


def evaluation_set_key(
    samples: Sequence[Sample],
    config: EvaluationConfig,
    databases: Mapping[str, RealDatabase] | None = None,
) -> str:
    """Hash of everything that determines a set: samples, settings, real databases, versions.

    The number of workers, and how results are compared later, change nothing in it.
    """
    settings = config.model_dump(mode="json")
    for name in ("workers", "column_order", "float_relative_tolerance"):
        settings.pop(name)
    return content_hash(
        {
            "samples": [sample.to_dict() for sample in samples],
            "settings": settings,
            "databases": {
                name: [dataclasses.asdict(real.schema), database_key(real.database)]
                for name, real in (databases or {}).items()
            },
            "versions": engine_versions(),
        }
    )


def build_evaluation_set(
    samples: Sequence[Sample],
    config: EvaluationConfig,
    out_dir: Path,
    progress: Progress | None = None,
    *,
    databases: Mapping[str, RealDatabase] | None = None,
) -> EvaluationSet:
    """Build and freeze a set, or load it if `out_dir` already holds exactly this one.

    Args:
        samples: Questions with golds; ids are unique.
        config: Dialect, databases and limits.
        out_dir: Folder of this one set; created if need be.
        progress: Called with (done, total); two steps a gold.
        databases: `Sample.schema_group` → the real database that such samples ask about
            (`sql_ft.data.layouts`). Samples of other groups get their schema from
            `Sample.context` and generated databases alone.

    Raises:
        EvaluationError: No samples, repeated ids, a sample that would have no database at
            all, or `out_dir` holds a damaged set or another one: a frozen set is never
            overwritten.
        SandboxError: No sandbox worker can be started.
    """
    databases = databases or {}
    _check(samples, config, databases)
    key = evaluation_set_key(samples, config, databases)
    stored_key = read_key(out_dir)
    if stored_key is not None:
        if stored_key != key:
            raise EvaluationError(
                f"{out_dir} holds another evaluation set (key {stored_key[:12]}, "
                f"these samples and settings give {key[:12]})",
                expected="an empty folder, or the same samples, settings and versions",
            )
        return load_evaluation_set(out_dir)
    report = progress or _silent
    golds = [merge_wordings(group) for group in group_wordings(samples)]
    total = 2 * len(golds)
    drafts = draft_all(golds, config, lambda done, _: report(done, total), databases)
    drafts = [_with_real(draft, databases) for draft in drafts]
    runnable = [draft for draft in drafts if not draft.item.exclusion]
    skipped = len(golds) - len(runnable)
    with Sandbox(sandbox_limits(config), workers=config.workers) as sandbox:
        results = sandbox.run(
            [_job(draft) for draft in runnable],
            lambda done, _: report(len(golds) + skipped + done, total),
        )
    audited = {
        draft.item.sample.id: _audit(draft, result)
        for draft, result in zip(runnable, results, strict=True)
    }
    report(total, total)
    found = {
        gold_key(draft.item.sample): audited.get(draft.item.sample.id, draft.item)
        for draft in drafts
    }
    items = tuple(dataclasses.replace(found[gold_key(s)], sample=s) for s in samples)
    evaluation_set = EvaluationSet(
        entries=items, dialect=config.dialect, key=key, distinct=config.distinct
    )
    for reason, ids in evaluation_set.excluded.items():
        logger.info("evaluation set: %d of %d excluded: %s", len(ids), len(items), reason)
    write_evaluation_set(evaluation_set, out_dir, engine_versions())
    return evaluation_set


def _check(
    samples: Sequence[Sample], config: EvaluationConfig, databases: Mapping[str, RealDatabase]
) -> None:
    if not samples:
        raise EvaluationError("no samples to evaluate on", expected="at least one sample")
    repeated = [sample_id for sample_id, n in Counter(s.id for s in samples).items() if n > 1]
    if repeated:
        raise EvaluationError(
            f"{len(repeated)} sample ids are repeated, first {repeated[0]}",
            expected="unique ids",
        )
    bare = [s.id for s in samples if s.schema_group not in databases]
    if bare and not config.databases_per_sample:
        raise EvaluationError(
            f"{len(bare)} samples have no real database, first {bare[0]}",
            setting="evaluation.databases_per_sample",
            expected="at least 1",
        )


def _with_real(draft: Draft, databases: Mapping[str, RealDatabase]) -> Draft:
    """The draft with the rows of its real database: one object for all samples on it."""
    item = draft.item
    if not any(database.name == REAL for database in item.databases):
        return draft
    real = databases[item.sample.schema_group].database
    whole = tuple(real if database.name == REAL else database for database in item.databases)
    return dataclasses.replace(draft, item=dataclasses.replace(item, databases=whole))


def _job(draft: Draft) -> Job:
    item = draft.item
    assert item.schema is not None  # a draft that is not excluded has one
    queries = {GOLD: item.gold_sql}
    if draft.no_where_sql:
        queries[NO_WHERE] = draft.no_where_sql
    return Job(id=item.sample.id, schema=item.schema, databases=item.databases, queries=queries)


def _audit(draft: Draft, result: JobResult) -> EvaluationItem:
    """Exclude a gold that fails, returns nothing, or is not told from its own projection."""
    item, results = _within_limits(draft.item, result.results)
    gold = results[GOLD]
    failed = next((r for r in gold if r.status != ExecutionStatus.OK), None)
    if failed is not None:
        reason = "harness" if failed.status == ExecutionStatus.HARNESS else "gold"
        return exclude(item, f"{reason}:{failed.status.value}", failed.error)
    if not any(r.rows and not _only_nulls(r) for r in gold):
        return exclude(item, "gold:no_rows", f"no rows on {len(gold)} databases")
    if draft.no_where_sql and not _differs(gold, results[NO_WHERE], item.ordered):
        return exclude(item, "gold:where_not_told", "the same result without its WHERE")
    if not item.deterministic:
        return exclude(
            item, "gold:nondeterministic", "the result depends on the order of stored rows"
        )
    return dataclasses.replace(item, gold_results=gold)


_BEYOND_LIMITS = (ExecutionStatus.TIMEOUT, ExecutionStatus.MEMORY, ExecutionStatus.TOO_MANY_ROWS)


def _within_limits(
    item: EvaluationItem, results: Mapping[str, tuple[ExecutionResult, ...]]
) -> tuple[EvaluationItem, dict[str, tuple[ExecutionResult, ...]]]:
    """Without a real database that is too large for the gold, if there are others."""
    kept = [
        place
        for place, (database, gold) in enumerate(zip(item.databases, results[GOLD], strict=True))
        if database.name != REAL or gold.status not in _BEYOND_LIMITS
    ]
    if not kept or len(kept) == len(item.databases):
        return item, dict(results)
    return (
        dataclasses.replace(item, databases=tuple(item.databases[i] for i in kept)),
        {key: tuple(found[i] for i in kept) for key, found in results.items()},
    )


def _only_nulls(result: ExecutionResult) -> bool:
    """A lone row of NULLs is what MAX over no rows returns: it proves nothing."""
    return len(result.rows) == 1 and all(value is None for value in result.rows[0])


def _differs(
    gold: Sequence[ExecutionResult], other: Sequence[ExecutionResult], ordered: bool
) -> bool:
    """True if some database tells the two queries apart; a failure tells nothing."""
    return any(
        o.status == ExecutionStatus.OK
        and not compare_results(g, o, ordered=ordered, rules=MatchRules(column_order="fixed")).equal
        for g, o in zip(gold, other, strict=True)
    )


def _silent(done: int, total: int) -> None:
    """Report nothing."""
