"""What a training process tells its parent: one JSON object a line.

Kinds: ``params``, ``metrics``, ``progress``, ``log``, ``result``, ``error``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, TextIO

from sql_ft import errors
from sql_ft.errors import SqlFtError, TrainingError


class EventWriter:
    """The child's end: a `MetricSink` and a progress callable that write events."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, kind: str, **values: Any) -> None:
        """Write one event; a parent that is gone raises BrokenPipeError and ends training."""
        self._stream.write(json.dumps({"event": kind, **values}, ensure_ascii=True) + "\n")
        self._stream.flush()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Send metrics."""
        self.send("metrics", metrics=dict(metrics), step=step)

    def log_params(self, params: Mapping[str, str]) -> None:
        """Send parameters."""
        self.send("params", params=dict(params))

    def progress(self, done: int, total: int) -> None:
        """Send how far training is."""
        self.send("progress", done=done, total=total)

    def error(self, error: BaseException) -> None:
        """Send what ended training."""
        if isinstance(error, SqlFtError):
            self.send(
                "error",
                type=type(error).__name__,
                message=error.message,
                setting=error.setting,
                expected=error.expected,
            )
        else:
            text = f"{type(error).__name__}: {error}".strip()
            self.send("error", type="TrainingError", message=text, setting=None, expected=None)


class EventLogHandler(logging.Handler):
    """Sends the library's own log lines to the parent."""

    def __init__(self, writer: EventWriter) -> None:
        super().__init__(level=logging.INFO)
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        self._writer.send("log", level=record.levelno, message=record.getMessage())


def rebuild_error(event: Mapping[str, Any]) -> SqlFtError:
    """Return the exception that an ``error`` event describes."""
    cls = getattr(errors, str(event.get("type")), TrainingError)
    if not (isinstance(cls, type) and issubclass(cls, SqlFtError)):
        cls = TrainingError
    return cls(
        str(event.get("message")), setting=event.get("setting"), expected=event.get("expected")
    )
