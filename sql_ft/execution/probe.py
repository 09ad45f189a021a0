"""A fast in-process engine on which the builder tries golds and their mutants.

SQLite where it can be (tens of microseconds a query, and the oracle of what a public
gold means), DuckDB for golds in another dialect. Only golds and mutants made from them
run here, after `guard`; predictions run in `sandbox`.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import duckdb
import sqlglot
import sqlglot.errors

from sql_ft.closing import Closing
from sql_ft.execution.tables import MIXED, Column, Schema, create_sql, quote_name
from sql_ft.execution.worker import open_connection

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
MAX_STEPS = 2_000_000
MAX_ROWS = 20_000
_STEP = 50_000
_SQLITE_TYPES = {"BIGINT": "INTEGER", "DOUBLE": "REAL", "VARCHAR": "TEXT", "BOOLEAN": "INTEGER"}


def _declared(column: Column) -> str:
    """SQLite type whose affinity is the column's own, or else that of its DuckDB type."""
    if column.affinity == "BLOB":
        return ""
    own = "NUMERIC" if column.affinity == MIXED else column.affinity
    return own or _SQLITE_TYPES.get(column.type, "TEXT")


class Probe(Protocol):
    """One schema; any number of row sets, one at a time.

    Attributes:
        error: Why the last query failed.
        exhausted: It failed because it took too many steps or gave too many rows.
    """

    error: str
    exhausted: bool

    def load(self, rows: Rows) -> None:
        """Replace all rows."""

    def run(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Rows of a query in the source dialect; None if it failed (`error` says why)."""

    def close(self) -> None:
        """Free the engine."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class _State(Closing):
    error = ""
    exhausted = False


class SqliteProbe(_State):
    """SQLite in memory; queries are cut off after a number of virtual-machine steps.

    Steps, not seconds: the same gold is cut off at the same place on every machine.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for table in schema.tables:
            columns = ", ".join(f"{quote_name(c.name)} {_declared(c)}" for c in table.columns)
            self._connection.execute(f"CREATE TABLE {quote_name(table.name)} ({columns})")
        self._left = 0
        self._connection.set_progress_handler(self._tick, _STEP)

    def _tick(self) -> int:
        self._left -= _STEP
        return int(self._left < 0)

    def load(self, rows: Rows) -> None:
        """Replace all rows."""
        # Steps are for queries; however many rows there are, they are ours.
        self._left = sys.maxsize
        self._connection.execute("PRAGMA query_only = 0")
        self._connection.execute("BEGIN")
        for table in self.schema.tables:
            name = quote_name(table.name)
            self._connection.execute(f"DELETE FROM {name}")
            marks = ", ".join("?" * len(table.columns))
            self._connection.executemany(
                f"INSERT INTO {name} VALUES ({marks})", rows.get(table.name, ())
            )
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA query_only = 1")

    def run(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Rows of a query; None if it failed (`error` says why)."""
        self._left = MAX_STEPS
        self.error, self.exhausted = "", False
        try:
            rows = self._connection.execute(sql).fetchmany(MAX_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            self.error, self.exhausted = str(error), self._left < 0
            return None
        if len(rows) > MAX_ROWS:
            self.exhausted = True
            self.error = f"more than {MAX_ROWS} rows"
            return None
        return rows

    def close(self) -> None:
        """Free the engine."""
        self._connection.close()


class DuckdbProbe(_State):
    """DuckDB in memory, locked as in the sandbox, for dialects that SQLite cannot run."""

    def __init__(self, schema: Schema, dialect: str) -> None:
        self.schema, self.dialect = schema, dialect
        self._connection = open_connection(512)
        for statement in create_sql(schema):
            self._connection.execute(statement)

    def load(self, rows: Rows) -> None:
        """Replace all rows."""
        for table in self.schema.tables:
            name = quote_name(table.name)
            self._connection.execute(f"TRUNCATE {name}")
            present = rows.get(table.name, ())
            if present:
                mark = "(" + ", ".join("?" * len(table.columns)) + ")"
                values = [v for row in present for v in row]
                self._connection.execute(
                    f"INSERT INTO {name} VALUES " + ", ".join([mark] * len(present)), values
                )

    def run(self, sql: str) -> list[tuple[Any, ...]] | None:
        """Rows of a query; None if it failed (`error` says why)."""
        self.error, self.exhausted = "", False
        timer = threading.Timer(2.0, self._connection.interrupt)
        timer.start()
        try:
            text = sqlglot.transpile(sql, read=self.dialect, write="duckdb", identify=True)[0]
            rows = self._connection.execute(text).fetchmany(MAX_ROWS + 1)
        except (duckdb.Error, sqlglot.errors.SqlglotError) as error:
            self.error = str(error).splitlines()[0]
            self.exhausted = isinstance(error, duckdb.InterruptException)
            return None
        finally:
            timer.cancel()
        if len(rows) > MAX_ROWS:
            self.exhausted = True
            self.error = f"more than {MAX_ROWS} rows"
            return None
        return rows

    def close(self) -> None:
        """Free the engine."""
        self._connection.close()


def open_probe(schema: Schema, dialect: str) -> Probe:
    """The engine for golds of a dialect."""
    return SqliteProbe(schema) if dialect == "sqlite" else DuckdbProbe(schema, dialect)
