"""What a person sees in the terminal after a run."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sql_ft.config import RunConfig
from sql_ft.tracking.store import prepare_store


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


def print_versions(config: RunConfig, console: Console) -> None:
    """Print every registered version, newest first, with aliases and the last decision."""
    from sql_ft.tracking.promotion import decisions_of
    from sql_ft.tracking.registry import list_versions

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    found = list_versions(store, name)
    if not found:
        console.print(f"no versions of {name} in {store.label}", markup=False)
        return
    table = Table(title=name, box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("version", "aliases", "adapter", "base", "decision"):
        table.add_column(column)
    for version in found:
        decisions = decisions_of(version)
        table.add_row(
            version.version,
            Text(", ".join(version.aliases), style="bold green"),
            version.adapter_hash[:12],
            version.tags.get("base_model", ""),
            Text(decisions[-1]["reason"] if decisions else "not judged"),
        )
    console.print(table)
