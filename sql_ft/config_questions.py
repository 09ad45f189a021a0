"""Questions other than the configuration's own: parameters of the flow `evaluate`.

They are no part of `RunConfig`: what a version is asked later changes nothing in how it was
trained, so it must not change the settings' hash.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sql_ft.config_section import Section

Layout = Literal["sql-create-context", "spider", "bird", "wikisql"]


class BenchmarkConfig(Section):
    """Published questions: a file or folder in a known layout, or a dataset on the hub."""

    path: str | None = Field(
        None,
        description="questions file, or the folder that holds it and its databases",
    )
    hub_id: str | None = Field(
        None, description="dataset on the hub in sql-create-context's form, instead of path"
    )
    hub_revision: str = Field("main", description="commit; a branch is resolved and recorded")
    layout: Layout = Field("sql-create-context", description="form of the questions")
    rows: int | None = Field(
        None, ge=1, description="ask a seeded sample of this many; default: every question"
    )
    seed: int = Field(42, ge=0, le=2**32 - 1, description="of that sample")

    @model_validator(mode="after")
    def _one_place(self) -> BenchmarkConfig:
        if (self.path is None) == (self.hub_id is None):
            raise ValueError("exactly one of benchmark.path and benchmark.hub_id is required")
        if self.hub_id is not None and self.layout != "sql-create-context":
            raise ValueError("benchmark.hub_id needs benchmark.layout: sql-create-context")
        return self


class FreshConfig(Section):
    """A sample that neither training nor promotion has seen, for the champion's drift check."""

    rows: int = Field(300, ge=1, le=100_000, description="questions to draw")
    min_rows: int = Field(50, ge=1, description="with fewer left nothing is asked, and it says so")
    seed: int | None = Field(
        None,
        ge=0,
        le=2**32 - 1,
        description="of the draw; default: the day (UTC), so each night asks others and the same "
        "night asks the same",
    )
    confidence: float = Field(
        0.99,
        gt=0.5,
        lt=1.0,
        description="of the interval whose upper end below zero means drift; at 0.99 an unchanged "
        "champion drifts on one night in 200",
    )


class AgentConfig(Section):
    """The agent loop of `sql_ft.serving` on a benchmark's databases, in place of one answer."""

    attempts: int = Field(3, ge=1, le=8, description="most times the model is asked")
    repair: Literal["feedback", "next_best"] = Field(
        "feedback",
        description="feedback: the model is shown its query and why it failed; next_best: its "
        "next most likely query is tried",
    )
    repair_empty: bool = Field(
        True, description="an empty result is repaired where a compared value does not occur"
    )
