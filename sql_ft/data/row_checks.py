"""Are the columns there, and is every cell text? Named by row, for a user to mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sql_ft.config import DataConfig
from sql_ft.errors import DataError


def has_group_column(rows: Sequence[Mapping[str, Any]], config: DataConfig) -> bool:
    """True if the data names its databases in `config.group_column`."""
    return bool(config.group_column) and any(config.group_column in row for row in rows)


def check_rows(
    rows: Sequence[Mapping[str, Any]], config: DataConfig, *, place: str, setting: str
) -> None:
    """Check columns and cells.

    Args:
        rows: Rows of the source.
        config: Names the columns.
        place: The source, for messages.
        setting: Setting that names the source, for messages.

    Raises:
        DataError: No rows, a missing column, or a cell that is null or no text.
    """
    if not rows:
        raise DataError(f"{place} holds no rows", setting=setting, expected="at least one row")
    checks: dict[str, tuple[str, Callable[[Any], str]]] = {
        config.question_column: ("data.question_column", _text_problem),
        config.context_column: ("data.context_column", _text_problem),
        config.answer_column: ("data.answer_column", _text_problem),
    }
    for column in config.disjoint_columns:
        checks.setdefault(column, ("data.disjoint_columns", _label_problem))
    if has_group_column(rows, config):
        checks.setdefault(config.group_column, ("data.group_column", _label_problem))
    for column, (column_setting, _) in checks.items():
        if not any(column in row for row in rows):
            present = sorted({str(key) for row in rows[:100] for key in row})
            raise DataError(
                f"{place} has no column {column!r}; it has {present}",
                setting=column_setting,
                expected="the name of a column of the data",
            )
    for number, row in enumerate(rows, start=1):
        for column, (column_setting, problem_of) in checks.items():
            if column not in row:
                raise DataError(
                    f"{place}, row {number} has no {column!r}",
                    setting=f"{setting}, {column_setting}",
                    expected="every row to have this column",
                )
            problem = problem_of(row[column])
            if problem:
                raise DataError(
                    f"{place}, row {number}, column {column!r} {problem}",
                    setting=f"{setting}, {column_setting}",
                    expected="text",
                )


def _text_problem(value: Any) -> str:
    if value is None:
        return "is null"
    if not isinstance(value, str):
        return f"is of type {type(value).__name__}: {value!r:.60}"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"holds a lone surrogate at character {error.start}"
    return ""


def _label_problem(value: Any) -> str:
    # Databases and templates are often numbered; a number is as good a name as a text.
    if isinstance(value, int) and not isinstance(value, bool):
        return ""
    problem = _text_problem(value)
    if not problem and not value.strip():
        return "is empty"
    return problem
