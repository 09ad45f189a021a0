"""Example databases as files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sql_ft.assets.sample_databases.questions import QUESTIONS
from sql_ft.assets.sample_databases.tables import (
    ExampleTable,
    flights_tables,
    library_tables,
    shop_tables,
)
from sql_ft.errors import DataError

DATABASES = {"shop": "shop.sqlite", "library": "library.sqlite", "flights": "flights.duckdb"}
QUESTIONS_FILE = "questions.jsonl"


def write_examples(folder: Path) -> list[Path]:
    """Write the three databases and their questions; return the files.

    Raises:
        DataError: One of the files exists, or the folder cannot be written.
    """
    files = [folder / name for name in (*DATABASES.values(), QUESTIONS_FILE)]
    for file in files:
        if file.exists():
            raise DataError(f"{file} exists", expected="a folder without these files")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_sqlite(folder / DATABASES["shop"], shop_tables(), journal_mode="DELETE")
        _write_sqlite(folder / DATABASES["library"], library_tables(), journal_mode="WAL")
        _write_duckdb(folder / DATABASES["flights"], flights_tables())
        lines = [
            json.dumps({"database": DATABASES[name], "question": question, "gold_sql": gold})
            for name, questions in QUESTIONS.items()
            for question, gold in questions
        ]
        (folder / QUESTIONS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {error.strerror or error}",
            expected="a folder this user can write",
        ) from error
    return files


def _write_sqlite(path: Path, tables: Sequence[ExampleTable], *, journal_mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        with connection:
            for table in tables:
                connection.execute(table.ddl)
                marks = ", ".join("?" * len(table.rows[0]))
                connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table.rows)


def _write_duckdb(path: Path, tables: Sequence[ExampleTable]) -> None:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        for table in tables:
            connection.execute(table.ddl)
            marks = ", ".join("?" * len(table.rows[0]))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table.rows)
