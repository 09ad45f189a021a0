"""Where rows come from: the bundled sample, the hub, or a local file.

Everything later may rely on what is checked here: the three columns are there, every
cell of them is text, and the digest names exactly these rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sql_ft.config import DataConfig
from sql_ft.data.hub import load_hub_rows
from sql_ft.data.local_files import read_file
from sql_ft.errors import DataError


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """Rows as the source has them.

    Attributes:
        rows: One dictionary a row, all columns, in the source's order.
        digest: SHA-256 (hex) over the content of all rows, in order.
        origin: ``bundled``, ``hub:<id>`` or ``file:<name>`` (no folder: it goes into
            records that leave this machine).
        revision: Hub commit; for the other sources the first 16 digits of the digest.
    """

    rows: list[dict[str, Any]]
    digest: str
    origin: str
    revision: str


def load_rows(config: DataConfig) -> LoadedRows:
    """Load and check the rows that `config` names.

    Raises:
        DataError: Missing, unreachable, unreadable or empty source; a missing column; a
            cell that is null or not text. Names the setting, and the row counted from 1.
    """
    revision = ""
    if config.source == "bundled":
        from sql_ft.assets.sample.generate import generate_rows

        rows = [dict(row) for row in generate_rows()]
        origin, place, setting = "bundled", "the bundled sample", "data.source"
    elif config.source == "hub":
        rows, revision = load_hub_rows(config)
        origin, place, setting = f"hub:{config.hub_id}", config.hub_id, "data.hub_id"
    else:
        path = Path(str(config.path)).expanduser()
        rows = read_file(path)
        origin, place, setting = f"file:{path.name}", str(path), "data.path"
    check_rows(rows, config, place=place, setting=setting)
    digest = digest_rows(rows)
    return LoadedRows(rows, digest, origin, revision or digest[:16])


def digest_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 over the rows in order, whatever file format or key order they had."""
    digest = hashlib.sha256()
    for row in rows:
        text = json.dumps(
            row, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str
        )
        digest.update(text.encode("ascii") + b"\n")
    return digest.hexdigest()


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
