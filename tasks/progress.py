"""Progress of long work: a bar on a terminal, log lines elsewhere, an artifact in Prefect."""

from __future__ import annotations

import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from httpx import HTTPError
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

ProgressCallback = Callable[[int, int], None]

_LOG_EVERY_S = 10.0
_ARTIFACT_EVERY_S = 5.0


@contextmanager
def report_progress(description: str, unit: str) -> Iterator[ProgressCallback]:
    """Yield a callable ``(done, total)`` that shows how far the work is.

    Args:
        description: What is being done, e.g. ``training``.
        unit: What is counted, e.g. ``steps``.

    On a terminal it draws a bar; elsewhere it logs a line at most every 10 s. In both
    cases a Prefect progress artifact is kept, updated at most every 5 s because each
    update is a call to the server.
    """
    logger = get_run_logger() if TaskRunContext.get() else logging.getLogger("sql_ft.progress")
    artifact: uuid.UUID | None = None
    last_log = time.monotonic()
    last_artifact = time.monotonic()
    bar = Progress(
        TextColumn("  [bold]{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        transient=True,
        # Two bars at once would draw over each other.
        disable=not sys.stderr.isatty()
        or threading.current_thread() is not threading.main_thread(),
    )
    with bar:
        row = bar.add_task(description, total=None)

        def update(done: int, total: int) -> None:
            nonlocal last_log
            bar.update(row, completed=done, total=total)
            now = time.monotonic()
            if bar.disable and (now - last_log >= _LOG_EVERY_S):
                last_log = now
                logger.info("%s: %d of %d %s", description, done, total, unit)
            if TaskRunContext.get() is None or total <= 0:
                return
            percent = 100.0 * done / total
            try:
                show(percent, total, done == total, now)
            except (HTTPError, PrefectException) as error:
                # A server that is away for a moment must not end an hour of training.
                logger.debug("progress could not be shown: %s", error)

        def show(percent: float, total: int, last: bool, now: float) -> None:
            nonlocal artifact, last_artifact
            if artifact is None and now - last_artifact >= _ARTIFACT_EVERY_S:
                created = create_progress_artifact(
                    progress=percent, description=f"{description}, {total} {unit}"
                )
                artifact = created if isinstance(created, uuid.UUID) else None
                last_artifact = now
            elif artifact is not None and (last or now - last_artifact >= _ARTIFACT_EVERY_S):
                update_progress_artifact(artifact_id=artifact, progress=percent)
                last_artifact = now

        yield update
