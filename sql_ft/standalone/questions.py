"""Questions with golds out of a user's files, under ids that predictions can name.

A row's id is, by the first rule that fits the whole file:

1. the column ``id``,
2. the column ``question_id`` (BIRD's),
3. the row's place in the file, counted from 0.

A file in which only some rows have an ``id`` fits no rule and is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from sql_ft.config import DataConfig, EvaluationConfig
from sql_ft.config_questions import Layout
from sql_ft.data.ddl_names import table_names
from sql_ft.data.layouts import LayoutSource, read_bird, read_spider
from sql_ft.data.local_files import read_file
from sql_ft.data.row_checks import check_rows, has_group_column
from sql_ft.data.wikisql import read_wikisql
from sql_ft.errors import DataError
from sql_ft.evaluation.evalset import build_evaluation_set, evaluation_set_key
from sql_ft.evaluation.evalset_storage import EvaluationSet
from sql_ft.execution.real import RealDatabase
from sql_ft.records import Progress, Sample

LAYOUTS: tuple[str, ...] = get_args(Layout)

SETTING = "--data"
ID_COLUMNS = ("id", "question_id")
BY_PLACE = "place in the file, counted from 0"


_READERS: Mapping[str, tuple[Callable[..., LayoutSource], str]] = {
    "spider": (read_spider, "dev.json"),
    "bird": (read_bird, "dev.json"),
    "wikisql": (read_wikisql, "dev.jsonl"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Questions:
    """Samples of one file or folder, in its order.

    Attributes:
        samples: One a row; `Sample.id` is what predictions name.
        origin: Name of the file or folder, without the folders around it.
        id_rule: Where the ids come from: the name of a column, or `BY_PLACE`.
        databases: ``db_id`` → its real database, for layouts that have them.
    """

    samples: list[Sample]
    origin: str
    id_rule: str
    databases: Mapping[str, RealDatabase] = dataclasses.field(default_factory=dict)


def load_questions(
    path: Path | str,
    layout: str = "sql-create-context",
    data: DataConfig | None = None,
    *,
    dialect: str = "sqlite",
    progress: Progress | None = None,
) -> Questions:
    """Read questions, schemas and golds.

    Args:
        path: A json, jsonl, csv or parquet file; for ``spider``, ``bird`` and ``wikisql`` the
            folder that holds ``dev.json`` (``dev.jsonl``), or another questions file inside
            such a folder.
        layout: One of `LAYOUTS`.
        data: Names of the columns (`question_column`, `context_column`, …).
        dialect: Of the golds.
        progress: Called with (done, total) databases read.

    Raises:
        DataError: Anything missing, unreadable, empty, malformed or repeated; names the row.
    """
    place = Path(path).expanduser()
    if layout not in LAYOUTS:
        raise DataError(
            f"layout {layout!r}", setting="--layout", expected="one of " + ", ".join(LAYOUTS)
        )
    try:
        if layout == "sql-create-context":
            return _from_rows(place, data or DataConfig())
        return _from_layout(place, layout, dialect, progress)
    except DataError as error:
        # The readers name settings of a training run; here the file came by option.
        setting = (error.setting or SETTING).replace("data.path", SETTING)
        if SETTING not in setting:
            setting = f"{SETTING}, {setting}"
        raise DataError(error.message, setting=setting, expected=error.expected) from None


def build_set(
    questions: Questions,
    config: EvaluationConfig,
    out_dir: Path | str,
    progress: Progress | None = None,
) -> EvaluationSet:
    """Freeze the questions into an evaluation set, or load it if the folder holds this one.

    Raises:
        EvaluationError: As `build_evaluation_set`.
    """
    return build_evaluation_set(
        questions.samples, config, Path(out_dir), progress, databases=questions.databases
    )


def set_key(questions: Questions, config: EvaluationConfig) -> str:
    """Hash of everything that determines the set."""
    return evaluation_set_key(questions.samples, config, questions.databases)


def _from_rows(path: Path, data: DataConfig) -> Questions:
    if path.is_dir():
        raise DataError(
            f"{path} is a folder",
            setting=SETTING,
            expected="a json, jsonl, csv or parquet file, or --layout spider, bird or wikisql",
        )
    rows = read_file(path)
    check_rows(rows, data, place=str(path), setting=SETTING)
    rule = _id_rule(rows, str(path))
    core = {data.question_column, data.context_column, data.answer_column, data.group_column}
    grouped = has_group_column(rows, data)
    samples = [
        Sample(
            id=_row_id(row, rule, place),
            question=row[data.question_column],
            context=row[data.context_column],
            gold_sql=row[data.answer_column],
            schema_group=(
                str(row[data.group_column]) if grouped else _group_of(row[data.context_column])
            ),
            tags={
                key: str(value)
                for key, value in row.items()
                if key not in core
                and key not in ID_COLUMNS
                and isinstance(value, str | int | float)
            },
        )
        for place, row in enumerate(rows)
    ]
    _check_unique(samples, str(path), rule)
    return Questions(samples, path.name, rule)


def _from_layout(path: Path, layout: str, dialect: str, progress: Progress | None) -> Questions:
    read, default = _READERS[layout]
    folder, file = (path, default) if path.is_dir() else (path.parent, path.name)
    if not path.exists():
        raise DataError(
            f"nothing at {path}", setting=SETTING, expected=f"a folder with {default} and databases"
        )
    source = read(folder, file, dialect=dialect, progress=progress)
    rows = [sample.tags for sample in source.samples]
    rule = _id_rule(rows, str(folder / file))
    samples = [
        dataclasses.replace(
            sample,
            id=_row_id(sample.tags, rule, place),
            tags={k: v for k, v in sample.tags.items() if k not in ("index", *ID_COLUMNS)},
        )
        for place, sample in enumerate(source.samples)
    ]
    _check_unique(samples, str(folder / file), rule)
    return Questions(samples, f"{folder.name}/{file}", rule, source.databases)


def _id_rule(rows: Sequence[Mapping[str, Any]], place: str) -> str:
    for column in ID_COLUMNS:
        without = [n for n, row in enumerate(rows) if row.get(column) in (None, "")]
        if not without:
            return column
        if len(without) < len(rows):
            raise DataError(
                f"{place}: {len(without)} of {len(rows)} rows have no {column!r}, first row "
                f"{without[0] + 1}",
                setting=SETTING,
                expected=f"{column!r} in every row, or in none",
            )
    return BY_PLACE


def _row_id(row: Mapping[str, Any], rule: str, place: int) -> str:
    return str(place) if rule == BY_PLACE else str(row[rule]).strip()


def _check_unique(samples: Sequence[Sample], place: str, rule: str) -> None:
    repeated = [i for i, n in Counter(s.id for s in samples).items() if n > 1]
    if repeated:
        first = [n for n, s in enumerate(samples, start=1) if s.id == repeated[0]]
        raise DataError(
            f"{place}: {len(repeated)} ids are repeated in column {rule!r}, first {repeated[0]!r} "
            f"(rows {first[0]} and {first[1]})",
            setting=SETTING,
            expected="unique ids",
        )


def _group_of(context: str) -> str:
    """Cluster of a row that names no database: the tables of its context.

    Rows over the same tables are right or wrong together. Rows of one database that name
    different tables count as independent, so the clustered standard error is a lower bound
    then; a `db_id` column gives the better one.
    """
    names = sorted(table_names(context))
    if not names:
        return "tables:?"
    text = ",".join(names)
    return (
        f"tables:{text}"
        if len(text) <= 60
        else (f"tables:{text[:40]}…{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    )
