"""Results as text, for verdicts and reports."""

from __future__ import annotations

import datetime as dt
from typing import Any


def format_cell(value: Any) -> str:
    """One value as the report shows it."""
    if value is None:
        return "NULL"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def format_head(
    columns: tuple[str, ...],
    rows: tuple[tuple[Any, ...], ...],
    *,
    max_rows: int = 5,
    max_chars: int = 160,
) -> str:
    """First rows of a result as text: a header line, then one line a row.

    Args:
        columns: Column names.
        rows: All rows.
        max_rows: Rows shown; a last line counts the others.
        max_chars: Longer lines are cut and end in ``…``.
    """
    lines = [" | ".join(columns)]
    lines += [" | ".join(format_cell(value) for value in row) for row in rows[:max_rows]]
    if len(rows) > max_rows:
        lines.append(f"… {len(rows) - max_rows} more rows")
    cut = (line.replace("\n", " ") for line in lines)
    return "\n".join(c if len(c) <= max_chars else c[: max_chars - 1] + "…" for c in cut)
