"""Put the trained adapter into the model registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from tasks.policies import BACK_OFF_S, retry_if_transient


@task(
    name="register",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=1800,
)
def register_adapter(
    config: RunConfig,
    run_id: str,
    base: dict[str, Any],
    dataset: dict[str, Any],
    evaluation_set: dict[str, Any],
    adapter: dict[str, Any],
) -> dict[str, Any]:
    """Register adapter and tokenizer, never the base; one version per adapter hash."""
    from sql_ft.tracking.registry import register_adapter as register
    from sql_ft.tracking.registry import set_alias
    from sql_ft.tracking.store import prepare_store
    from tasks.registry_lock import registration_lock

    logger = get_run_logger()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    version = register(
        store,
        run_id,
        Path(adapter["adapter_dir"]),
        name,
        config=config,
        base_revision=base["revision"],
        keep_process=True,
        tags={
            "dataset_digest": dataset["digest"],
            "dataset_origin": dataset["profile"]["source"]["origin"],
            "train_hash": dataset["train_hash"],
            "evaluation_set_hash": evaluation_set["hash"],
            "config_hash": config.hash,
            "train_settings": json.dumps(config.train.model_dump(mode="json")),
        },
        lock=registration_lock(config, store),
    )
    set_alias(store, name, "candidate", version.version)
    logger.info(
        "%s version %s (%s)",
        name,
        version.version,
        "new" if version.created else "already registered for this adapter",
    )
    return {
        "name": name,
        "version": version.version,
        "adapter_hash": version.adapter_hash,
        "created": version.created,
        "uri": version.uri,
        "model_id": version.model_id,
    }
