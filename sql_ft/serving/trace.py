"""Where the agent's steps are traced; `tracking.traces` keeps them in MLflow."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol


class Span(Protocol):
    """One step under way."""

    def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
        """Say what came out, and in one line why it failed if it did."""


class Tracer(Protocol):
    """Opens spans; one opened inside another belongs to it."""

    def span(
        self, name: str, kind: str, inputs: Mapping[str, Any]
    ) -> contextlib.AbstractContextManager[Span]:
        """Open a span.

        Args:
            name: Shown to a person, e.g. ``execute``.
            kind: ``AGENT``, ``LLM``, ``TOOL`` or ``PARSER``.
            inputs: JSON-sized values.
        """


class _NoSpan:
    def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
        """Nothing is kept."""


class NoTracer:
    """Keeps nothing."""

    def span(
        self, name: str, kind: str, inputs: Mapping[str, Any]
    ) -> contextlib.AbstractContextManager[Span]:
        """Open a span that nobody sees."""
        return contextlib.nullcontext(_NoSpan())
