"""Child side: SQLite, opened so that it can read and do nothing else.

Four fences: the file is opened ``mode=ro`` (or is a private copy), ``query_only`` is on, an
authorizer refuses every action but reading, and the process has no right to create files.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from sql_ft.execution.tables import quote_name
from sql_ft.serving.private_copy import (
    copy_quietly,
    has_hot_journal,
    has_wal,
    is_wal_format,
    read_signature,
)
from sql_ft.serving.reply import FaultError, Reader, failure

# A writer that is never quiet for so long has to wait for a reader now and then.
_PATIENCE_S = 0.5
_TICK_OPERATIONS = 1_000
_HEAP_BYTES = 256 * 1024 * 1024
_VALUE_BYTES = 16 * 1024 * 1024
_SAMPLE_ROWS = 50
_SAMPLE_S = 0.5

# Functions that reach outside, or that change how the engine behaves.
_REFUSED_FUNCTIONS = frozenset(
    {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_log"}
)
# Full-text tables ask for these two by themselves.
_HARMLESS_PRAGMAS = frozenset({"data_version", "page_size"})
_INTROSPECTION = frozenset({"table_xinfo", "foreign_key_list", "schema_version"})
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_MISSING = (("no such table", "unknown_table"), ("no such column", "unknown_column"))
# The last one: a journal has to be rolled back, and this connection may not.
_FILE_ERRORS = (
    "database is locked",
    "malformed",
    "not a database",
    "disk I/O",
    "unable to open",
    "readonly database",
)
_SYNTAX = ("syntax error", "unrecognized token", "incomplete input", "unterminated")


class SqliteFile:
    """One file; opened anew whenever it has become another.

    Args:
        path: The live file.
        copy: Where a private copy may be put.
        copy_bytes: Largest file that is copied.
        max_lock_s: How long a query may keep writers waiting that no copy spares.
    """

    def __init__(self, path: Path, copy: Path, *, copy_bytes: int, max_lock_s: float) -> None:
        self._path = path
        self._copy = copy
        self._copy_bytes = copy_bytes
        self._max_lock_s = max_lock_s
        self._connection: sqlite3.Connection | None = None
        self._source: Any = None
        self._deadline = 0.0
        self._introspecting = False

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._source = None

    def run(self, sql: str, timeout_s: float, reader: Reader) -> dict[str, Any]:
        """Run one query.

        Raises:
            FaultError: The file, not the query, is to blame.
        """
        until = time.monotonic() + timeout_s
        connection, blocks = self._open()
        try:
            allowed = min(timeout_s, self._max_lock_s) if blocks else timeout_s
            reply = self._execute(connection, sql, allowed, reader)
            if not blocks or reply["s"] != "timeout" or allowed >= timeout_s:
                return reply
            copied = self._copy_patiently()
            if copied is None:
                return failure(
                    "timeout",
                    f"not finished after {allowed:g} s, and reading longer would keep the "
                    "writers of this file waiting (it is not in WAL mode)",
                )
            return self._execute(copied, sql, max(0.01, until - time.monotonic()), reader)
        finally:
            if blocks:
                self.close()

    def describe(self) -> dict[str, Any]:
        """Tables, views, columns, keys and a few values.

        Raises:
            FaultError: The file is no database, damaged or locked.
        """
        connection, blocks = self._open()
        self._introspecting = True
        self._deadline = time.monotonic() + 10.0
        try:
            return {"tables": [self._table(connection, *row) for row in self._names(connection)]}
        except sqlite3.Error as error:
            raise self._fault(error) from error
        finally:
            self._introspecting = False
            if blocks:
                self.close()

    def stamp(self) -> str:
        """Changes when the schema does; looked at without a lock where a copy is read."""
        connection, blocks = self._open()
        self._introspecting = True
        self._deadline = time.monotonic() + 5.0
        try:
            (number,) = connection.execute("PRAGMA schema_version").fetchone()
            return f"{read_signature(self._path, 'sqlite').inode}-{number}"
        except sqlite3.Error as error:
            raise self._fault(error) from error
        finally:
            self._introspecting = False
            if blocks:
                self.close()

    def _open(self) -> tuple[sqlite3.Connection, bool]:
        """A connection, and whether reading through it keeps writers waiting."""
        try:
            signature = read_signature(self._path, "sqlite")
            # Without a log nobody has it open; to open it would leave an empty log and its
            # index behind, so it is copied like any other.
            if has_wal(self._path):
                source: Any = ("wal", signature.inode)
                if self._connection is None or source != self._source:
                    self._connect(self._path, source, "mode=ro")
                assert self._connection is not None
                return self._connection, False
            if self._connection is not None and self._source == signature:
                return self._connection, False
            if signature.size <= self._copy_bytes:
                self.close()
                copied = copy_quietly(self._path, self._copy, "sqlite", patience_s=_PATIENCE_S)
                if copied is not None:
                    # Private, so nobody changes it: no locks, no journals looked for.
                    return self._connect(self._copy, copied, "mode=ro&immutable=1"), False
            if is_wal_format(self._path):
                source = ("wal", signature.inode)
                return self._connect(self._path, source, "mode=ro"), False
            return self._connect(self._path, None, "mode=ro"), True
        except OSError as error:
            raise FaultError(f"cannot read {self._path.name}: {error.strerror or error}") from error
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _copy_patiently(self) -> sqlite3.Connection | None:
        """Wait for a moment in which nobody writes; for a query that takes long."""
        self.close()
        if read_signature(self._path, "sqlite").size > self._copy_bytes:
            return None
        copied = copy_quietly(self._path, self._copy, "sqlite", patience_s=4 * _PATIENCE_S)
        if copied is None:
            return None
        return self._connect(self._copy, copied, "mode=ro&immutable=1")

    def _connect(self, path: Path, source: Any, options: str) -> sqlite3.Connection:
        self.close()
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?{options}",
            uri=True,
            timeout=2.0,
            isolation_level=None,
            cached_statements=0,
        )
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        for pragma in (
            "query_only = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            # A file that another process cuts would end this one with SIGBUS.
            "mmap_size = 0",
            "temp_store = MEMORY",
            f"hard_heap_limit = {_HEAP_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        for limit, value in (
            (sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES),
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
            (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
            (sqlite3.SQLITE_LIMIT_VDBE_OP, 1_000_000),
        ):
            connection.setlimit(limit, value)
        # Python 3.12; before, what it forbids is out of reach of a read-only connection anyway.
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(self._late, _TICK_OPERATIONS)
        self._connection, self._source = connection, source
        return connection

    def _authorize(
        self, action: int, first: str | None, second: str | None, schema: str | None, by: str | None
    ) -> int:
        if action in _READING:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            refused = (second or "").lower() in _REFUSED_FUNCTIONS
            return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA:
            name = (first or "").lower()
            if name in _HARMLESS_PRAGMAS and second is None:
                return sqlite3.SQLITE_OK
            # With schema_version an argument would be a new value.
            harmless = name in _INTROSPECTION and (name != "schema_version" or second is None)
            if self._introspecting and harmless:
                return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def _execute(
        self, connection: sqlite3.Connection, sql: str, timeout_s: float, reader: Reader
    ) -> dict[str, Any]:
        self._deadline = time.monotonic() + timeout_s
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            if cursor.description is None:
                return failure("not_a_query", "the statement returns no rows")
            return reader.read([str(d[0]) for d in cursor.description], cursor.fetchmany)
        except MemoryError:
            return failure("memory", "out of memory")
        except (sqlite3.Error, sqlite3.Warning, UnicodeError, ValueError, OverflowError) as error:
            if time.monotonic() > self._deadline and "interrupted" in str(error):
                return failure("timeout", f"interrupted after {timeout_s:g} s")
            self._raise_if_fault(error)
            return failure(_classify(error), _explain(error))
        finally:
            # Ends the read transaction, also of a query that was not read to its end; after
            # a fault the connection has gone already.
            with contextlib.suppress(sqlite3.ProgrammingError):
                cursor.close()

    def _raise_if_fault(self, error: Exception) -> None:
        text = str(error)
        if isinstance(error, sqlite3.DatabaseError) and any(mark in text for mark in _FILE_ERRORS):
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> FaultError:
        self.close()
        name = self._path.name
        if "interrupted" in str(error):
            return FaultError(f"the schema of {name} cannot be read in time")
        try:
            hot = has_hot_journal(self._path)
        except OSError:
            hot = False
        if hot:
            return FaultError(
                f"a write to {name} was interrupted ({name}-journal): a program that may write "
                "has to open the database once, to undo it"
            )
        return FaultError(f"cannot read {name}: {error}")

    @staticmethod
    def _names(connection: sqlite3.Connection) -> list[tuple[str, str]]:
        return connection.execute(
            "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
        ).fetchall()

    def _table(self, connection: sqlite3.Connection, name: str, kind: str) -> dict[str, Any]:
        quoted = quote_name(name)
        table: dict[str, Any] = {"name": name, "view": kind == "view"}
        try:
            info = connection.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
            foreign = connection.execute(f"PRAGMA foreign_key_list({quoted})").fetchall()
        except sqlite3.Error:
            # A view over what is not there, a virtual table of an unknown module.
            return {**table, "columns": []}
        # hidden 1 is a column of a virtual table that `*` does not return.
        info = [row for row in info if row[6] != 1]
        table["columns"] = [[str(r[1]), str(r[2] or ""), bool(r[3]), int(r[5])] for r in info]
        table["foreign"] = [[r[0], r[1], r[2], r[3], r[4]] for r in foreign]
        # A view can be any query, a generated column any expression: they are not run here.
        stored = [str(r[1]) for r in info if r[6] == 0]
        table["values"] = {} if kind == "view" else self._values(connection, quoted, stored)
        return table

    def _values(
        self, connection: sqlite3.Connection, quoted: str, columns: list[str]
    ) -> dict[str, list[Any]]:
        whole = self._deadline
        self._deadline = min(whole, time.monotonic() + _SAMPLE_S)
        try:
            select = ", ".join(quote_name(column) for column in columns[:200])
            cursor = connection.execute(f"SELECT {select} FROM {quoted} LIMIT {_SAMPLE_ROWS}")
            rows = cursor.fetchall()
        except (sqlite3.Error, MemoryError):
            return {}
        finally:
            self._deadline = whole
        return {
            column: list(values)
            for column, values in zip(columns, zip(*rows, strict=True), strict=False)
        }


def _classify(error: Exception) -> str:
    text = str(error)
    for mark, status in _MISSING:
        if mark in text:
            return status
    if any(mark in text for mark in _SYNTAX):
        return "syntax"
    if "one statement at a time" in text or "not authorized" in text or "readonly" in text:
        return "not_a_query"
    if "out of memory" in text:
        return "memory"
    return "runtime_error"


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    if "not authorized" in text:
        return f"only reading is allowed: {text}"
    return text or type(error).__name__
