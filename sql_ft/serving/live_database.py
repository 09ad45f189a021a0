"""A database that others use: read only, within limits, in a process that can be killed.

Nothing of the file is parsed in this process. The engine opens it read-only in a child;
queries are checked as those of the evaluation are, and refused, cut or ended by the same
taxonomy (`records.ExecutionStatus`).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, cast

from sql_ft.closing import Closing
from sql_ft.errors import DataError, SandboxError, SqlTranslationError
from sql_ft.execution import guard, wire
from sql_ft.execution.dialect import translate
from sql_ft.execution.schema import normalize_type
from sql_ft.execution.tables import Column, ForeignKey, Schema, Table
from sql_ft.records import ExecutionStatus
from sql_ft.serving.live_process import DeadError, LateError, LiveProcess
from sql_ft.serving.query import Kind, LiveSchema, QueryLimits, QueryResult, QueryTarget
from sql_ft.serving.schema_context import SchemaContext, render_context

__all__ = [
    "Kind",
    "LiveDatabase",
    "LiveSchema",
    "QueryLimits",
    "QueryResult",
    "QueryTarget",
    "SchemaContext",
    "open_database",
    "render_context",
]

_SCHEMA_TIMEOUT_S = 15.0
_SAMPLES = 5
_STALE_ATTEMPTS = 20
# What the child writes for a value on the wire may be six times its bytes.
_MOST_BYTES = 8_000_000
_TRIES_OF_THE_ENGINE = frozenset({ExecutionStatus.SYNTAX})


class LiveDatabase(Closing):
    """One open file; a context manager. Made by `open_database`.

    Safe to use from several threads: one query runs at a time. No lock and no transaction
    outlives a query.
    """

    def __init__(self, path: Path, limits: QueryLimits) -> None:
        self._path = path
        self.limits = limits
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = tempfile.TemporaryDirectory(
            prefix="sql-ft-live-"
        )
        self._process: LiveProcess | None = None
        self._schema: LiveSchema | None = None
        self._stamp = ""
        try:
            self._kind = cast(Kind, self._started().kind)
        except BaseException:
            self.close()
            raise
        self._release()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def kind(self) -> Kind:
        """``sqlite`` or ``duckdb``."""
        return self._kind

    def schema(self) -> LiveSchema:
        """Tables as they are now; read again only if the schema has changed.

        Raises:
            DataError: The file has no tables, is locked, damaged or gone.
        """
        with self._lock:
            try:
                return self._read_schema()
            except LateError as error:
                raise DataError(
                    f"the schema of {self._path.name} cannot be read in time"
                ) from error
            except DeadError as error:
                raise DataError(f"reading {self._path.name} failed: {error}") from error
            finally:
                self._release()

    def run(
        self,
        sql: str,
        *,
        timeout_s: float | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        native: bool = False,
    ) -> QueryResult:
        """Run one query; its failure is data, never an exception.

        Args:
            sql: One query, in SQLite's dialect.
            timeout_s: Instead of the limits' own; the same for the next two.
            max_rows: Most rows.
            max_bytes: Most bytes.
            native: On DuckDB: the text is DuckDB's own, not to be translated.

        Raises:
            DataError: The file is locked, damaged or gone.
            SandboxError: The child cannot be started.
        """
        started = time.monotonic()
        limits = self.limits
        text = sql
        try:
            if self._kind == "duckdb" and not native:
                text = translate(sql, self.schema().schema, note_passes=False).sql
            else:
                guard.parse_one(sql, self._kind)
        except SqlTranslationError as error:
            status = ExecutionStatus(error.status)
            # SQLite reads more than our parser does, and says more exactly what is wrong.
            if self._kind != "sqlite" or status not in _TRIES_OF_THE_ENGINE or _is_too_much(sql):
                return QueryResult(status, error=error.message, executed_sql=text)
        request = {
            "op": "run",
            "sql": text,
            "timeout_s": limits.timeout_s if timeout_s is None else timeout_s,
            "max_rows": limits.max_rows if max_rows is None else max_rows,
            "max_bytes": min(limits.max_bytes if max_bytes is None else max_bytes, _MOST_BYTES),
        }
        with self._lock:
            try:
                result = _to_result(self._ask(request))
            except LateError:
                result = QueryResult(
                    ExecutionStatus.TIMEOUT, error=f"killed after {request['timeout_s']:g} s"
                )
            except DeadError as error:
                # What ended it cannot be told from outside; a query that ran out of memory says so.
                result = QueryResult(
                    ExecutionStatus.HARNESS, error=f"the process that reads the file died: {error}"
                )
            finally:
                self._release()
        return dataclasses.replace(result, duration_s=time.monotonic() - started, executed_sql=text)

    def close(self) -> None:
        """End the child and remove private copies."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _read_schema(self) -> LiveSchema:
        if self._schema is not None:
            stamp = self._ask({"op": "stamp", "timeout_s": _SCHEMA_TIMEOUT_S})["stamp"]
            if stamp == self._stamp:
                return self._schema
        answer = self._ask({"op": "describe", "timeout_s": _SCHEMA_TIMEOUT_S})
        self._schema = _to_schema(answer, self._kind)
        self._stamp = str(answer["stamp"])
        if not self._schema.schema.tables:
            self._schema = None
            raise DataError(f"{self._path.name} has no tables", expected="a database with tables")
        return self._schema

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        for _ in range(_STALE_ATTEMPTS):
            process = self._started()
            try:
                answer = process.ask(request)
            except BaseException:
                self._process = None
                raise
            if "stale" not in answer:
                return answer
            # DuckDB shows a file as it was when it was opened.
            process.kill()
            self._process = None
        raise DataError(
            f"{self._path.name} changes faster than it can be read",
            expected="a moment in which nobody writes",
        )

    def _started(self) -> LiveProcess:
        if self._folder is None:
            raise SandboxError("the database is closed", expected="with open_database(...)")
        if self._process is None:
            self._process = LiveProcess(
                {
                    **dataclasses.asdict(self.limits),
                    "path": str(self._path),
                    "folder": self._folder.name,
                }
            )
        return self._process

    def _release(self) -> None:
        """Whoever waits to write to a DuckDB file need not wait for the next question."""
        if self._process is not None and self._process.direct:
            self._process.kill()
            self._process = None


def open_database(path: Path | str, limits: QueryLimits | None = None) -> LiveDatabase:
    """Open a SQLite or DuckDB file for reading; its first bytes tell which it is.

    Raises:
        DataError: No such file, or neither a SQLite nor a DuckDB database.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        found = "is not a file" if file.exists() else "does not exist"
        raise DataError(f"{file} {found}", expected="a SQLite or DuckDB database")
    return LiveDatabase(file, limits or QueryLimits())


def _is_too_much(sql: str) -> bool:
    """Refused for its size or its bytes; no engine is to see it either."""
    try:
        guard.check_text(sql)
    except SqlTranslationError:
        return True
    return False


def _to_result(answer: dict[str, Any]) -> QueryResult:
    return QueryResult(
        ExecutionStatus(answer["s"]),
        tuple(str(c) for c in answer["c"]),
        wire.decode_rows(answer["r"]),
        bool(answer.get("t")),
        str(answer["e"]),
    )


def _to_schema(answer: dict[str, Any], kind: Kind) -> LiveSchema:
    tables = []
    samples: dict[str, dict[str, tuple[Any, ...]]] = {}
    views = set()
    for found in answer["tables"]:
        # What cannot be read (a view over a table that is gone) cannot be asked about.
        if not found["columns"]:
            continue
        table = _to_table(found, kind)
        tables.append(table)
        if found["view"]:
            views.add(table.name)
        samples[table.name] = {
            str(column): _distinct([wire.decode_value(v) for v in values])
            for column, values in found["values"].items()
        }
    return LiveSchema(Schema(tuple(tables)), frozenset(views), samples)


def _to_table(found: dict[str, Any], kind: Kind) -> Table:
    primary = tuple(c[0] for c in sorted(found["columns"], key=lambda c: c[3]) if c[3])
    columns = tuple(
        Column(
            name=str(name),
            type=normalize_type(str(declared), kind),
            declared_type=str(declared),
            nullable=not not_null and not place,
            unique=primary == (name,),
        )
        for name, declared, not_null, place in found["columns"]
    )
    parts: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, target, own, other in sorted(found["foreign"], key=lambda f: (f[0], f[1])):
        parts.setdefault(number, []).append((target, own, other))
    foreign = tuple(
        ForeignKey(
            tuple(own for _, own, _ in part),
            part[0][0],
            tuple(other for _, _, other in part if other is not None),
        )
        for part in parts.values()
    )
    return Table(str(found["name"]), columns, primary, foreign)


def _distinct(values: list[Any]) -> tuple[Any, ...]:
    # Lists and structures of DuckDB may hold what cannot be hashed.
    shown = [v for v in values if isinstance(v, (str, int, float, dt.date, decimal.Decimal)) and v]
    return tuple(dict.fromkeys(shown))[:_SAMPLES]
