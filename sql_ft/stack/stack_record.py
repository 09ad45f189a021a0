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


def require_same_addresses(settings: StackSettings) -> None:
    """Make sure that what is running from this folder listens where it is asked to.

    Raises:
        StackError: It does not; two stacks would share one database.
    """
    alive = [f"{p.name} (process {p.pid})" for p in recorded(settings.folder) if p.alive]
    known = read_record(settings.folder)
    asked = {"prefect_api_url": settings.api_url, "mlflow_url": settings.mlflow_url}
    if alive and known != asked:
        where = ", ".join(known.values()) or "unknown addresses"
        raise StackError(
            f"{', '.join(alive)} of {settings.folder} is running already, with {where}",
            setting="--prefect-port, --mlflow-port, --host",
            expected="the same addresses, `sql-ft down` first, or another --state-dir",
        )
