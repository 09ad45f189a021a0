"""One SQLite file → schema and rows, through Python's own sqlite3.

SQLite types each value, DuckDB each column. A column's type here is chosen from what the
file declares and what it holds, so that the translation keeps SQLite's meaning; see
`choose_type`.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

from sql_ft.data.sqlite_rows import read_rows
from sql_ft.errors import DataError
from sql_ft.execution.databases import REAL, Database
from sql_ft.execution.real import RealDatabase
from sql_ft.execution.schema import normalize_type
from sql_ft.execution.tables import MIXED, Column, ForeignKey, Schema, Table, quote_name

MAX_ROWS_PER_TABLE = 10_000


def read_sqlite(
    path: Path, *, max_rows_per_table: int = MAX_ROWS_PER_TABLE, dialect: str = "sqlite"
) -> tuple[str, RealDatabase]:
    """Read a file; it is opened read-only, and text that is not UTF-8 is tolerated.

    A table with more than `max_rows_per_table` rows is read in part: rows at even
    distances, and every row that a row read refers to by a foreign key, so that the part
    satisfies the declared keys as the whole does. A gold means on it what it means on any
    database of the schema; its result on the whole file is another one.

    Args:
        path: The file.
        max_rows_per_table: Most rows of one table (more only for rows referred to).
        dialect: Of the queries to come. For ``sqlite`` dates stay text and booleans
            numbers, as in the file; for others columns declared as such get these types
            where every value is one.

    Returns:
        The CREATE TABLE statements as the file has them, and the database.

    Raises:
        DataError: The file is missing, no SQLite database, or has no tables.
    """
    if not path.is_file():
        raise DataError(f"no database at {path}", expected="a SQLite file")
    try:
        connection = _open(path)
        try:
            return read_connection(connection, max_rows_per_table, dialect)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataError(f"cannot read {path}: {error}", expected="a SQLite file") from error
    except EmptyDatabaseError:
        raise DataError(f"{path} has no tables", expected="a SQLite file with tables") from None


class EmptyDatabaseError(ValueError):
    """A database without tables."""


def read_connection(
    connection: sqlite3.Connection,
    max_rows_per_table: int = MAX_ROWS_PER_TABLE,
    dialect: str = "sqlite",
) -> tuple[str, RealDatabase]:
    """Read an open database; see `read_sqlite`.

    Raises:
        EmptyDatabaseError: It has no tables.
        sqlite3.Error: It cannot be read.
    """
    created = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
    ).fetchall()
    if not created:
        raise EmptyDatabaseError
    tables = tuple(_read_table(connection, str(n), dialect) for n, _ in created)
    rows, capped = read_rows(connection, Schema(tables), max_rows_per_table)
    database = RealDatabase(Schema(tables), Database(REAL, rows), capped)
    statements = [str(sql).strip().rstrip(";") + ";" for _, sql in created]
    return "\n".join(statements), database


def _open(path: Path) -> sqlite3.Connection:
    uri = path.resolve().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True)
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        # In a folder that cannot be written, a file in WAL mode opens only as immutable.
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True)
    connection.text_factory = _decode
    return connection


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _read_table(connection: sqlite3.Connection, name: str, dialect: str) -> Table:
    quoted = quote_name(name)
    # hidden 1 is a column of a virtual table that `*` does not return.
    info = [r for r in connection.execute(f"PRAGMA table_xinfo({quoted})") if r[6] != 1]
    primary = tuple(r[1] for r in sorted((r for r in info if r[5]), key=lambda r: r[5]))
    keys = _unique_keys(connection, quoted)
    single = {key[0] for key in [primary, *keys] if len(key) == 1}
    contents = _contents(connection, quoted, [str(r[1]) for r in info], dialect)
    columns = tuple(
        Column(
            name=str(column),
            type=choose_type(str(declared or ""), contents[str(column)], dialect),
            declared_type=str(declared or ""),
            nullable=not not_null and not place,
            unique=column in single,
            affinity=MIXED if contents[str(column)].mixed else affinity(str(declared or "")),
        )
        for _, column, declared, not_null, _, place, _ in info
    )
    return Table(
        name,
        columns,
        primary,
        _foreign_keys(connection, quoted),
        tuple(key for key in keys if len(key) > 1 and key != primary),
    )


def _unique_keys(connection: sqlite3.Connection, quoted: str) -> list[tuple[str, ...]]:
    found = []
    for _, index, unique, _, partial in connection.execute(f"PRAGMA index_list({quoted})"):
        if unique and not partial:
            names = [r[2] for r in connection.execute(f"PRAGMA index_info({quote_name(index)})")]
            # An index over an expression has no column name.
            if all(names):
                found.append(tuple(str(n) for n in names))
    return sorted(set(found))


def _foreign_keys(connection: sqlite3.Connection, quoted: str) -> tuple[ForeignKey, ...]:
    parts: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, target, own, other, *_ in sorted(
        connection.execute(f"PRAGMA foreign_key_list({quoted})"), key=lambda r: (r[0], r[1])
    ):
        parts.setdefault(number, []).append((target, own, other))
    return tuple(
        ForeignKey(
            tuple(own for _, own, _ in part),
            part[0][0],
            tuple(other for _, _, other in part if other is not None),
        )
        for part in parts.values()
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """Which of SQLite's storage classes a column holds, NULL aside.

    Attributes:
        kinds: Of ``integer``, ``real``, ``text`` and ``blob``.
        dates: Every value is an ISO date.
        timestamps: Every value is an ISO date with a time.
    """

    kinds: frozenset[str]
    dates: bool = False
    timestamps: bool = False

    @property
    def mixed(self) -> bool:
        """Numbers and text stand beside each other."""
        return "text" in self.kinds and bool(self.kinds & {"integer", "real"})


_KINDS = ("integer", "real", "text", "blob")


def _contents(
    connection: sqlite3.Connection, quoted: str, names: list[str], dialect: str
) -> dict[str, Content]:
    """What each column holds: one scan of the table, because files can be large."""
    tests = [f"MAX(typeof({{0}}) = '{kind}')" for kind in _KINDS]
    if dialect != "sqlite":
        tests += ["MIN(date({0}) IS {0})", "MIN(datetime({0}) IS {0})"]
    found = {}
    # SQLite returns at most 2,000 columns.
    for start in range(0, len(names), 200):
        part = names[start : start + 200]
        select = ", ".join(test.format(quote_name(name)) for name in part for test in tests)
        values = connection.execute(f"SELECT {select} FROM {quoted}").fetchone()
        for place, name in enumerate(part):
            own = values[place * len(tests) : (place + 1) * len(tests)]
            kinds = frozenset(kind for kind, some in zip(_KINDS, own[:4], strict=True) if some)
            found[name] = Content(kinds, *(bool(v) for v in own[4:]))
    return found


def affinity(declared: str) -> str:
    """SQLite's column affinity (https://sqlite.org/datatype3.html, section 3.1)."""
    text = declared.upper()
    if "INT" in text:
        return "INTEGER"
    if any(word in text for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not text or "BLOB" in text:
        return "BLOB"
    if any(word in text for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def choose_type(declared: str, content: Content, dialect: str = "sqlite") -> str:
    """DuckDB type that keeps what SQLite does with a column.

    The values decide, because SQLite compares and sorts values: whole numbers are BIGINT,
    numbers DOUBLE, and as soon as there is one text, VARCHAR. A column declared TEXT that
    holds only digits is VARCHAR: SQLite sorts and compares it as text. Numbers beside text
    are VARCHAR too, and `Column.affinity` tells the translation that SQLite compares the
    numbers among them as numbers. An empty column has its declared type.
    """
    kinds = content.kinds
    if dialect != "sqlite" and kinds <= {"text"}:
        wanted = normalize_type(declared, dialect)
        if wanted == "DATE" and (content.dates or not kinds):
            return "DATE"
        if wanted == "TIMESTAMP" and (content.timestamps or not kinds):
            return "TIMESTAMP"
    if not kinds:
        return "BIGINT" if affinity(declared) == "INTEGER" else normalize_type(declared)
    if kinds == {"integer"}:
        return "DOUBLE" if affinity(declared) == "REAL" else "BIGINT"
    if kinds <= {"integer", "real"}:
        return "DOUBLE"
    return "BLOB" if kinds == {"blob"} else "VARCHAR"
