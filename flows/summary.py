"""What a person sees in the terminal after a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sql_ft.config import RunConfig


def print_outcome(outcome: dict[str, Any], config: RunConfig, console: Console) -> None:
    """Print the arms side by side, the gate's checks, the answers, and where to look next."""
    from sql_ft.evaluation.report import print_report
    from tasks.report import build_report

    print_report(build_report(config, outcome), console)
    uri = config.resolved_tracking_uri
    version = outcome["version"]
    rows = [
        ("report", outcome["report"]),
        ("registry", f"mlflow ui --backend-store-uri {uri}" if "sqlite" in uri else uri),
        ("flow runs", "prefect server start"),
        ("model", f"models:/{version['name']}@champion"),
    ]
    table = Table(box=None, show_header=False, title="Where to look next", title_justify="left")
    for label, text in rows:
        table.add_row(Text(label, style="dim"), Text(text, overflow="fold"))
    console.print(table)
