"""Which chart suits a result, if any."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import math
import re
from typing import Any, Literal

from sql_ft.evaluation.result_text import format_cell
from sql_ft.serving.query import QueryResult

MOST_BARS = 30
MOST_POINTS = 500
_LABEL_CHARS = 40
_IDENTIFIER = re.compile(r"(^|_)id$", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclasses.dataclass(frozen=True, slots=True)
class Chart:
    """A chart's data, free of anything that a plotting library could take for a command.

    Attributes:
        kind: ``bar``: one bar a row; ``line``: numbers over dates.
        labels: Of the bars, all different; dates for a line.
        values: Numbers, as long as `labels`.
        label_title: Name of the column of the labels.
        value_title: Name of the column of the values.
        note: What the chart leaves out; "" if nothing.
    """

    kind: Literal["bar", "line"]
    labels: tuple[Any, ...]
    values: tuple[float, ...]
    label_title: str
    value_title: str
    note: str = ""


def choose_chart(result: QueryResult) -> Chart | None:
    """The first column that names rows against the first that counts them.

    None for a single row, no number, or nothing but NULL.
    """
    if not result.ok or len(result.rows) < 2:
        return None
    columns = list(zip(*result.rows, strict=True))
    numeric = [
        i
        for i, column in enumerate(columns)
        if _is_numeric(column) and not _IDENTIFIER.search(result.columns[i])
    ]
    value_at = next((i for i in reversed(numeric) if i > 0), None)
    if value_at is None:
        if len(columns) > 1 or not numeric:
            return None
        value_at = 0
    label_at = _label_column(columns, value_at)
    most = MOST_BARS
    pairs = [
        (row[label_at] if label_at is not None else number, row[value_at])
        for number, row in enumerate(result.rows, start=1)
        if _is_finite(row[value_at])
    ]
    days = [_as_date(label) for label, _ in pairs] if label_at is not None else [None]
    is_line = len(pairs) > 2 and None not in days and len(set(days)) == len(days)
    if is_line:
        most = MOST_POINTS
        pairs = sorted(zip(days, (value for _, value in pairs), strict=True))
    if len(pairs) < 2:
        return None
    shown = pairs[:most]
    left_out = len(result.rows) - len(shown)
    labels = [label for label, _ in shown] if is_line else _distinct([p[0] for p in shown])
    return Chart(
        kind="line" if is_line else "bar",
        labels=tuple(labels),
        values=tuple(float(value) for _, value in shown),
        label_title=_short(result.columns[label_at]) if label_at is not None else "row",
        value_title=_short(result.columns[value_at]),
        note=f"{left_out:,} rows are not in the chart" if left_out else "",
    )


def _label_column(columns: list[tuple[Any, ...]], value_at: int) -> int | None:
    others = [i for i in range(len(columns)) if i != value_at]
    text = [i for i in others if not _is_numeric(columns[i])]
    return next(iter(text or others), None)


def _is_numeric(column: tuple[Any, ...]) -> bool:
    present = [value for value in column if value is not None]
    return bool(present) and all(
        isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool)
        for value in present
    )


def _is_finite(value: Any) -> bool:
    try:
        return value is not None and math.isfinite(float(value))
    except OverflowError:
        return False


def _as_date(label: Any) -> dt.date | None:
    """A day; SQLite keeps days as text."""
    if isinstance(label, dt.datetime):
        return label.date() if label.time() == dt.time() else None
    if isinstance(label, dt.date):
        return label
    if not (isinstance(label, str) and _DAY.fullmatch(label)):
        return None
    try:
        return dt.date.fromisoformat(label)
    except ValueError:
        return None


def _distinct(labels: list[Any]) -> list[str]:
    """Texts, numbered where two are the same: bars of one name would be added up."""
    taken: set[str] = set()
    texts = []
    for label in labels:
        text = _short(format_cell(label))
        unique, number = text, 2
        while unique in taken:
            unique, number = f"{text} ({number})", number + 1
        taken.add(unique)
        texts.append(unique)
    return texts


def _short(text: str) -> str:
    line = " ".join(text.split()) or "(empty)"
    return line if len(line) <= _LABEL_CHARS else line[: _LABEL_CHARS - 1] + "…"
