"""A progress bar for commands that run without Prefect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def show_stages(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callable ``(stage, done, total)`` that draws one bar a stage.

    Nothing is drawn where standard error is no terminal.
    """
    bars: dict[str, TaskID] = {}
    progress = Progress(
        TextColumn("  [bold]{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done, total=total)

        yield update
