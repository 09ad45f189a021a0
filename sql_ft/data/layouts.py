"""Questions over databases that exist: the layouts of Spider and BIRD.

    <folder>/dev.json                        a list of questions
    <folder>/database/<db>/<db>.sqlite       Spider (``test_database`` too)
    <folder>/dev_databases/<db>/<db>.sqlite  BIRD (any ``…databases``)

Each question becomes a `Sample` whose `schema_group` is its ``db_id``, and each database
that a question names is read once.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sql_ft.data.samples import sample_ids
from sql_ft.data.sqlite_file import MAX_ROWS_PER_TABLE, read_sqlite
from sql_ft.errors import DataError
from sql_ft.execution.real import RealDatabase
from sql_ft.records import Progress, Sample

_SUFFIXES = (".sqlite", ".db", ".sqlite3")


@dataclasses.dataclass(frozen=True, slots=True)
class LayoutSource:
    """Questions and the databases that they are about.

    Attributes:
        samples: In the file's order. `Sample.context` is the database's own DDL;
            `Sample.tags` hold ``index`` (0-based place in the file), ``db_id`` and, where
            the file has them, ``question_id``, ``evidence`` and ``difficulty``.
        databases: ``db_id`` (`Sample.schema_group`) → its database.
    """

    samples: list[Sample]
    databases: dict[str, RealDatabase]


def read_spider(
    folder: Path | str,
    questions_file: str = "dev.json",
    *,
    max_rows_per_table: int = MAX_ROWS_PER_TABLE,
    dialect: str = "sqlite",
    progress: Progress | None = None,
) -> LayoutSource:
    """Read Spider's layout: questions with ``question``, ``query`` and ``db_id``.

    Args:
        folder: Holds `questions_file` and ``database``.
        questions_file: A path inside `folder`.
        max_rows_per_table: See `sqlite_file.read_sqlite`.
        dialect: Of the golds; see `sqlite_file.read_sqlite`.
        progress: Called with (done, total) databases.

    Raises:
        DataError: The file or a database is missing or damaged, or a question lacks a
            field; the message names it.
    """
    root = Path(folder)
    rows = _read_questions(root / questions_file, ("question", "query", "db_id"))
    return _read(root, rows, "query", max_rows_per_table, dialect, progress)


def read_bird(
    folder: Path | str,
    questions_file: str = "dev.json",
    *,
    max_rows_per_table: int = MAX_ROWS_PER_TABLE,
    dialect: str = "sqlite",
    progress: Progress | None = None,
) -> LayoutSource:
    """Read BIRD's layout: questions with ``question``, ``SQL`` and ``db_id``.

    ``evidence`` is kept in `Sample.tags`; its values are used for databases as the
    question's are. Arguments and errors as for `read_spider`.
    """
    root = Path(folder)
    rows = _read_questions(root / questions_file, ("question", "SQL", "db_id"))
    return _read(root, rows, "SQL", max_rows_per_table, dialect, progress)


def _read(
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    gold_field: str,
    max_rows: int,
    dialect: str,
    progress: Progress | None,
) -> LayoutSource:
    places = database_files(root)
    names = list(dict.fromkeys(str(row["db_id"]) for row in rows))
    missing = [name for name in names if name not in places]
    if missing:
        raise DataError(
            f"{root}: no database for {len(missing)} of {len(names)} db_id, first {missing[0]!r}",
            expected=f"database/{missing[0]}/{missing[0]}.sqlite",
        )
    databases: dict[str, RealDatabase] = {}
    contexts: dict[str, str] = {}
    for done, name in enumerate(names, start=1):
        contexts[name], databases[name] = read_sqlite(
            places[name], max_rows_per_table=max_rows, dialect=dialect
        )
        if progress is not None:
            progress(done, len(names))
    cells = [(row["question"], contexts[str(row["db_id"])], row[gold_field]) for row in rows]
    samples = []
    for index, (row, cell, id_) in enumerate(zip(rows, cells, sample_ids(cells), strict=True)):
        name = str(row["db_id"])
        question, context, gold_sql = cell
        tags = {"index": str(index), "db_id": name}
        for field in ("question_id", "evidence", "difficulty"):
            if row.get(field) not in (None, ""):
                tags[field] = str(row[field])
        samples.append(
            Sample(
                id=id_,
                question=question,
                context=context,
                gold_sql=gold_sql,
                schema_group=name,
                tags=tags,
            )
        )
    return LayoutSource(samples, databases)


def _read_questions(path: Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no questions file at {path}", expected="a JSON list") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}", expected="a JSON list") from error
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path} holds no list of questions", expected="a non-empty JSON list")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{path}, question {number} is no object", expected=", ".join(fields))
        for field in fields:
            if not isinstance(row.get(field), str) or not row[field].strip():
                raise DataError(
                    f"{path}, question {number}: field {field!r} is {row.get(field)!r:.60}",
                    expected=f"text in each of {', '.join(fields)}",
                )
    return rows


def database_files(root: Path) -> dict[str, Path]:
    """``db_id`` → file, over every folder of databases; the first one found counts.

    Raises:
        DataError: There is no such folder.
    """
    found: dict[str, Path] = {}
    folders = [p for p in sorted(root.iterdir()) if p.is_dir() and "database" in p.name.lower()]
    if not folders:
        raise DataError(
            f"{root} has no folder of databases", expected="database/<db_id>/<db_id>.sqlite"
        )
    for folder in folders:
        for entry in sorted(folder.iterdir()):
            for suffix in _SUFFIXES:
                path = entry / f"{entry.name}{suffix}"
                if path.is_file():
                    found.setdefault(entry.name, path)
    return found
