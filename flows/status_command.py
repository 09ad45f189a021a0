"""`sql-ft status`: champion, budget, last runs, next run, on one screen in two seconds."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from flows.options import ConfigOption, SetOption
from flows.stack_command import StateOption
from sql_ft.errors import SqlFtError

if TYPE_CHECKING:
    from rich.console import Console

    from sql_ft.stack.status import BudgetStatus, ChampionStatus

_RUNS = 5


def status(
    config: ConfigOption = None, set_: SetOption = None, state_dir: StateOption = Path("state")
) -> None:
    """Show the champion, the evidence left, the last runs and the next one."""
    from rich.console import Console

    from sql_ft.config import load_config
    from sql_ft.stack.services import STACK_FOLDER
    from sql_ft.stack.stack_record import read_record

    settings = load_config(config, set_ or ())
    record = read_record(state_dir.expanduser().resolve() / STACK_FOLDER)
    mlflow_url = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking.tracking_uri
    mlflow_url = mlflow_url or record.get("mlflow_url", "")
    api_url = os.environ.get("PREFECT_API_URL") or record.get("prefect_api_url", "")
    console = Console(highlight=False)
    failed = False
    for show, url, where in (
        (_show_registry, mlflow_url, "MLFLOW_TRACKING_URI"),
        (_show_runs, api_url, "PREFECT_API_URL"),
    ):
        try:
            if not url.startswith("http"):
                console.print(f"no server: {where} is not set and no `sql-ft up` was seen")
                failed = True
                continue
            show(console, url, settings.tracking.registered_model_name)
        except SqlFtError as error:
            console.print(f"[red]{where}[/]: ", end="")
            console.print(error.message, markup=False)
            failed = True
    if failed:
        raise typer.Exit(1)


def _show_registry(console: Console, url: str, name: str) -> None:
    from sql_ft.stack.status import read_champion

    champion, budget = read_champion(url, name)
    for label, text in _registry_rows(name, champion, budget):
        console.print(f"[dim]{label:<10}[/]", end="")
        console.print(text, markup=False, soft_wrap=True)


def _registry_rows(
    name: str, champion: ChampionStatus | None, budget: BudgetStatus | None
) -> list[tuple[str, str]]:
    rows = []
    if champion is None:
        rows.append(("champion", f"{name}: none yet"))
    else:
        rows.append(
            (
                "champion",
                f"{name} v{champion.version}, adapter {champion.adapter_hash} on "
                f"{champion.base}, registered {_ago(champion.since)}",
            )
        )
        rows.append(("because", champion.reason or "not judged"))
    if budget is None:
        rows.append(("budget", "no look taken at the evaluation set yet"))
    else:
        left = "unknown" if budget.left is None else f"{budget.left:.3g}"
        looks = "look" if budget.looks == 1 else "looks"
        rows.append(("budget", f"{budget.looks} {looks} taken, alpha left {left}"))
    return rows


def _show_runs(console: Console, url: str, name: str) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sql_ft.stack.status import read_runs, read_schedule

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("last runs", "state", "started", "took", ""):
        table.add_column(column, overflow="fold")
    for run in read_runs(url, _RUNS):
        table.add_row(
            Text(run.name),
            Text(run.state),
            _ago(run.start),
            f"{run.seconds:.0f} s",
            Text(run.message[:120]),
        )
    console.print(table)
    following = read_schedule(url)
    if not following:
        console.print("[dim]next      [/]nothing is scheduled")
    for place, row in enumerate(following):
        when = row.start.astimezone()
        label = "next" if place == 0 else ""
        console.print(f"[dim]{label:<10}[/]{row.deployment} at {when:%Y-%m-%d %H:%M %Z}")


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "not yet"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
