"""WikiSQL's own layout: structured queries over one table each, with the tables' rows.

    <folder>/dev.jsonl         question, table_id, sql {sel, agg, conds}
    <folder>/dev.tables.jsonl  id, header, types, rows

A structured query becomes SQL over a schema that a model can be shown: the table's own
name where it has one, headers as identifiers in sql-create-context's manner. Source of the
codes: ``lib/query.py`` of salesforce/WikiSQL (Zhong et al. 2017).

WikiSQL's evaluator lower-cases cells and conditions. Here cells stay as they are, and a
gold's literal is spelled as the cells spell it where they differ in case alone.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sql_ft.data.layouts import LayoutSource
from sql_ft.data.local_files import read_file
from sql_ft.data.samples import sample_ids
from sql_ft.data.sqlite_file import read_connection
from sql_ft.errors import DataError
from sql_ft.execution.real import RealDatabase
from sql_ft.execution.tables import quote_name
from sql_ft.records import Progress, Sample

AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")

_NUMBER = re.compile(r"[-+]?\d*\.\d+|[-+]?\d+")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
Row = Mapping[str, Any]


def read_wikisql(
    folder: Path | str,
    questions_file: str = "dev.jsonl",
    *,
    max_rows_per_table: int = 10_000,
    dialect: str = "sqlite",
    progress: Progress | None = None,
) -> LayoutSource:
    """Read WikiSQL's layout; each table is a database of its own, with its rows.

    Args:
        folder: Holds `questions_file` and its tables, ``dev.tables.jsonl`` for ``dev.jsonl``.
        questions_file: A path inside `folder`.
        max_rows_per_table: See `sqlite_file.read_sqlite`.
        dialect: Of the golds that are written: only ``sqlite``.
        progress: Called with (done, total) tables.

    Raises:
        DataError: A file is missing or malformed, or a query names what is not there.
    """
    if dialect != "sqlite":
        raise DataError(
            f"WikiSQL's queries are written for SQLite, not {dialect!r}",
            setting="evaluation.dialect",
            expected="'sqlite'",
        )
    path = Path(folder) / questions_file
    tables_path = _tables_file(path)
    rows = read_file(path)
    known = {str(row.get("id")): row for row in read_file(tables_path)}
    names = list(dict.fromkeys(str(row.get("table_id")) for row in rows))
    missing = [name for name in names if name not in known]
    if missing:
        raise DataError(
            f"{tables_path}: no table for {len(missing)} of {len(names)} table_id, first "
            f"{missing[0]!r}",
            expected="the tables that the questions name",
        )
    tables: dict[str, _Table] = {}
    for done, name in enumerate(names, start=1):
        tables[name] = _Table(known[name], tables_path, max_rows_per_table)
        if progress is not None:
            progress(done, len(names))
    cells = []
    for number, row in enumerate(rows):
        question = row.get("question")
        if not isinstance(question, str) or not question.strip():
            raise DataError(f"{path}, question {number}: field 'question' is {question!r:.60}")
        table = tables[str(row["table_id"])]
        try:
            gold = table.write_sql(row["sql"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}, question {number}: 'sql' cannot be read ({error!r})",
                expected="sel, agg and conds within the table's columns",
            ) from None
        cells.append((question, table.context, gold))
    samples = [
        Sample(
            id=id_,
            question=cell[0],
            context=cell[1],
            gold_sql=cell[2],
            schema_group=str(row["table_id"]),
            tags={"index": str(index), "db_id": str(row["table_id"])},
        )
        for index, (row, cell, id_) in enumerate(zip(rows, cells, sample_ids(cells), strict=True))
    ]
    return LayoutSource(samples, {name: table.database for name, table in tables.items()})


def _tables_file(path: Path) -> Path:
    for suffix in (".jsonl", ".jsonl.gz"):
        if path.name.endswith(suffix):
            return path.with_name(f"{path.name.removesuffix(suffix)}.tables{suffix}")
    raise DataError(f"{path} is no WikiSQL file", expected="<name>.jsonl beside its tables")


class _Table:
    """One table: its DDL and rows, and the way its queries are written."""

    def __init__(self, row: Row, path: Path, max_rows: int) -> None:
        name = str(row.get("id"))
        try:
            header = [str(text) for text in row["header"]]
            types = [str(kind) for kind in row["types"]]
            rows = [list(cells) for cells in row["rows"]]
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}, table {name!r} lacks {error}") from None
        if not header or len(types) != len(header) or any(len(r) != len(header) for r in rows):
            raise DataError(
                f"{path}, table {name!r}: {len(header)} columns, {len(types)} types, rows of "
                f"{sorted({len(r) for r in rows})[:3]} cells",
                expected="as many types and cells as columns",
            )
        self.types = types
        self.rows = rows
        own = str(row.get("name") or f"table_{name}")
        self.name = _quoted(_identifiers([own])[0])
        self.columns = [_quoted(column) for column in _identifiers(header)]
        self.context, self.database = self._build(max_rows)

    def write_sql(self, query: Row) -> str:
        """The SQL of a structured query.

        Raises:
            KeyError, IndexError, TypeError, ValueError: The query names what is not there.
        """
        column = self.columns[_index(query["sel"], self.columns)]
        aggregate = AGGREGATES[_index(query["agg"], AGGREGATES)]
        text = f"SELECT {f'{aggregate}({column})' if aggregate else column} FROM {self.name}"
        conditions = [
            f"{self.columns[_index(place, self.columns)]} "
            f"{OPERATORS[_index(operator, OPERATORS)]} {self._literal(place, value)}"
            for place, operator, value in query["conds"]
        ]
        return text + (" WHERE " + " AND ".join(conditions) if conditions else "")

    def _literal(self, place: int, value: Any) -> str:
        if self.types[place] == "real":
            number = _as_number(value)
            if number is not None:
                return repr(number)
        text = str(value)
        spelled = {str(row[place]) for row in self.rows}
        if text not in spelled:
            same = sorted(cell for cell in spelled if cell.lower() == text.lower())
            text = same[0] if same else text
        escaped = text.replace("'", "''")
        return f"'{escaped}'"

    def _build(self, max_rows: int) -> tuple[str, RealDatabase]:
        kinds = ["REAL" if kind == "real" else "TEXT" for kind in self.types]
        listing = ", ".join(f"{c} {k}" for c, k in zip(self.columns, kinds, strict=True))
        marks = ", ".join("?" * len(self.columns))
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(f"CREATE TABLE {self.name} ({listing})")
            connection.executemany(
                f"INSERT INTO {self.name} VALUES ({marks})",
                [[_cell(v, k) for v, k in zip(row, self.types, strict=True)] for row in self.rows],
            )
            return read_connection(connection, max_rows)


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind != "real":
        return str(value)
    number = _as_number(value)
    return str(value) if number is None else number


def _as_number(value: Any) -> float | int | None:
    """A number as WikiSQL's evaluator reads it: the first one in the text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    match = _NUMBER.search(str(value).replace(",", ""))
    if match is None:
        return None
    number = float(match.group())
    return int(number) if number.is_integer() else number


def _index(value: Any, choices: Sequence[Any]) -> int:
    place = int(value)
    if not 0 <= place < len(choices):
        raise IndexError(f"{place} of {len(choices)}")
    return place


def _identifiers(texts: Sequence[str]) -> list[str]:
    """Headers as names: lower case, words joined by underscores, none twice."""
    names: list[str] = []
    for text in texts:
        name = re.sub(r"\W+", "_", text.lower()).strip("_") or "column"
        number = 2
        unique = name
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names.append(unique)
    return names


@functools.cache
def _quoted(name: str) -> str:
    """The name, in quotes where SQLite needs them."""
    if _PLAIN.match(name):
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.execute(f"SELECT {name} FROM (SELECT 1 AS {name})")
                return name
            except sqlite3.Error:
                pass  # a reserved word
    return quote_name(name)
