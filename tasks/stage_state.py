"""Is a stage's output still there? Decides whether Prefect's cached result may be used."""

from __future__ import annotations

from sql_ft.config import RunConfig
from sql_ft.stage_cache import read_result, stage_path


def is_complete(config: RunConfig, stage: str, key: str | None) -> bool:
    """True if the stage's folder holds a finished result.

    Prefect's result store and the stage folders can be deleted one without the other; a
    cached path to a folder that is gone would fail far from its cause.
    """
    if key is None:
        return False
    return read_result(stage_path(config.state_path, stage, key)) is not None
