"""Parameters that flows share, as Prefect's form and API show and check them."""

from __future__ import annotations

from typing import Annotated

from prefect.runtime import flow_run
from pydantic import Field

from sql_ft.config import RunConfig, override_config

Overrides = Annotated[
    tuple[Annotated[str, Field(pattern=r"^\w+(\.\w+)*=")], ...],
    Field(
        description="single settings over `config`, each section.key=value, as `sql-ft run --set`"
    ),
]


def run_config() -> RunConfig:
    """The configuration of the flow run that is being named, its overrides applied."""
    config = flow_run.parameters.get("config") or RunConfig()
    if not isinstance(config, RunConfig):
        config = RunConfig.model_validate(config)
    return override_config(config, flow_run.parameters.get("overrides") or ())
