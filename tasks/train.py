"""Train the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.stage_cache import code_digest, open_stage, stage_key
from tasks.policies import BACK_OFF_S, GPU_TAGS, cache_key_from_parameter, retry_training
from tasks.progress import report_progress


def training_key(config: RunConfig, base: dict[str, Any], dataset: dict[str, Any]) -> str:
    """Content key of an adapter: rows, base, hyperparameters and code."""
    return stage_key(
        train=dataset["train_hash"],
        base=base,
        model=config.model.model_dump(mode="json"),
        settings=config.train.model_dump(mode="json", exclude={"timeout_s", "logging_steps"}),
        max_length=config.data.max_length,
        state=str(config.state_path),
        code=code_digest("training", "base_model", "data"),
    )


@task(
    name="train",
    tags=GPU_TAGS,
    cache_key_fn=cache_key_from_parameter,
    persist_result=True,
    result_serializer="json",
    # Each attempt resumes from the last checkpoint.
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_training,
)
def train_adapter(
    config: RunConfig,
    dataset: dict[str, Any],
    run_id: str,
    cache_key: str,
    register_next: bool = False,
) -> dict[str, Any]:
    """QLoRA-train in a child process; an interrupted training continues from its checkpoint.

    With `register_next` the process that will load the version back starts beside it: of the
    two cores of a small machine one is idle while the training process imports.
    """
    from sql_ft.tracking.fresh_process import start_ahead
    from sql_ft.tracking.runs import attach_run
    from sql_ft.tracking.store import patient, prepare_store
    from sql_ft.training.trainer import train_adapter as train

    logger = get_run_logger()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with open_stage(config.state_path, "training", cache_key) as stage:
        if (done := stage.result) is not None and Path(done["adapter_dir"]).is_dir():
            logger.info("adapter %s is already trained", done["adapter_hash"][:12])
            return done
        if register_next:
            start_ahead(store)
        with (
            patient(),
            attach_run(store, run_id) as sink,
            report_progress("training", "steps") as progress,
        ):
            result = train(config, Path(dataset["train_path"]), stage.path, sink, progress)
        logger.info(
            "adapter %s: %s trainable parameters, %.2f MB, %.0f tokens/s, %.0f s",
            result.adapter_hash[:12],
            f"{result.trainable_parameters:,}",
            result.adapter_bytes / 1e6,
            result.tokens_per_second,
            result.wall_time_s,
        )
        return stage.complete(result.to_dict())
