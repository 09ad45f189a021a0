"""Look, decide, remove: the retention policy applied to one `state_dir`."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError
from sql_ft.retention.inventory import TRASH, Item, Kind, list_items
from sql_ft.retention.policy import Needed, Plan, Removal, plan_removals
from sql_ft.state_lock import own_state
from sql_ft.tracking.run_files import (
    RunFiles,
    delete_run_files,
    last_runs_start,
    list_run_files,
    registry_needs,
)
from sql_ft.tracking.store import Store

logger = logging.getLogger(__name__)

_DAY_S = 86_400.0


@dataclasses.dataclass(frozen=True, slots=True)
class Pruning:
    """What goes, or went.

    Attributes:
        plan: Of the files in `state_dir`.
        run_files: Of MLflow runs.
        run_files_days: The setting that the latter are older than.
    """

    plan: Plan
    run_files: tuple[RunFiles, ...]
    run_files_days: float

    @property
    def removals(self) -> tuple[Removal, ...]:
        """All of it as one list, files of runs last."""
        return (*self.plan.removals, *(_as_removal(f, self.run_files_days) for f in self.run_files))

    @property
    def freed_bytes(self) -> int:
        """What it frees."""
        return sum(removal.item.size_bytes for removal in self.removals)


def plan_pruning(store: Store, config: RunConfig, now: float | None = None) -> Pruning:
    """Say what would go. Changes nothing.

    Args:
        store: From `prepare_store`.
        config: `retention`, `tracking` and `state_dir`.
        now: Seconds since the epoch; default: the clock's.

    Raises:
        TrackingError: The registry does not answer: what it needs is not known then.
    """
    now = time.time() if now is None else now
    policy, tracking = config.retention, config.tracking
    registry = registry_needs(store, tracking.registered_model_name)
    since = last_runs_start(store, tracking.experiment, policy.keep_last_runs)
    needed = Needed(
        used_since=since,
        evaluation_sets=registry.evaluation_sets,
        fetched=frozenset(
            f"registry/{tracking.registered_model_name}/version-{number}"
            for number in registry.aliased
        ),
    )
    run_files = list_run_files(
        store,
        tracking.experiment,
        tracking.registered_model_name,
        ended_before=min(now - policy.run_files_days * _DAY_S, since),
        needed=registry.run_ids,
    )
    plan = plan_removals(list_items(config.state_path), policy, needed, now)
    return Pruning(plan, tuple(run_files), policy.run_files_days)


def prune_state(store: Store, config: RunConfig) -> Pruning | None:
    """Remove what the policy says, unless a run uses the folder.

    Files are moved aside while nothing runs and deleted after: a run that starts meanwhile
    finds a kept result whole or not at all.

    Returns:
        What went; None if a run uses `state_dir`: nothing was touched.

    Raises:
        TrackingError: The registry does not answer.
        ConfigError: `state_dir` cannot be written.
    """
    with own_state(config.state_path) as alone:
        if not alone:
            return None
        pruning = plan_pruning(store, config)
        trash = config.state_path / TRASH
        for item in _inner_first(removal.item for removal in pruning.plan.removals):
            _move_aside(item, trash)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        for files in pruning.run_files:
            delete_run_files(store, files, today)
    shutil.rmtree(trash, ignore_errors=True)
    if pruning.plan.over_limit_bytes:
        logger.warning(
            "caches hold %.2f GB more than retention.cache_max_gb: the last %d runs and the "
            "champions need them",
            pruning.plan.over_limit_bytes / 1e9,
            config.retention.keep_last_runs,
        )
    return pruning


def _inner_first(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: item.path, reverse=True)


def _move_aside(item: Item, trash: Path) -> None:
    for path in item.paths:
        if path.parent == trash:
            continue
        try:
            trash.mkdir(exist_ok=True)
            path.rename(trash / f"{uuid.uuid4().hex[:12]}-{path.name}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(
                f"cannot prune {path}: {error.strerror or error}",
                setting="state_dir",
                expected="a folder this user can write",
            ) from error


def _as_removal(files: RunFiles, days: float) -> Removal:
    item = Item(
        Kind.RUN_FILES,
        f"run {files.run_id}: {', '.join(files.folders)}",
        (),
        files.size_bytes,
        files.ended_at,
    )
    return Removal(item, f"older than {days:g} days, its adapter was never champion")
