"""Names and numbers as a reader of a report sees them."""

from __future__ import annotations

from collections.abc import Iterable

from sql_ft.evaluation.sql_features import CLAUSE, CLAUSES, HARDNESS, HARDNESS_ORDER
from sql_ft.records import Check

ARM_LABELS = {
    "base": "base",
    "base_3shot": "base, 3-shot",
    "champion": "champion",
    "candidate": "candidate",
}
"""Arms in the order in which they are shown; others follow in their own order."""

FAILURE_TEXTS = {
    "error:empty": "no SQL in the answer",
    "error:memory": "needed more memory than the limit",
    "error:not_a_query": "not one read-only query",
    "error:runtime_error": "failed while running",
    "error:syntax": "cannot be parsed",
    "error:timeout": "ran longer than the limit",
    "error:too_many_rows": "returned more rows than the limit",
    "error:unknown_column": "names a column that does not exist",
    "error:unknown_table": "names a table that does not exist",
    "wrong_result:column_count": "another number of columns",
    "wrong_result:order_differs": "the right rows in the wrong order",
    "wrong_result:row_count": "another number of rows",
    "wrong_result:rows_differ": "other values",
}
"""Kind of failure → what it means, for a reader."""

_SLICE_LABELS = {
    CLAUSE: "clause of the gold",
    HARDNESS: "hardness (Spider's rule)",
    "db_id": "database",
}
_VALUE_ORDER = {
    value: place
    for place, value in enumerate((*CLAUSES, *HARDNESS_ORDER, "simple", "moderate", "challenging"))
}


def arm_label(arm: str) -> str:
    """Name of an arm as a reader sees it."""
    return ARM_LABELS.get(arm, arm)


def format_rate(value: float | None) -> str:
    """A rate to three places, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def format_value(value: float | str) -> str:
    """Value or threshold of a gate's check."""
    if isinstance(value, str):
        return value[:16] or "–"
    return f"{value:.4g}"


def check_label(check: Check) -> str:
    """Name of a gate's check as a reader sees it."""
    return check.name.replace("_", " ")


def slice_label(tag: str) -> str:
    """Name of a slice as a reader sees it."""
    return _SLICE_LABELS.get(tag, tag.replace("_", " "))


def ordered_slices(tags: Iterable[str]) -> list[str]:
    """Slices of the gold first, then the data's own tags by name."""
    known = list(_SLICE_LABELS)
    return sorted(tags, key=lambda t: (known.index(t) if t in known else len(known), t))


def ordered_values(values: Iterable[str]) -> list[str]:
    """Values of a slice: those with an order of their own in it, else by name."""
    return sorted(values, key=lambda value: (_VALUE_ORDER.get(value, len(_VALUE_ORDER)), value))


def format_seconds(seconds: float) -> str:
    """A duration with about three digits: ``0.8 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_bytes(count: float) -> str:
    """A size in MB (10^6) below 1 GB, else in GB."""
    return f"{count / 1e6:.2f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
