"""An unchanged week ends before it begins: nothing new, nothing to train."""

from __future__ import annotations

from typing import Any

from prefect import State, task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.states import Completed

from sql_ft.config import RunConfig
from sql_ft.errors import SqlFtError
from tasks.announce import artifact_key, model_resource
from tasks.policies import BACK_OFF_S, retry_if_transient

#: Version tag: the key of the run that judged this version last.
INPUTS_TAG = "inputs_key"

#: Name of the completed state of a run that had nothing to do.
NOTHING_NEW = "NothingNew"


def inputs_key(config: RunConfig) -> str | None:
    """Hash of data, settings, code and base revision; None where one cannot be pinned.

    Taken before the data is read: rows that arrive meanwhile make the next key differ, so
    they are never missed.
    """
    from sql_ft.inputs import hash_inputs

    try:
        return hash_inputs(config)
    except SqlFtError as error:
        # The run meets the same error where it belongs, and records it.
        get_run_logger().info("inputs cannot be compared with earlier ones: %s", error.message)
        return None


@task(
    name="find-unchanged",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def find_unchanged(config: RunConfig, key: str | None) -> str | None:
    """Return the version that a run with the same inputs ended in, None if there is none."""
    from sql_ft.tracking.registry import list_versions
    from sql_ft.tracking.store import prepare_store

    if key is None:
        return None
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    found = list_versions(store, config.tracking.registered_model_name)
    return next((v.version for v in found if v.tags.get(INPUTS_TAG) == key), None)


@task(
    name="remember-inputs",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def remember_inputs(config: RunConfig, version: dict[str, Any], key: str | None) -> None:
    """Tag the version with the inputs that led to it; the last act of a whole run."""
    from sql_ft.tracking.registry import set_version_tags
    from sql_ft.tracking.store import prepare_store

    if key is not None:
        store = prepare_store(config.resolved_tracking_uri, config.state_path)
        set_version_tags(store, version["name"], version["version"], {INPUTS_TAG: key})


def nothing_new(config: RunConfig, version: str) -> State[Any]:
    """Say so where people look, and return the run's final state."""
    name = config.tracking.registered_model_name
    message = (
        f"nothing new since v{version}: data, settings, code and base are those that made it; "
        "force=true runs all the same"
    )
    get_run_logger().info("%s", message)
    create_markdown_artifact(
        key=artifact_key(config), markdown=f"# {name}\n\n{message}\n", description=message
    )
    emit_event(
        "sql_ft.run.skipped",
        resource=model_resource(config),
        payload={"version": version, "reason": message},
    )
    return Completed(name=NOTHING_NEW, message=message)
