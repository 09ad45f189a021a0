"""Database values ↔ JSON, without loss of type.

A frozen result must compare as the fresh one did, so a DATE stays a date and a DECIMAL
keeps its digits. JSON's own types stand for themselves; everything else becomes an
object with one key that starts with ``$``.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sql_ft.errors import EvaluationError


def encode_value(value: Any) -> Any:
    """Return a JSON-serialisable form of a value that DuckDB or SQLite returns.

    Raises:
        EvaluationError: The type is not one of those.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, list):
        return [encode_value(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [encode_value(item) for item in value]}
    if isinstance(value, Mapping):
        return {"$dict": [[encode_value(k), encode_value(v)] for k, v in value.items()]}
    if isinstance(value, bytes | bytearray):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, dt.timedelta):
        return {"$timedelta": [value.days, value.seconds, value.microseconds]}
    # datetime is a date: the narrower type first.
    for tag, kind in (
        ("$datetime", dt.datetime),
        ("$date", dt.date),
        ("$time", dt.time),
    ):
        if isinstance(value, kind):
            return {tag: value.isoformat()}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, uuid.UUID):
        return {"$uuid": str(value)}
    raise EvaluationError(
        f"cannot store a value of type {type(value).__name__}",
        expected="a value that DuckDB returns",
    )


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$tuple": lambda items: tuple(decode_value(item) for item in items),
    "$dict": lambda pairs: {decode_value(k): decode_value(v) for k, v in pairs},
    "$bytes": bytes.fromhex,
    "$timedelta": lambda parts: dt.timedelta(*parts),
    "$datetime": dt.datetime.fromisoformat,
    "$date": dt.date.fromisoformat,
    "$time": dt.time.fromisoformat,
    "$decimal": Decimal,
    "$uuid": uuid.UUID,
}


def decode_value(value: Any) -> Any:
    """Return the value that `encode_value` stored.

    Raises:
        EvaluationError: The form is unknown.
    """
    if isinstance(value, list):
        return [decode_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, stored),) = value.items()
        if tag in _DECODERS:
            return _DECODERS[tag](stored)
    raise EvaluationError(f"unknown stored value {value!r:.80}")


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
