"""The flow behind `sql-ft predict` and the deployment ``batch-predict``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from prefect import State, flow
from prefect.logging import get_run_logger
from pydantic import Field

from flows.parameters import Overrides
from flows.repetition import begin_run
from sql_ft.config import RunConfig, override_config
from tasks.predict import predict_file


@flow(name="batch-predict", log_prints=False)
def batch_predict(
    config: RunConfig,
    input_file: Annotated[str, Field(min_length=1, description="parquet, csv, jsonl or json")],
    output_file: Annotated[str, Field(min_length=1, description="parquet, csv or jsonl")],
    overrides: Overrides = (),
    version: Annotated[
        str, Field(min_length=1, description="alias or number of the version that answers")
    ] = "champion",
) -> dict[str, Any] | State[Any]:
    """Answer every question of a file.

    Args:
        config: Names the registry.
        input_file: Columns question and context.
        output_file: The same rows with predicted_sql and more.
        overrides: Single settings over `config`.
        version: Alias or number.

    Returns:
        `serving.batch.BatchResult` as a dictionary.
    """
    if (ended := begin_run()) is not None:
        return ended
    config = override_config(config, overrides)
    result = predict_file(config, version, Path(input_file), Path(output_file))
    get_run_logger().info(
        "%d rows answered by %s, %d without SQL: %s",
        *(result.rows, result.model, result.without_sql, result.output),
    )
    return dataclasses.asdict(result)
