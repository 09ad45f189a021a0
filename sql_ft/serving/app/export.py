"""Results and queries as files to take away."""

from __future__ import annotations

import csv
import io
from typing import Any

from sql_ft.evaluation.result_text import format_cell
from sql_ft.serving.app.session import HistoryEntry
from sql_ft.serving.query import QueryResult

# A spreadsheet takes text that begins so for a formula, and runs it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(result: QueryResult) -> str:
    """All rows that were read, with a header line.

    Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers,
    negative ones too, stay as they are. NULL is an empty cell.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in result.columns])
    writer.writerows([_cell(value) for value in row] for row in result.rows)
    return buffer.getvalue()


def to_sql(history: list[HistoryEntry]) -> str:
    """Every query of a session, oldest first, each below its question as a comment."""
    parts = []
    for entry in history:
        head = [f"-- {_one_line(entry.database)}, {_one_line(entry.model)}"]
        if entry.question:
            head.append(f"-- {_one_line(entry.question)}")
        parts.append("\n".join([*head, f"{entry.sql.rstrip().rstrip(';')};"]))
    return "\n\n".join(parts) + "\n"


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    text = format_cell(value)
    if isinstance(value, str) and text.startswith(_FORMULA_STARTS):
        return f"'{text}"
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())
