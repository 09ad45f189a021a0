"""The `retention` section of the configuration; see `sql_ft.config` and `sql_ft.retention`."""

from __future__ import annotations

from pydantic import Field

from sql_ft.config_section import Section


class RetentionConfig(Section):
    """What is pruned from `state_dir`, and when.

    Nothing that the last `keep_last_runs` runs used is ever pruned, nor a registered version,
    a decision, a manifest, a frozen question, or what the champion and former champions need.
    """

    after_run: bool = Field(True, description="prune at the end of every run")
    keep_last_runs: int = Field(
        5, ge=1, le=10_000, description="everything that these runs used stays"
    )
    cache_days: float = Field(
        30.0,
        ge=0.0,
        le=36_500.0,
        description="stage outputs, answers, verdicts, fetched adapters and local reports that "
        "were not used for so long go; they can be made again",
    )
    cache_max_gb: float = Field(
        50.0,
        ge=0.0,
        le=1_000_000.0,
        description="GB (1e9 bytes) of them; above it the longest unused go first",
    )
    checkpoint_days: float = Field(
        14.0,
        ge=0.0,
        le=36_500.0,
        description="checkpoints of an unfinished training stay so long after its last step; "
        "those of a finished training go at once",
    )
    run_files_days: float = Field(
        180.0,
        ge=0.0,
        le=36_500.0,
        description="reports and plots of MLflow runs whose adapter was never champion",
    )
    staging_hours: float = Field(
        24.0, ge=0.0, le=8760.0, description="half-written files and folders that nobody finished"
    )
