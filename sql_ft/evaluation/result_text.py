"""Results as text, for verdicts and reports."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

_SEPARATOR = " | "
_MORE = (" more rows", " more row")


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
    lines = [_SEPARATOR.join(columns)]
    lines += [_SEPARATOR.join(format_cell(value) for value in row) for row in rows[:max_rows]]
    if len(rows) > max_rows:
        more = len(rows) - max_rows
        lines.append(f"… {more} more row{'s' if more > 1 else ''}")
    cut = (line.replace("\n", " ") for line in lines)
    return "\n".join(c if len(c) <= max_chars else c[: max_chars - 1] + "…" for c in cut)


@dataclasses.dataclass(frozen=True, slots=True)
class ResultHead:
    """What `format_head` wrote, taken apart again where that is beyond doubt.

    Attributes:
        text: The whole text; "" if there was no result.
        columns: Column names; empty if the text is no plain table.
        rows: Cells of the rows shown.
        more: The line that counts the others.
    """

    text: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: str = ""


def split_head(text: str) -> ResultHead:
    """Cells of a head; a value that holds the separator, or a cut line, leaves it text."""
    lines = text.split("\n")
    more = lines.pop() if lines[-1].startswith("… ") and lines[-1].endswith(_MORE) else ""
    cells = [tuple(line.split(_SEPARATOR)) for line in lines]
    if not text or len({len(row) for row in cells}) != 1 or any(c[-1][-1:] == "…" for c in cells):
        return ResultHead(text)
    return ResultHead(text, cells[0], tuple(cells[1:]), more)
