"""The `promotion` section of the configuration; see `sql_ft.config`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sql_ft.config_section import Section, Share


class PromotionConfig(Section):
    """When a candidate becomes champion.

    The level of the paired test is no setting: each look at the set gets its share of
    `error_budget` (see `sql_ft.evaluation.error_budget`).
    """

    error_budget: float = Field(
        0.05,
        gt=0.0,
        lt=0.5,
        description="largest chance of any false promotion over looks_per_set looks",
    )
    first_look_share: float = Field(
        0.5, gt=0.0, lt=1.0, description="share of the budget that the first look gets"
    )
    looks_per_set: int = Field(
        52, ge=1, le=10_000, description="looks before the evaluation set must be renewed"
    )
    min_samples: int = Field(100, ge=1, description="fewest scored samples")
    min_discordant: int = Field(10, ge=1, description="fewest pairs on which the arms differ")
    min_effect: Share = Field(0.0, description="smallest gain in execution accuracy")
    max_excluded_share: Share = Field(
        0.05, description="largest share of samples set aside by the harness"
    )
    max_truncated_share: Share = Field(
        0.05, description="largest share of candidate answers cut at max_new_tokens"
    )
    max_empty_share: Share = Field(
        0.05, description="largest share of candidate answers without any SQL"
    )
    max_seen_question_share: Share = Field(
        0.02, description="largest share of evaluation questions whose text stands in training"
    )
    guardrail_alpha: float = Field(
        0.05, gt=0.0, lt=0.5, description="level of each guardrail's one-sided test"
    )
    max_valid_sql_drop: Share = Field(
        0.05, description="fall of the share of answers that run which must be ruled out"
    )
    max_schema_adherence_drop: Share = Field(
        0.05,
        description="fall of the share of answers that invent no table or column which must "
        "be ruled out",
    )
    max_strict_format_drop: Share = Field(
        0.05,
        description="fall of the share of answers that are SQL and nothing else which must be "
        "ruled out",
    )
    max_token_growth: float = Field(
        0.5,
        ge=0.0,
        le=100.0,
        description="growth of the tokens per answer, against the champion's, which must be "
        "ruled out (0.5: half as long again)",
    )
    max_slice_drop: Share = Field(
        0.02, description="fall of accuracy on a slice that is tolerated; more is refused"
    )
    min_slice_samples: int = Field(
        30, ge=1, description="fewest scored samples of a slice that is watched"
    )
    expected_discordance: float = Field(
        0.10,
        gt=0.0,
        le=1.0,
        description="share of questions on which a retrain is expected to differ, for the "
        "power that is announced before the comparison",
    )
    expected_design_effect: float = Field(
        1.5, ge=1.0, le=100.0, description="design effect of the schemas, for the same"
    )
    require_approval: bool = Field(
        False, description="pause before the champion moves, until a person approves in Prefect"
    )
    approval_timeout_s: int = Field(
        24 * 3600, ge=1, le=30 * 24 * 3600, description="no answer for this long keeps the champion"
    )
    lock: Literal["file", "prefect"] = Field(
        "file",
        description="what every move of the champion holds: a file in state_dir (one host), or "
        "a Prefect concurrency limit (several hosts that share one Prefect server)",
    )
