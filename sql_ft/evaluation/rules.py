"""What has to be equal for two verdicts to be comparable."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import duckdb

from sql_ft.config import EvaluationConfig
from sql_ft.execution.compare import MatchRules
from sql_ft.execution.sandbox import Limits
from sql_ft.records import content_hash

EVALUATOR_VERSION = 4
"""Raised with every change of translation, database generation or matching that can
change a verdict: stored verdicts and evaluation sets of another version are not reused."""


def engine_versions() -> dict[str, Any]:
    """Versions of everything that executes or translates."""
    return {
        "evaluator": EVALUATOR_VERSION,
        "duckdb": duckdb.__version__,
        "sqlglot": metadata.version("sqlglot"),
    }


def evaluator_hash(config: EvaluationConfig) -> str:
    """Hash of the rules behind a verdict: versions, limits and matching.

    How a set is built (number and seed of databases) is in `EvaluationSet.hash`, and
    the number of workers changes nothing.
    """
    settings = config.model_dump(mode="json")
    for name in ("workers", "databases_per_sample", "database_seed"):
        settings.pop(name)
    return content_hash({"versions": engine_versions(), "settings": settings})


def match_rules(config: EvaluationConfig) -> MatchRules:
    """Matching part of the settings."""
    return MatchRules(
        column_order=config.column_order,
        float_relative_tolerance=config.float_relative_tolerance,
    )


def sandbox_limits(config: EvaluationConfig) -> Limits:
    """Limits part of the settings."""
    return Limits(
        query_timeout_s=config.query_timeout_s,
        memory_limit_mb=config.memory_limit_mb,
        max_result_rows=config.max_result_rows,
    )
