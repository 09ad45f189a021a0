"""Registered versions: one per adapter hash, verified before they exist."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.errors import ModelError, TrackingError
from sql_ft.tracking import provenance
from sql_ft.tracking.fresh_process import kept_process, verify_loads
from sql_ft.tracking.model_package import Base, identify_base, save_package
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import (
    CANDIDATE,
    CHAMPION,
    PREVIOUS,
    RegisteredVersion,
    aliases_of,
    find_by_adapter_hash,
    get_alias,
    get_version,
    list_versions,
    set_alias,
    set_version_tags,
)

__all__ = [
    "CANDIDATE",
    "CHAMPION",
    "KNOWN_TAGS",
    "PREVIOUS",
    "DownloadedAdapter",
    "RegisteredVersion",
    "download_adapter",
    "find_by_adapter_hash",
    "get_alias",
    "get_version",
    "list_versions",
    "register_adapter",
    "set_alias",
    "set_version_tags",
    "version_tags",
]

logger = logging.getLogger(__name__)

#: Tags that a caller should give, as far as it knows them.
KNOWN_TAGS = ("dataset_digest", "train_hash", "eval_hash", "evaluation_set_hash", "config_hash")

_EXAMPLE = {
    "context": "CREATE TABLE employee (name VARCHAR, age INTEGER)",
    "question": "How many employees are older than 56?",
}
_ALREADY_EXISTS = {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}


@dataclasses.dataclass(frozen=True, slots=True)
class DownloadedAdapter:
    """An adapter folder that came out of the registry, its hash checked."""

    path: Path
    version: RegisteredVersion


def register_adapter(
    store: Store,
    run_id: str,
    adapter_dir: Path,
    name: str,
    *,
    config: RunConfig,
    base_revision: str | None = None,
    tags: Mapping[str, str] | None = None,
    input_example: Mapping[str, str] | None = None,
    verify: bool = True,
    keep_process: bool = False,
    lock: AbstractContextManager[Any] | None = None,
) -> RegisteredVersion:
    """Register an adapter, or return the version that already holds it.

    The model is written and loaded back in a fresh process first; only then does a
    version come into being, complete with its tags. MLflow alone would register a model
    that cannot be loaded.

    Args:
        store: From `prepare_store`.
        run_id: Run that trained it.
        adapter_dir: Adapter and tokenizer; anything else is left behind or refused.
        name: Registered model; created if need be.
        config: Says which base is served, how it is held and how it decodes.
        base_revision: `ResolvedModel.revision` seen before training.
        tags: See `KNOWN_TAGS`; base, adapter hash, commit and package versions are added.
        input_example: One row with context and question.
        verify: Load it back before registering.
        keep_process: Keep the process that loaded it back for later checks of the same
            version; see `fresh_process.kept_process`.
        lock: Held while registering; by default one among the processes of this host.

    Raises:
        ModelError: Not a LoRA adapter, the base has changed, or it does not load back.
        TrackingError: The store does not answer or refused.
    """
    from sql_ft.training.adapter import hash_adapter

    adapter_dir = Path(adapter_dir)
    if not adapter_dir.is_dir():
        raise ModelError(f"no adapter folder at {adapter_dir}")
    adapter_hash = hash_adapter(adapter_dir)
    with lock or store.lock(f"register-{name}"):
        known = find_by_adapter_hash(store, name, adapter_hash)
        if known is not None:
            logger.info("version %s already holds adapter %s", known.version, adapter_hash[:12])
            return known
        if verify and keep_process:
            # It starts and imports its libraries while the version is written.
            kept_process(store, adapter_hash)
        base = identify_base(config.model, revision=base_revision)
        all_tags = {
            **{key: str(value) for key, value in (tags or {}).items()},
            **version_tags(config, base, adapter_hash),
        }
        model = _log_model(
            store,
            run_id,
            adapter_dir,
            name,
            config=config,
            base=base,
            adapter_hash=adapter_hash,
            tags=all_tags,
            input_example=input_example or _EXAMPLE,
            verify=verify,
            keep_process=keep_process,
        )
        return _create_version(store, name, run_id, model, all_tags)


def version_tags(config: RunConfig, base: Base, adapter_hash: str) -> dict[str, str]:
    """Tags that every version carries."""
    return {
        "adapter_hash": adapter_hash,
        "base_model": base.label,
        "base_revision": base.revision,
        "base_content_hash": base.content_hash,
        "quantization": config.model.quantization,
        "config_hash": config.hash,
        "config_name": config.name,
        "git_commit": provenance.git_commit(),
        "package_versions": json.dumps(provenance.package_versions()),
    }


def download_adapter(store: Store, name: str, reference: str, dst: Path) -> DownloadedAdapter:
    """Fetch a version's adapter folder and check that it is the one that was registered.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        reference: An alias, or a version number.
        dst: Folder to create; one that already holds this adapter is used as it is.

    Raises:
        TrackingError: No such version, or its files cannot be fetched.
        ModelError: The files are not the adapter that was registered.
    """
    import mlflow.artifacts

    from sql_ft.training.adapter import hash_adapter

    version = (
        get_version(store, name, reference)
        if reference.isdigit()
        else get_alias(store, name, reference)
    )
    if version is None:
        raise TrackingError(
            f"registered model {name!r} has no alias {reference!r}",
            setting="tracking.registered_model_name",
            expected=f"one of {', '.join(sorted(aliases_of(store, name))) or 'none set yet'}",
        )
    if dst.is_dir() and hash_adapter(dst) == version.adapter_hash:
        return DownloadedAdapter(dst, version)
    dst.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{dst.name}.", dir=dst.parent) as work:
        with tracking_errors(f"cannot fetch version {version.version} of {name!r}", store):
            fetched = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{version.source.rstrip('/')}/artifacts/adapter",
                dst_path=work,
                tracking_uri=store.tracking_uri,
            )
        found = hash_adapter(Path(fetched))
        if found != version.adapter_hash:
            raise ModelError(
                f"version {version.version} of {name!r} holds adapter {found[:16]}",
                expected=f"{version.adapter_hash[:16]}, as registered",
            )
        if dst.exists():
            shutil.rmtree(dst)
        Path(fetched).rename(dst)
    return DownloadedAdapter(dst, version)


def _log_model(
    store: Store,
    run_id: str,
    adapter_dir: Path,
    name: str,
    *,
    config: RunConfig,
    base: Base,
    adapter_hash: str,
    tags: Mapping[str, str],
    input_example: Mapping[str, str],
    verify: bool,
    keep_process: bool,
) -> Any:
    """Store the model's files with the run, load them back, and mark the model READY."""
    from mlflow.entities import LoggedModelOutput

    client = store.client()
    with tracking_errors("cannot create the logged model", store):
        experiment_id = client.get_run(run_id).info.experiment_id
        model = client.create_logged_model(
            experiment_id,
            name=name,
            source_run_id=run_id,
            tags={key: value[:5000] for key, value in tags.items()},
            model_type="text-to-sql adapter",
        )
    try:
        with tempfile.TemporaryDirectory(prefix="sql-ft-model-") as work:
            package = Path(work, "model")
            with tracking_errors("cannot write the model", store):
                save_package(
                    package,
                    adapter_dir,
                    config=config,
                    base=base,
                    adapter_hash=adapter_hash,
                    input_example=input_example,
                    run_id=run_id,
                    model=model,
                )
                client.log_model_artifacts(model.model_id, str(package))
        if verify:
            verify_loads(store, model.model_id, adapter_hash, base, keep=keep_process)
    except BaseException:
        # What failed goes on; that the model is unusable is worth recording, no more.
        with contextlib.suppress(TrackingError), tracking_errors("cannot mark the model", store):
            client.finalize_logged_model(model.model_id, "FAILED")
        raise
    with tracking_errors("cannot finish the logged model", store):
        client.finalize_logged_model(model.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model


def _create_version(
    store: Store, name: str, run_id: str, model: Any, tags: Mapping[str, str]
) -> RegisteredVersion:
    from mlflow.exceptions import MlflowException

    client = store.client()
    # A database store forgets the model's id; the page of the version shows tags anyway.
    tags = {**tags, "model_id": model.model_id}
    with tracking_errors(f"cannot register a version of {name!r}", store):
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code not in _ALREADY_EXISTS:
                raise
        entity = client.create_model_version(
            name,
            source=model.artifact_location,
            run_id=run_id,
            model_id=model.model_id,
            tags=tags,
            await_creation_for=0,
        )
        # What mlflow.register_model adds, so that the pages link to each other.
        client.set_logged_model_tags(
            model.model_id,
            {"mlflow.modelVersions": json.dumps([{"name": name, "version": entity.version}])},
        )
    return dataclasses.replace(get_version(store, name, str(entity.version)), created=True)
