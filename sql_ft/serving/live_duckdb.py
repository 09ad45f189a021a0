"""Child side: DuckDB, read-only, without files, network, extensions or settings.

DuckDB lets nobody write to a file that anybody has open, so it is read from a private copy
where it is small enough. What is open here stays as it was opened: when the file has
changed, the parent starts another child.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

from sql_ft.execution.engine_settings import engine_settings
from sql_ft.execution.worker import Watchdog, classify
from sql_ft.serving.private_copy import Signature, copy_quietly, read_signature, writer_pid
from sql_ft.serving.reply import FaultError, Reader, failure

_SAMPLE_ROWS = 50
_PATIENCE_S = 1.0


class DuckdbFile:
    """One file, opened once.

    Args:
        path: The live file.
        copy: Where a private copy may be put.
        copy_bytes: Largest file that is copied.
        memory_limit_mb: For the engine.
        timeout_s: Longest query.

    Raises:
        FaultError: The file is being written, or is no DuckDB database.
    """

    def __init__(
        self, path: Path, copy: Path, *, copy_bytes: int, memory_limit_mb: int, timeout_s: float
    ) -> None:
        self._path = path
        signature = read_signature(path, "duckdb")
        size = signature.size + (signature.wal[0] if signature.wal else 0)
        copied = None
        if size <= copy_bytes:
            copied = copy_quietly(path, copy, "duckdb", patience_s=_PATIENCE_S)
        if copied is None:
            holder = writer_pid(path, "duckdb")
            if holder is not None:
                raise FaultError(_locked(path, holder))
        self._signature: Signature = copied or signature
        self.keeps_writers_out = copied is None
        self._connection = _connect(copy if copied else path, path.name, memory_limit_mb)
        self._begin, self._rollback = self._connection.extract_statements(
            "BEGIN TRANSACTION READ ONLY; ROLLBACK"
        )
        # The engine is interrupted; who ignores that is ended by the watchdog.
        self._watchdog = Watchdog(self._connection, timeout_s)
        self._watchdog.start()

    @property
    def is_stale(self) -> bool:
        """The live file is no longer what was opened."""
        try:
            return read_signature(self._path, "duckdb") != self._signature
        except OSError as error:
            raise FaultError(f"cannot read {self._path.name}: {error.strerror or error}") from error

    def stamp(self) -> str:
        """Changes when anything does."""
        return f"{os.getpid()}-{self._signature.inode}-{self._signature.mtime_ns}"

    def run(self, sql: str, timeout_s: float, reader: Reader) -> dict[str, Any]:
        """Run one query in a read-only transaction."""
        self._watchdog.arm(timeout_s)
        began = False
        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1:
                kind = "not_a_query" if statements else "empty"
                return failure(kind, f"{len(statements)} statements")
            if statements[0].type != duckdb.StatementType.SELECT:
                return failure("not_a_query", f"{statements[0].type} is not a query")
            self._connection.execute(self._begin)
            began = True
            cursor = self._connection.execute(statements[0])
            columns = [str(d[0]) for d in cursor.description or ()]
            return reader.read(columns, cursor.fetchmany)
        except (duckdb.Error, MemoryError, RuntimeError, ValueError, OverflowError) as error:
            if self._watchdog.fired:
                return failure("timeout", f"interrupted after {timeout_s:g} s")
            return failure(classify(error), _explain(error))
        finally:
            self._watchdog.disarm()
            if began:
                self._connection.execute(self._rollback)

    def describe(self) -> dict[str, Any]:
        """Tables, views, columns, keys and a few values.

        Raises:
            FaultError: The catalog cannot be read.
        """
        try:
            return {"tables": [self._table(*row) for row in self._names()]}
        except duckdb.Error as error:
            raise FaultError(f"cannot read {self._path.name}: {_explain(error)}") from error

    def _names(self) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT table_name, FALSE, table_oid FROM duckdb_tables()"
            " WHERE NOT internal AND NOT temporary AND schema_name = 'main'"
            " AND database_name = current_database() UNION ALL"
            " SELECT view_name, TRUE, view_oid FROM duckdb_views()"
            " WHERE NOT internal AND NOT temporary AND schema_name = 'main'"
            " AND database_name = current_database() ORDER BY 3"
        ).fetchall()

    def _table(self, name: str, view: bool, _: int) -> dict[str, Any]:
        columns = self._connection.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns()"
            " WHERE table_name = ? AND schema_name = 'main'"
            " AND database_name = current_database() ORDER BY column_index",
            [name],
        ).fetchall()
        keys = self._connection.execute(
            "SELECT constraint_type, constraint_column_names, referenced_table,"
            " referenced_column_names FROM duckdb_constraints()"
            " WHERE table_name = ? AND schema_name = 'main'"
            " AND database_name = current_database()",
            [name],
        ).fetchall()
        primary = next((list(k[1]) for k in keys if k[0] == "PRIMARY KEY"), [])
        foreign = [
            [number, 0, key[2], own, other]
            for number, key in enumerate(k for k in keys if k[0] == "FOREIGN KEY")
            for own, other in zip(key[1], key[3], strict=True)
        ]
        return {
            "name": name,
            "view": view,
            "columns": [
                [c, kind, not nullable, primary.index(c) + 1 if c in primary else 0]
                for c, kind, nullable in columns
            ],
            "foreign": foreign,
            "values": {} if view else self._values(name),
        }

    def _values(self, name: str) -> dict[str, list[Any]]:
        quoted = '"' + name.replace('"', '""') + '"'
        try:
            cursor = self._connection.execute(f"SELECT * FROM {quoted} LIMIT {_SAMPLE_ROWS}")
            names = [str(d[0]) for d in cursor.description or ()]
            rows = cursor.fetchall()
        except duckdb.Error:
            return {}
        return {n: list(v) for n, v in zip(names, zip(*rows, strict=True), strict=False)}


def _connect(path: Path, name: str, memory_limit_mb: int) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(
            str(path), read_only=True, config=engine_settings(f"{memory_limit_mb}MB")
        )
        connection.execute("SET enable_external_access = false")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        if "lock" in str(error):
            raise FaultError(_locked(path, writer_pid(path, "duckdb") or 0)) from error
        raise FaultError(f"cannot read {name}: {_explain(error)}") from error
    return connection


def _locked(path: Path, holder: int) -> str:
    by = f"process {holder}" if holder else "another process"
    return (
        f"{path.name} is open for writing in {by}, and DuckDB then lets nobody read it; "
        "ask again when that one has closed it"
    )


def _explain(error: BaseException) -> str:
    text = str(error).strip()
    return " ".join(text.splitlines()[0].split())[:500] if text else type(error).__name__
