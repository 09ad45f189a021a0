"""Answers of one version to a file of questions."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from sql_ft.config import RunConfig
from sql_ft.serving.batch import BatchResult
from tasks.policies import GPU_TAGS, retry_if_transient
from tasks.progress import report_progress


@task(
    name="predict",
    tags=GPU_TAGS,
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=6 * 3600,
)
def predict_file(config: RunConfig, version: str, source: Path, output: Path) -> BatchResult:
    """Load a version and answer every row."""
    from sql_ft.serving import batch
    from sql_ft.serving.predictor import Predictor

    if version.isdigit():
        predictor = Predictor.from_version(version, config)
    else:
        predictor = Predictor.from_alias(version, config)
    with report_progress("answering", "questions") as progress:
        return batch.predict_file(predictor, source, output, progress=progress)
