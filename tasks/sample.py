"""Draw training and evaluation rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.stage_cache import code_digest, open_stage, stage_key
from tasks.policies import BACK_OFF_S, cache_key_from_parameter, retry_if_transient


@task(
    name="resolve-base",
    retries=2,
    retry_delay_seconds=BACK_OFF_S[:2],
    retry_condition_fn=retry_if_transient,
    timeout_seconds=3600,
)
def resolve_base(config: RunConfig) -> dict[str, Any]:
    """Find the base model and pin its revision, before anything expensive starts."""
    from sql_ft.base_model import hash_base_ahead, resolve_model

    resolved = resolve_model(config.model)
    if not resolved.is_local:
        # Registering wants the hash of a hub's snapshot too.
        hash_base_ahead(Path(resolved.path_or_id))
    get_run_logger().info("base model %s at %s", resolved.label, resolved.revision[:12])
    return {"label": resolved.label, "revision": resolved.revision}


def sample_key(config: RunConfig, base: dict[str, Any], *, hold_out: bool = False) -> str | None:
    """Content key of the split; None where the source cannot be pinned beforehand."""
    from sql_ft.data.fingerprint import manifest_digest, source_fingerprint

    source = source_fingerprint(config.data)
    if source is None:
        return None
    return stage_key(
        source=source,
        data=config.data.model_dump(mode="json"),
        manifest=manifest_digest(config),
        tokenizer=base,
        state=str(config.state_path),
        code=code_digest("data", "base_model"),
        **_held_out(config, hold_out),
    )


def _held_out(config: RunConfig, hold_out: bool) -> dict[str, Any]:
    """What a key says of the validation part; nothing where there is none."""
    if not hold_out:
        return {}
    return {
        name: value
        for name, value in config.sweep.model_dump(mode="json").items()
        if name.startswith("validation_")
    }


@task(
    name="sample",
    cache_key_fn=cache_key_from_parameter,
    persist_result=True,
    result_serializer="json",
    retries=2,
    retry_delay_seconds=BACK_OFF_S[:2],
    retry_condition_fn=retry_if_transient,
    timeout_seconds=3600,
)
def sample_dataset(
    config: RunConfig, base: dict[str, Any], cache_key: str | None, hold_out: bool = False
) -> dict[str, Any]:
    """Write `train.jsonl` and `eval.jsonl`; no schema stands on both sides.

    With `hold_out` also `validation.jsonl`, cut from the training side for a sweep.

    Without a cache key (a hub branch, which may have moved) the folder is named after the
    settings alone and written anew.
    """
    from sql_ft.base_model import load_tokenizer
    from sql_ft.data.prepare import prepare_dataset

    logger = get_run_logger()
    folder = cache_key or stage_key(
        data=config.data.model_dump(mode="json"), base=base, **_held_out(config, hold_out)
    )
    with open_stage(config.state_path, "datasets", folder) as stage:
        prepared = prepare_dataset(
            config,
            load_tokenizer(config.model),
            stage.path,
            hold_out=config.sweep if hold_out else None,
        )
        result = stage.complete(dataclasses.asdict(prepared))
    rows, split = prepared.profile["rows"], prepared.profile["split"]
    logger.info(
        "%d training rows of %d schemas, %d evaluation rows of %d others (%s)",
        rows["train"],
        rows["train_groups"],
        rows["eval"],
        rows["eval_groups"],
        split["groups_from"],
    )
    return result
