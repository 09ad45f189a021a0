"""One child process of the sandbox, as its parent sees it."""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from sql_ft.errors import SandboxError
from sql_ft.execution import wire
from sql_ft.execution.databases import Database
from sql_ft.execution.footprint import UNKNOWN
from sql_ft.execution.job_run import Job, Unit
from sql_ft.execution.schema import Schema, Table, quote_name
from sql_ft.records import ExecutionResult, ExecutionStatus

START_TIMEOUT_S = 60.0
LOAD_TIMEOUT_S = 60.0
# The worker interrupts itself first and ends itself one second later; the parent's
# kill is for the worker that does neither.
KILL_GRACE_S = 2.0
ROWS_SENT_WHOLE = 200
# Combinations of the rows that a query reads. No order of joins takes long over fewer, and
# planning one takes longer than executing it. Only the query and the database decide, not what
# a worker happens to hold: the order of unordered rows may depend on it.
_MANY = 100_000

# The worker starts isolated: no PYTHONPATH, no working directory on its path, and no
# site-packages, whose .pth files would run code and take time. It is told where this package
# and the engine are, so that it runs the ones that its parent runs.
_ROOTS = (Path(__file__).resolve().parents[2], Path(duckdb.__file__).resolve().parents[1])
_BOOT = """
import sys
sys.path += sys.argv[1:]
from sql_ft.execution.worker import main
main()
"""


class WorkerProcess:
    """A child, its pipes, its clock and how it ended.

    Args:
        limits: `Limits` as a dictionary.
        folder: Empty directory that becomes its working directory.

    Raises:
        SandboxError: The process cannot be started.
    """

    def __init__(self, limits: dict[str, Any], folder: str) -> None:
        if os.name != "posix":
            raise SandboxError(f"no sandbox on {os.name}", expected="Linux or macOS")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _BOOT, *map(str, _ROOTS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=folder,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start a sandbox worker: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin = self._process.stdin.fileno()
        self.stdout = self._process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        self.outgoing = bytearray()
        self.units: collections.deque[Unit] = collections.deque()
        self.units_done = 0
        self.over = False
        self.dead = False
        self.spent = False
        self.complaint = ""
        self._timeout_s = float(limits["query_timeout_s"])
        self._reader = wire.FrameReader(wire.MAX_ANSWER_BYTES)
        self._watched = False
        self._serial = self._answered = 0
        self._schema: Schema | None = None
        self._database: Database | None = None
        self._sent: dict[str, set[str]] = {}
        self._fault = ""
        self._distrusted = False
        self._late = False
        self.ready = False
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self.outgoing += wire.pack({**limits, "engine_memory_mb": limits["memory_limit_mb"] // 2})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send_unit(self, unit: Unit) -> None:
        """Queue a unit: whatever of its database the worker does not have, and its queries."""
        self.units.append(unit)
        job = unit.run.job
        database = job.databases[unit.number]
        message: dict[str, Any] = {"new": not self.holds(database)}
        if job.schema != self._schema:
            message |= {"new": True, "schema": _columns(job.schema)}
            self._schema = job.schema
        if message["new"]:
            self._database = database
            self._sent = {}
        # A name stands in the text of every query that reads the table; names that stand
        # there by chance cost time and nothing else.
        texts = [job.queries[key].casefold() for key in unit.keys]
        message["rows"] = rows = {}
        for table in job.schema.tables:
            named = table.name.replace('"', '""').casefold()
            present = database.rows.get(table.name)
            if not present or not any(named in text for text in texts):
                continue
            sent = self._sent.get(table.name, set())
            wanted = sent | _wanted_columns(table, unit, len(present))
            if wanted != sent:
                self._sent[table.name] = wanted
                shown = [column.name in wanted for column in table.columns]
                rows[quote_name(table.name)] = wire.encode_columns(present, shown)
        message["steps"] = [
            [self._serial + place, job.queries[key], _has_many_combinations(job, key, database)]
            for place, key in enumerate(unit.keys)
        ]
        self._serial += len(unit.keys)
        self.outgoing += wire.pack(message)
        self.flush()
        if len(self.units) == 1:
            self._restart_clock(running=False)

    def holds(self, database: Database) -> bool:
        """The last unit that it was sent ran on this database."""
        return database is self._database

    def flush(self) -> None:
        """Write what the pipe takes."""
        while self.outgoing:
            try:
                written = os.write(self.stdin, self.outgoing[: 1 << 16])
            except BlockingIOError:
                return
            except BrokenPipeError:
                self.outgoing.clear()
                self.over = self.dead = True
                return
            del self.outgoing[:written]

    def receive(self) -> Iterator[tuple[Unit, str, ExecutionResult]]:
        """Answers that have arrived, with their unit and query; `over` at the end of the pipe.

        What the caller does not ask for has not been answered.
        """
        data = os.read(self.stdout, 1 << 20)
        if not data:
            self.over = self.dead = True
            return
        try:
            for message in self._reader.feed(data):
                self.ready = True
                answer = self._accept(message)
                if answer is not None:
                    yield answer
        except (KeyError, TypeError, ValueError):
            self._distrusted = True
            self.over = self.dead = True

    def _accept(self, message: dict[str, Any]) -> tuple[Unit, str, ExecutionResult] | None:
        """Raises KeyError, TypeError or ValueError if no worker writes such a message."""
        if "ready" in message:
            return None
        if "fault" in message:
            self._fault = str(message["fault"])
            return None
        unit = self.units[0] if self.units else None
        if unit is None:
            raise ValueError("an answer that nobody asked for")
        if "loaded" in message:
            unit.loaded = True
            self._restart_clock(running=True)
            return None
        if not unit.loaded or message["n"] != self._answered:
            raise ValueError("an answer out of turn")
        result = ExecutionResult(
            ExecutionStatus(message["s"]),
            tuple(str(c) for c in message["c"]),
            wire.decode_rows(message["r"]),
            str(message["e"]),
        )
        self._answered += 1
        key = unit.keys.pop(0)
        if not unit.keys:
            self.units.popleft()
            self.units_done += 1
        self._restart_clock(running=bool(self.units) and self.units[0].loaded)
        return unit, key, result

    def watch_stdin(self, selector: selectors.BaseSelector) -> None:
        """Wait for room in its pipe exactly while there is something to write."""
        if self._watched != bool(self.outgoing):
            if self.outgoing:
                selector.register(self.stdin, selectors.EVENT_WRITE, self)
            else:
                selector.unregister(self.stdin)
            self._watched = not self._watched

    def unwatch_stdin(self, selector: selectors.BaseSelector) -> None:
        """Stop waiting for room in its pipe."""
        if self._watched:
            selector.unregister(self.stdin)
            self._watched = False

    def _restart_clock(self, *, running: bool) -> None:
        """A query begins (`running`), or a database is being loaded."""
        allowed = self._timeout_s + KILL_GRACE_S if running else LOAD_TIMEOUT_S
        self.deadline = time.monotonic() + allowed

    def spend(self) -> None:
        """It shall run nothing more: what it answered last may have left traces."""
        self.spent = True
        self.over = True

    def kill(self) -> None:
        """End it, whatever it is doing; harmless if it has ended."""
        if not self.dead and not self.over and self.units and time.monotonic() > self.deadline:
            self._late = True
        self.dead = True
        if self._process.poll() is None:
            # Not reaped yet, so the group is still its own: it leads its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        errors = self._process.stderr
        if not self.ready and errors is not None and not errors.closed:
            self.complaint = os.read(errors.fileno(), 1 << 16).decode("utf-8", "replace")
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    @property
    def was_killed(self) -> bool:
        """Something outside ended it with SIGKILL, and it was not late."""
        return self._process.poll() == -signal.SIGKILL and not (self._late or self._distrusted)

    @property
    def death(self) -> ExecutionResult:
        """What its end says about the query that it was running.

        Raises:
            SandboxError: It never got as far as taking a job, and said why.
        """
        code = self._process.poll()
        if self.complaint and not self.was_killed:
            raise SandboxError(
                f"a sandbox worker does not start: {self.complaint.strip().splitlines()[-1]}",
                setting="evaluation.memory_limit_mb",
            )
        running = bool(self.units) and self.units[0].loaded
        if not running and not self._distrusted:
            return ExecutionResult(
                ExecutionStatus.HARNESS,
                error=f"a database cannot be loaded: {self._fault or f'worker ended with {code}'}",
            )
        if self._late or code in (75, -signal.SIGXCPU):
            return ExecutionResult(
                ExecutionStatus.TIMEOUT, error=f"killed after {self._timeout_s:g} s"
            )
        if self._distrusted:
            return ExecutionResult(ExecutionStatus.RUNTIME_ERROR, error="worker was subverted")
        return ExecutionResult(ExecutionStatus.MEMORY, error=f"worker ended with {code}")


def _has_many_combinations(job: Job, key: str, database: Database) -> bool:
    """True if the rows that a query reads may be combined in many ways, or nobody knows."""
    reads = job.footprints.get(key, UNKNOWN).reads
    if reads is None:
        return True
    sizes = {name.casefold(): len(rows) for name, rows in database.rows.items()}
    combinations = 1
    for name, times in reads.items():
        combinations *= max(1, sizes.get(name, 0)) ** times
    return combinations >= _MANY


def _wanted_columns(table: Table, unit: Unit, rows: int) -> set[str]:
    """Names of the columns that one of the unit's queries can see, and always one."""
    footprints = unit.run.job.footprints
    named = [footprints.get(key, UNKNOWN).names for key in unit.keys]
    # Many rows are sent whole: another question about them may be next.
    if rows > ROWS_SENT_WHOLE or None in named:
        return {column.name for column in table.columns}
    names = frozenset[str]().union(*(n for n in named if n is not None))
    wanted = {c.name for c in table.columns if c.name.casefold() in names}
    return wanted or {table.columns[0].name}


def _columns(schema: Schema) -> dict[str, list[list[str]]]:
    """Quoted table name → quoted column names and types."""
    return {
        quote_name(t.name): [[quote_name(c.name), c.type] for c in t.columns] for t in schema.tables
    }
