"""What every command on the registry begins with, and how it prints JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.logging_setup import configure_process
from sql_ft.config import RunConfig, load_config
from sql_ft.errors import TrackingError

if TYPE_CHECKING:
    from sql_ft.tracking.store import Store

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
VersionArgument = Annotated[
    str,
    typer.Argument(
        help="Number or alias (champion, candidate, previous).",
        metavar="VERSION|ALIAS",
        show_default=False,
    ),
]


@dataclasses.dataclass(frozen=True, slots=True)
class RegistryAccess:
    """The settings, the store they name, and the registered model in it."""

    config: RunConfig
    store: Store
    name: str


def open_registry(
    config: Path | None, overrides: Sequence[str] | None, *, verbose: bool = False
) -> RegistryAccess:
    """Open the registry that the settings name; never create one.

    Raises:
        ConfigError: The settings are wrong.
        TrackingError: There is no registry, or it does not answer.
    """
    settings = load_config(config, overrides or ())
    configure_process(verbose)
    from sql_ft.tracking.store import missing_sqlite_file, prepare_store

    missing = missing_sqlite_file(settings.resolved_tracking_uri)
    if missing is not None:
        raise TrackingError(
            f"there is no registry at {missing}",
            setting="state_dir, tracking.tracking_uri or MLFLOW_TRACKING_URI",
            expected="the registry of an earlier `sql-ft run`",
        )
    store = prepare_store(settings.resolved_tracking_uri, settings.state_path)
    return RegistryAccess(settings, store, settings.tracking.registered_model_name)


def print_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
