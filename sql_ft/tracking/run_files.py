"""Files of old MLflow runs that no decision, no score and no champion needs.

Only reports, plots and copies of profiles are ever taken away: never the run itself, never a
registered version, never a recorded decision or a table of verdicts. What is on the page of a
run that led to a champion stays whole.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.runs import PARENT_TAG, attach_run
from sql_ft.tracking.scores import scores_of
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import (
    CHAMPION,
    PREVIOUS,
    RegisteredVersion,
    aliases_of,
    list_versions,
)

PRUNED_TAG = "sql_ft.pruned"
#: Parameter of a run that says which registered model it worked for.
MODEL_PARAM = "tracking.registered_model_name"
_FOLDERS = ("report", "plots", "data", "sweep")
_RUNNING = ("RUNNING", "SCHEDULED")


@dataclasses.dataclass(frozen=True, slots=True)
class RunFiles:
    """Artifact folders of one run.

    Attributes:
        run_id: MLflow's id.
        name: Of the run.
        folders: Artifact paths.
        size_bytes: Of all files in them.
        ended_at: Seconds since the epoch.
    """

    run_id: str
    name: str
    folders: tuple[str, ...]
    size_bytes: int
    ended_at: float


@dataclasses.dataclass(frozen=True, slots=True)
class RegistryNeeds:
    """What versions of the registry need of files that lie outside it.

    Attributes:
        run_ids: Runs that trained, decided on or scored a present or former champion.
        evaluation_sets: Hashes of the sets they were judged on.
        aliased: Numbers of the versions that an alias points to.
    """

    run_ids: frozenset[str]
    evaluation_sets: frozenset[str]
    aliased: frozenset[str]


def registry_needs(store: Store, name: str) -> RegistryNeeds:
    """Ask the registry; empty if the model does not exist yet.

    Raises:
        TrackingError: The store does not answer.
    """
    versions = list_versions(store, name)
    aliases = aliases_of(store, name) if versions else {}
    aliased = frozenset(str(number) for number in aliases.values())
    live = {str(aliases[a]) for a in (CHAMPION, PREVIOUS) if a in aliases}
    run_ids: set[str] = set()
    sets: set[str] = set()
    for version in versions:
        decisions = decisions_of(version)
        if version.version not in live and not any(d.get("promote") for d in decisions):
            continue
        scores = scores_of(version)
        run_ids |= {version.run_id, *(str(d["run_id"]) for d in decisions)}
        run_ids |= {score.run_id for score in scores}
        sets |= {score.evaluation_set_hash for score in scores}
        sets |= {_set_of(version), *(str(d.get("evaluation_set_hash", "")) for d in decisions)}
    return RegistryNeeds(frozenset(run_ids - {""}), frozenset(sets - {""}), aliased)


def _set_of(version: RegisteredVersion) -> str:
    return version.tags.get("evaluation_set_hash", "")


def last_runs_start(store: Store, experiment: str, count: int) -> float:
    """When the oldest of the last `count` runs began, seconds since the epoch; 0 if fewer.

    Children of a sweep are part of theirs.

    Raises:
        TrackingError: The store does not answer.
    """
    started = 0.0
    whole = (run for run in _runs(store, experiment) if PARENT_TAG not in run.data.tags)
    for found, run in enumerate(whole, start=1):
        started = float(run.info.start_time) / 1000.0
        if found == count:
            return started
    return 0.0


def list_run_files(
    store: Store, experiment: str, name: str, *, ended_before: float, needed: frozenset[str]
) -> list[RunFiles]:
    """Reports and plots of runs that ended before a time and that nothing needs.

    Args:
        store: From `prepare_store`.
        experiment: Whose runs are looked at, children of sweeps included.
        name: Registered model that the runs worked for; those of other models stay.
        ended_before: Seconds since the epoch.
        needed: Ids of runs that stay whole.

    Raises:
        TrackingError: The store does not answer.
    """
    client = store.client()
    found: list[RunFiles] = []
    if ended_before <= 0:
        return found
    # A run that is still open has no end.
    old = (
        f"attributes.end_time < {int(ended_before * 1000)} AND attributes.end_time > 0 "
        f"AND params.`{MODEL_PARAM}` = '{name}'"
    )
    for run in _runs(store, experiment, condition=old):
        ended = float(run.info.end_time) / 1000.0
        run_id = str(run.info.run_id)
        if run.info.status in _RUNNING or run_id in needed or PRUNED_TAG in run.data.tags:
            continue
        sizes = {folder: _folder_bytes(store, client, run_id, folder) for folder in _FOLDERS}
        folders = tuple(folder for folder, size in sizes.items() if size is not None)
        if folders:
            size = sum(value or 0 for value in sizes.values())
            found.append(RunFiles(run_id, str(run.info.run_name), folders, size, ended))
    return found


def delete_run_files(store: Store, files: RunFiles, when: str) -> None:
    """Delete the folders and say so on the run.

    Args:
        store: From `prepare_store`.
        files: Of `list_run_files`.
        when: For the run's page, e.g. ``2026-11-24``.

    Raises:
        TrackingError: The artifact store refused.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with tracking_errors(f"cannot prune run {files.run_id}", store):
        uri = str(store.client().get_run(files.run_id).info.artifact_uri)
        repository = get_artifact_repository(uri)
        for folder in files.folders:
            repository.delete_artifacts(folder)
    attach_run(store, files.run_id).set_tags(
        {PRUNED_TAG: json.dumps({"at": when, "folders": list(files.folders)})}
    )


def _runs(store: Store, experiment: str, condition: str = "") -> Iterator[Any]:
    """Runs of the experiment, newest first, a page at a time."""
    client = store.client()
    experiment_id = store.experiment_id(experiment)
    token: str | None = None
    while True:
        with tracking_errors("cannot list the runs", store):
            page = client.search_runs(
                [experiment_id],
                filter_string=condition,
                order_by=["attributes.start_time DESC"],
                page_token=token,
                max_results=50,
            )
        yield from page
        token = page.token
        if not token:
            return


def _folder_bytes(store: Store, client: Any, run_id: str, folder: str) -> int | None:
    """Size of an artifact folder; None if there is none."""
    with tracking_errors(f"cannot list the files of run {run_id}", store):
        entries = client.list_artifacts(run_id, folder)
    if not entries:
        return None
    return sum(
        (_folder_bytes(store, client, run_id, entry.path) or 0)
        if entry.is_dir
        else int(entry.file_size or 0)
        for entry in entries
    )
