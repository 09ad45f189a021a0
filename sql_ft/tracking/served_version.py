"""A registered version, ready to be loaded: its adapter on this disk, its base found."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from sql_ft.base_model import ResolvedModel
from sql_ft.config import GenerationConfig, ModelConfig, RunConfig, parse_config
from sql_ft.errors import AliasNotSetError, TrackingError
from sql_ft.tracking.registry import download_adapter
from sql_ft.tracking.served_base import locate_base
from sql_ft.tracking.store import Store, missing_sqlite_file, prepare_store, tracking_errors
from sql_ft.tracking.versions import aliases_of, find_version


@dataclasses.dataclass(frozen=True, slots=True)
class ServedVersion:
    """What is needed to answer as a version does.

    Attributes:
        name: Registered model.
        version: Number, as text.
        adapter_dir: Its adapter, checked against the registered hash.
        model: Loads the base that it was trained on.
        generation: How it decoded when it was judged.
        base: That base.
    """

    name: str
    version: str
    adapter_dir: Path
    model: ModelConfig
    generation: GenerationConfig
    base: ResolvedModel


@dataclasses.dataclass(frozen=True, slots=True)
class Registry:
    """A registered model that exists."""

    store: Store
    name: str

    def number_of(self, alias: str) -> str:
        """Number of the version that an alias points to now.

        Raises:
            AliasNotSetError: It points nowhere.
            TrackingError: The registry does not answer.
        """
        aliases = aliases_of(self.store, self.name)
        if alias not in aliases:
            raise AliasNotSetError(
                f"registered model {self.name!r} has no alias {alias!r}",
                setting="tracking.registered_model_name",
                expected=", ".join(sorted(aliases)) or "a version that has been promoted",
            )
        return aliases[alias]

    def fetch(self, reference: str) -> ServedVersion:
        """Bring a version here, by number or alias.

        Raises:
            TrackingError: There is no such version, or its files cannot be fetched.
            ModelError: Its files are not as registered, or its base is not here.
        """
        store, name = self.store, self.name
        version = find_version(store, name, reference)
        # The folder that the flows use: what was judged here is not fetched again.
        folder = store.state_dir / "registry" / name / f"version-{version.version}"
        with store.lock(f"fetch-{name}-{version.version}"):
            adapter = download_adapter(store, name, version.version, folder)
            settings = _read_settings(store, name, version.version, version.source)
        config = parse_config({"model": settings["model"], "generation": settings["generation"]})
        model, base = locate_base(config.model, settings["base"])
        return ServedVersion(name, version.version, adapter.path, model, config.generation, base)


def open_existing(
    config: RunConfig, *, tracking_uri: str | None = None, name: str | None = None
) -> Registry:
    """Open the registry that the settings name; never create one.

    Raises:
        TrackingError: There is none, or it does not answer.
    """
    uri = tracking_uri or config.resolved_tracking_uri
    missing = missing_sqlite_file(uri)
    if missing is not None:
        raise TrackingError(
            f"there is no registry at {missing}",
            setting="state_dir, tracking.tracking_uri or MLFLOW_TRACKING_URI",
            expected="the registry of an earlier `sql-ft run`",
        )
    store = prepare_store(uri, config.state_path)
    return Registry(store, name or config.tracking.registered_model_name)


def _read_settings(store: Store, name: str, version: str, source: str) -> dict[str, Any]:
    import mlflow.artifacts

    with (
        tempfile.TemporaryDirectory(prefix="sql-ft-serving-") as work,
        tracking_errors(f"cannot fetch version {version} of {name!r}", store),
    ):
        fetched = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{source.rstrip('/')}/artifacts/serving.json",
            dst_path=work,
            tracking_uri=store.tracking_uri,
        )
        settings: dict[str, Any] = json.loads(Path(fetched).read_text(encoding="utf-8"))
    return settings
