"""Which stack is up: its addresses, kept for `sql-ft status` and the next `sql-ft up`."""

from __future__ import annotations

import json
from pathlib import Path

from sql_ft.errors import StackError
from sql_ft.stack.processes import recorded
from sql_ft.stack.services import StackSettings

RECORD_FILE = "stack.json"


def write_record(settings: StackSettings) -> None:
    """Write the addresses; no password goes into the file."""
    record = {"prefect_api_url": settings.api_url, "mlflow_url": settings.mlflow_url}
    path = settings.folder / RECORD_FILE
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, str]:
    """Addresses of the last stack that was up; empty if there was none."""
    try:
        value = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def require_stopped(folder: Path) -> None:
    """Make sure that no part of a stack is running from this folder.

    Raises:
        StackError: Something is; two stacks would share one database.
    """
    alive = [f"{p.name} (process {p.pid})" for p in recorded(folder) if p.alive]
    if alive:
        raise StackError(
            f"{', '.join(alive)} of {folder} is running already",
            setting="--state-dir",
            expected="`sql-ft down` first, or another folder",
        )
