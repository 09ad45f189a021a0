"""Child of the sandbox: one locked DuckDB connection, one query at a time.

Started by `sandbox` as an isolated interpreter with an empty environment; talks
through its standard input and output. Imports the standard library, duckdb, `wire` and the
engine's settings.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from sql_ft.execution import wire
from sql_ft.execution.engine_settings import engine_settings
from sql_ft.execution.worker_tables import Tables

if TYPE_CHECKING:
    import duckdb
else:
    try:
        # The engine alone: the package around it takes two thirds of a worker's start.
        import _duckdb as duckdb
    except ImportError:
        import duckdb

try:
    import resource
except ImportError:  # not a POSIX system; the parent refuses to start there
    resource = None  # type: ignore[assignment]

_CHUNK_ROWS = 2048
_GRACE_S = 1.0
_KEPT_QUERIES = 20


class Watchdog(threading.Thread):
    """Interrupts a late query, and ends the process that ignores the interrupt.

    DuckDB can miss one interrupt that comes before execution starts, so it is repeated.
    The thread looks at the clock at fixed intervals: to be woken for every query would
    cost more than most queries.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, timeout_s: float) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._interval_s = min(0.1, timeout_s / 10)
        self._grace_s = min(_GRACE_S, timeout_s)
        self._deadline: float | None = None
        self._lock = threading.Lock()
        self._parent = os.getppid()
        self.fired = False

    def arm(self, seconds: float, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        """Start the clock of one query, on another connection than the last if one is named."""
        with self._lock:
            self._connection = connection or self._connection
            self.fired = False
            self._deadline = time.monotonic() + seconds

    def disarm(self) -> None:
        """Stop the clock."""
        with self._lock:
            self._deadline = None

    def run(self) -> None:
        """Thread body."""
        while True:
            pause = self._interval_s
            # The lock is held while interrupting, so that no interrupt meant for one query
            # reaches the next.
            with self._lock:
                now = time.monotonic()
                if self._deadline is not None and now >= self._deadline:
                    self.fired = True
                    self._connection.interrupt()
                    if now > self._deadline + self._grace_s:
                        os._exit(75)
                    pause = 0.02
                elif self._deadline is not None:
                    pause = min(pause, self._deadline - now)
            if os.getppid() != self._parent:
                os._exit(76)
            time.sleep(max(pause, 0.001))


def open_connection(memory_limit_mb: int) -> duckdb.DuckDBPyConnection:
    """In-memory DuckDB without files, network, extensions, replacement scans or settings."""
    return open_connections(memory_limit_mb)[0]


def open_connections(
    memory_limit_mb: int,
) -> tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]:
    """Three connections to one such database: with the optimizer, and two without it.

    The second is for queries on few rows, the third for loading rows.
    """
    connection = duckdb.connect(":memory:", config=engine_settings(f"{memory_limit_mb}MB"))
    connection.execute("SET enable_external_access = false")
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET TimeZone = 'UTC'")
    plain, loader = connection.cursor(), connection.cursor()
    plain.execute("PRAGMA disable_optimizer")
    loader.execute("PRAGMA disable_optimizer")
    connection.execute("SET lock_configuration = true")
    return connection, plain, loader


def limit_process(memory_limit_mb: int, *, file_size_bytes: int = 0) -> None:
    """Operating-system limits; called after every import and thread start."""
    size = memory_limit_mb * 1024 * 1024
    for name, value in (
        ("RLIMIT_AS", size),
        ("RLIMIT_FSIZE", file_size_bytes),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 16),
        ("RLIMIT_MEMLOCK", 0),
    ):
        kind = getattr(resource, name, None)
        if kind is not None:
            # macOS refuses RLIMIT_AS and some containers refuse to lower others; the
            # remaining limits, DuckDB's own and the parent's kill still hold.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (value, value))


def limit_cpu(seconds: float) -> None:
    """Let the next query use at most so much more CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


class Session:
    """Runs the jobs that the parent sends."""

    def __init__(self, options: dict[str, Any], out: int) -> None:
        self.timeout_s = float(options["query_timeout_s"])
        self.max_rows = int(options["max_result_rows"])
        opened = open_connections(int(options["engine_memory_mb"]))
        self.optimizing, self.plain, loader = opened
        begin, rollback = loader.extract_statements("BEGIN TRANSACTION READ ONLY; ROLLBACK")
        self.begin, self.rollback = begin, rollback
        self.tables = Tables(loader)
        self.queries: dict[str, duckdb.Statement] = {}
        self.watchdog = Watchdog(self.optimizing, self.timeout_s)
        self.watchdog.start()
        self.out = out
        limit_process(int(options["memory_limit_mb"]))

    def send(self, message: dict[str, Any]) -> None:
        """Write one frame to the parent."""
        data = wire.pack(message, wire.MAX_ANSWER_BYTES)
        view = memoryview(data)
        while view:
            view = view[os.write(self.out, view) :]

    def run_unit(self, unit: dict[str, Any]) -> None:
        """Make one database, run queries on it, report each result."""
        limit_cpu(60.0)
        try:
            if "schema" in unit:
                self.tables.set_schema(unit["schema"])
            self.tables.fill(unit["rows"], replace=unit["new"])
        except (duckdb.Error, MemoryError, ValueError) as error:
            self.send({"fault": _first_line(error)})
            raise
        self.send({"loaded": True})
        for number, sql, optimized in unit["steps"]:
            answer = self.run_query(sql, self.optimizing if optimized else self.plain)
            try:
                self.send({"n": number, **answer})
            except wire.FrameTooLargeError as error:
                self.send({"n": number, **_failure("too_many_rows", f"result of {error}")})

    def run_query(self, sql: str, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """One query in its own read-only transaction."""
        limit_cpu(self.timeout_s)
        self.watchdog.arm(self.timeout_s, connection)
        began = False
        try:
            statement = self.queries.get(sql)
            if statement is None:
                statements = connection.extract_statements(sql)
                if len(statements) != 1:
                    kind = "not_a_query" if statements else "empty"
                    return _failure(kind, f"{len(statements)} statements")
                statement = statements[0]
                if statement.type != duckdb.StatementType.SELECT:
                    return _failure("not_a_query", f"{statement.type} is not a query")
                # A right answer is asked again on each database of its question.
                if len(self.queries) >= _KEPT_QUERIES:
                    self.queries.clear()
                self.queries[sql] = statement
            if "random" in sql.lower() or "sample" in sql.lower() or "uuid" in sql.lower():
                connection.execute("SELECT setseed(0.5)").fetchall()
            connection.execute(self.begin)
            began = True
            return self.fetch(connection.execute(statement))
        # DuckDB raises RuntimeError in places that have no error type: for a failed allocation,
        # and for an interrupt.
        except (
            duckdb.Error,
            MemoryError,
            RuntimeError,
            UnicodeError,
            OverflowError,
            ValueError,
        ) as error:
            if self.watchdog.fired:
                return _failure("timeout", f"interrupted after {self.timeout_s} s")
            return _failure(classify(error), _first_line(error))
        finally:
            self.watchdog.disarm()
            if began:
                connection.execute(self.rollback)

    def fetch(self, cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        """Read at most one row more than is allowed."""
        columns = [str(d[0]) for d in cursor.description or ()]
        rows: list[tuple[Any, ...]] = []
        size = 0
        while len(rows) <= self.max_rows:
            part = cursor.fetchmany(min(_CHUNK_ROWS, self.max_rows + 1 - len(rows)))
            if not part:
                break
            rows.extend(part)
            # Before it is encoded, which takes several times the memory.
            size += sum(len(v) for row in part for v in row if isinstance(v, (str, bytes)))
            if size > wire.MAX_ANSWER_BYTES:
                return _failure("too_many_rows", f"result of more than {size} bytes")
        if len(rows) > self.max_rows:
            return _failure("too_many_rows", f"more than {self.max_rows} rows")
        return {"s": "ok", "c": columns, "r": wire.encode_rows(rows), "e": ""}


def classify(error: BaseException) -> str:
    """`ExecutionStatus` value of an engine error."""
    text = str(error)
    if isinstance(error, (MemoryError, duckdb.OutOfMemoryException)) or "bad_alloc" in text:
        return "memory"
    if "llocat" in text and ("failed" in text.lower() or "could not" in text.lower()):
        return "memory"
    if isinstance(error, duckdb.InterruptException):
        return "timeout"
    if isinstance(error, (duckdb.ParserException, duckdb.SyntaxException)):
        return "syntax"
    # A file is no table: the engine says that it may not be opened.
    if isinstance(error, duckdb.PermissionException) and "Cannot access file" in text:
        return "unknown_table"
    if "Table with name" in text or "Referenced table" in text:
        return "unknown_table"
    if isinstance(error, duckdb.BinderException) and (
        "Referenced column" in text
        or "does not have a column" in text
        or "No columns found" in text
        or ("column" in text and "not found" in text)
    ):
        return "unknown_column"
    return "runtime_error"


def _failure(status: str, message: str) -> dict[str, Any]:
    return {"s": status, "c": [], "r": [], "e": message}


def _first_line(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).encode("utf-8", "replace").decode("utf-8")
    return text.strip().splitlines()[0][:500] if text.strip() else type(error).__name__


def main() -> None:
    """Serve jobs until standard input ends."""
    source = os.dup(0)
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    reader = wire.FrameReader()
    session: Session | None = None
    while True:
        data = os.read(source, 1 << 20)
        if not data:
            return
        for message in reader.feed(data):
            if session is None:
                session = Session(message, out)
                # Until here an exception reaches the parent; afterwards nothing must.
                os.dup2(null, 2)
                session.send({"ready": True})
            else:
                session.run_unit(message)


if __name__ == "__main__":
    main()
