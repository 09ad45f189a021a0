"""Where training reports to: a two-method protocol that tracking implements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class MetricSink(Protocol):
    """Receives parameters once and metrics as they come."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics; `step` is the optimizer step, None for a summary of the run."""

    def log_params(self, params: Mapping[str, str]) -> None:
        """Record parameters of the run as text."""


class NullSink:
    """A sink that drops everything, for callers that track nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Drop the metrics."""

    def log_params(self, params: Mapping[str, str]) -> None:
        """Drop the parameters."""
