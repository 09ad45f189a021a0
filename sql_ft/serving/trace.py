"""Where the agent's steps are traced; `tracking.traces` keeps them in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Span(Protocol):
    """One step under way."""

    def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
        """Say what came out, and in one line why it failed if it did. Called once."""


class Tracer(Protocol):
    """Opens spans. The parent is named, because a page may draw each step in another thread."""

    def begin(
        self, name: str, kind: str, inputs: Mapping[str, Any], parent: Span | None = None
    ) -> Span:
        """Open a span.

        Args:
            name: Shown to a person, e.g. ``execute``.
            kind: ``AGENT``, ``LLM``, ``TOOL`` or ``PARSER``.
            inputs: JSON-sized values.
            parent: Span that it belongs to; None: it is the first of a trace.
        """


class _NoSpan:
    def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
        """Nothing is kept."""


class NoTracer:
    """Keeps nothing."""

    def begin(
        self, name: str, kind: str, inputs: Mapping[str, Any], parent: Span | None = None
    ) -> Span:
        """Open a span that nobody sees."""
        return _NoSpan()
