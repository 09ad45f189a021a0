"""Parent of the sandbox: runs hostile queries in killable child processes."""

from __future__ import annotations

import collections
import dataclasses
import os
import selectors
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from sql_ft.errors import SandboxError, SqlTranslationError
from sql_ft.execution import guard, wire
from sql_ft.execution.databases import Database
from sql_ft.execution.process import WorkerProcess
from sql_ft.execution.schema import Schema, create_sql, quote_name
from sql_ft.records import ExecutionResult, ExecutionStatus

Progress = Callable[[int, int], None]
Step = tuple[int, str]

JOBS_PER_WORKER = 2_000
LOAD_ATTEMPTS = 3
LONE_ATTEMPTS = 3
# A SIGKILL from outside (the system is out of memory, an operator) says little about the
# query, so it is forgiven more often than an end of the worker's own.
KILLS_ALLOWED = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use.

    Attributes:
        query_timeout_s: Wall clock of one query on one database; the kill.
        memory_limit_mb: Address space of a worker (RLIMIT_AS), at least 512.
        max_result_rows: More rows give status ``too_many_rows``.
        max_sql_chars: Longer texts are refused as ``syntax`` before any parser runs.
    """

    query_timeout_s: float = 5.0
    memory_limit_mb: int = 1024
    max_result_rows: int = 10_000
    max_sql_chars: int = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One schema, its databases, and the queries to run on each of them.

    Attributes:
        id: Unique within one `Sandbox.run`, e.g. the sample's id.
        schema: Tables to create.
        databases: Rows; each query runs on each.
        queries: Key (e.g. ``gold``, ``candidate``) → DuckDB text (`Translated.sql`).
    """

    id: str
    schema: Schema
    databases: tuple[Database, ...]
    queries: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class JobResult:
    """Results of one job: query key → one result per database, in job order."""

    id: str
    results: dict[str, tuple[ExecutionResult, ...]]


class Sandbox:
    """A pool of worker processes; a context manager.

    Args:
        limits: What one query may use.
        workers: Number of processes; 0: one per core.

    Example:
        with Sandbox(Limits(), workers=2) as sandbox:
            results = sandbox.run(jobs)
    """

    def __init__(self, limits: Limits | None = None, workers: int = 0) -> None:
        self.limits = limits or Limits()
        self.workers = workers or os.cpu_count() or 1
        self._pool: list[WorkerProcess] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="sql-ft-sandbox-")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_workers()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def run(self, jobs: Sequence[Job], progress: Progress | None = None) -> list[JobResult]:
        """Run all jobs; results stand in the order of `jobs`, whatever `workers` is.

        A failing query is data (`ExecutionResult.status`), never an exception. A query
        that ran out of time or memory, or took its worker with it, is run once more with
        nothing beside it, in a fresh worker, before that counts; once it counts, the
        job's later databases are not tried with it.

        Raises:
            SandboxError: No worker can be started, or the sandbox is not entered.
        """
        if self._folder is None:
            raise SandboxError("the sandbox is not open", expected="with Sandbox(...) as sandbox")
        runs = [_JobRun(job, self.limits) for job in jobs]
        done = 0

        def advance(count: int = 1) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, len(runs))

        try:
            self._run_together(runs, advance)
            for run in runs:
                self._run_suspects(run, advance)
        except BaseException:
            # A worker left in the middle of a job would answer the next one with its rest.
            self._end_workers()
            raise
        return [run.result() for run in runs]

    def _end_workers(self) -> None:
        for worker in self._pool:
            worker.kill()
        self._pool.clear()

    def _run_together(self, runs: list[_JobRun], advance: Callable[[], None]) -> None:
        """First pass: all workers, jobs in order; suspects are left for later."""
        queue = collections.deque(run for run in runs if run.steps)
        for run in runs:
            if not run.steps:
                advance()
        busy: dict[WorkerProcess, _JobRun] = {}
        with selectors.DefaultSelector() as selector:
            while queue or busy:
                while queue and len(busy) < self.workers:
                    worker = self._take(busy)
                    run = queue.popleft()
                    worker.send_job(run.request())
                    busy[worker] = run
                    selector.register(worker.stdout, selectors.EVENT_READ, worker)
                    if worker.outgoing:
                        selector.register(worker.stdin, selectors.EVENT_WRITE, worker)
                now = time.monotonic()
                first = min(w.deadline for w in busy)
                ready = selector.select(max(0.0, min(first - now, 1.0)))
                for key, _ in ready:
                    worker = key.data
                    if key.fd == worker.stdin:
                        worker.flush()
                        if not worker.outgoing:
                            selector.unregister(worker.stdin)
                    elif worker in busy:
                        self._read(worker, busy[worker])
                for worker in [w for w in busy if w.over or time.monotonic() > w.deadline]:
                    run = busy.pop(worker)
                    selector.unregister(worker.stdout)
                    if worker.outgoing:
                        selector.unregister(worker.stdin)
                    if not run.ended:
                        worker.kill()
                        run.blame_current(worker.death, killed=worker.was_killed)
                    if worker.dead or run.recycle or worker.jobs_done >= JOBS_PER_WORKER:
                        worker.kill()
                        self._pool.remove(worker)
                    run.reset()
                    if run.steps:
                        queue.appendleft(run)
                    elif not run.suspects:
                        advance()

    def _run_suspects(self, run: _JobRun, advance: Callable[[], None]) -> None:
        """Second pass: each suspect query alone in a fresh worker."""
        if not run.suspects:
            return
        self._end_workers()
        for key in sorted({step[1] for step in run.suspects}):
            steps = [s for s in run.suspects if s[1] == key]
            while steps:
                failure = self._run_alone(run, steps)
                steps = [s for s in steps if s not in run.found]
                if failure is not None and steps:
                    first, *rest = steps
                    run.found[first] = failure
                    for later in rest:
                        run.found[later] = ExecutionResult(
                            failure.status, error="not run: failed on an earlier database"
                        )
                    steps = []
        run.suspects.clear()
        advance()

    def _run_alone(self, run: _JobRun, steps: list[Step]) -> ExecutionResult | None:
        """Run steps of one query; the failure to record for the first one missing, if any."""
        failure: ExecutionResult | None = None
        attempts = kills = 0
        while attempts < LONE_ATTEMPTS and kills < KILLS_ALLOWED:
            run.steps = [s for s in steps if s not in run.found]
            worker = self._start()
            try:
                worker.send_job(run.request())
                with selectors.DefaultSelector() as selector:
                    selector.register(worker.stdout, selectors.EVENT_READ)
                    while not worker.over and time.monotonic() <= worker.deadline:
                        worker.flush()
                        rest = worker.deadline - time.monotonic()
                        pause = 0.01 if worker.outgoing else min(rest, 1.0)
                        if selector.select(max(0.0, pause)):
                            self._read(worker, run, final=True)
                ended = run.ended
            finally:
                worker.kill()
                self._pool.remove(worker)
            run.reset()
            run.steps = []
            if ended:
                return None
            failure = worker.death
            attempts += not worker.was_killed
            kills += worker.was_killed
            if failure.status == ExecutionStatus.TIMEOUT:
                return failure
        return failure

    def _read(self, worker: WorkerProcess, run: _JobRun, *, final: bool = False) -> None:
        for message in worker.receive():
            if not run.accept(message, final=final):
                worker.distrust()
                return
            if run.ended:
                worker.finish_job()
                return
            worker.restart_clock(running="loaded" in message or "q" in message)

    def _take(self, busy: Mapping[WorkerProcess, _JobRun]) -> WorkerProcess:
        idle = [w for w in self._pool if w not in busy]
        for worker in idle:
            if not worker.dead:
                return worker
            worker.kill()
            self._pool.remove(worker)
        return self._start()

    def _start(self) -> WorkerProcess:
        assert self._folder is not None
        worker = WorkerProcess(dataclasses.asdict(self.limits), self._folder.name)
        self._pool.append(worker)
        return worker


class _JobRun:
    """Progress of one job: what is still to run, what was found, what is suspect."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self.job = job
        self.found: dict[Step, ExecutionResult] = {}
        self.suspects: list[Step] = []
        self.ended = False
        self.recycle = False
        self.failed_loads = 0
        self.kills = 0
        allowed = []
        for key, sql in job.queries.items():
            refusal = _refuse(sql, limits.max_sql_chars)
            if refusal is None:
                allowed.append(key)
            else:
                for number in range(len(job.databases)):
                    self.found[number, key] = refusal
        self.steps: list[Step] = [
            (number, key) for number in range(len(job.databases)) for key in allowed
        ]
        self._create = [
            [quote_name(t.name), statement]
            for t, statement in zip(job.schema.tables, create_sql(job.schema), strict=True)
        ]

    def reset(self) -> None:
        """Ready for another request."""
        self.ended = False
        self.recycle = False

    def request(self) -> dict[str, Any]:
        """What a worker needs to run the remaining steps."""
        databases = []
        for number in sorted({s[0] for s in self.steps}):
            rows = self.job.databases[number].rows
            inserts = [
                [quote_name(t.name), len(t.columns), wire.encode_rows(rows[t.name])]
                for t in self.job.schema.tables
                if rows.get(t.name)
            ]
            steps = [[key, self.job.queries[key]] for n, key in self.steps if n == number]
            databases.append([number, self._create, inserts, steps])
        return {"databases": databases}

    def accept(self, message: dict[str, Any], *, final: bool) -> bool:
        """Take one message of the worker; False if it is not one that was due."""
        if "ready" in message or "loaded" in message:
            return True
        if "end" in message:
            self.ended = not self.steps
            return self.ended
        if not self.steps or (message.get("d"), message.get("q")) != self.steps[0]:
            return False
        step = self.steps[0]
        try:
            result = ExecutionResult(
                ExecutionStatus(message["s"]),
                tuple(str(c) for c in message["c"]),
                wire.decode_rows(message["r"]),
                str(message["e"]),
            )
        except (KeyError, TypeError, ValueError):
            return False
        self.steps.pop(0)
        doubtful = result.status in (ExecutionStatus.TIMEOUT, ExecutionStatus.MEMORY)
        if doubtful and not final:
            self.recycle = True
            self.suspects.append(step)
        else:
            self.found[step] = result
        return True

    def blame_current(self, death: ExecutionResult, *, killed: bool) -> None:
        """The worker is gone: the query it was at, and its later databases, are suspect."""
        if not self.steps:
            return
        if death.status == ExecutionStatus.HARNESS:
            self.kills += killed
            self.failed_loads += not killed
            if self.failed_loads >= LOAD_ATTEMPTS or self.kills >= KILLS_ALLOWED:
                for step in self.steps:
                    self.found[step] = death
                self.steps = []
            return
        key = self.steps[0][1]
        self.suspects += [s for s in self.steps if s[1] == key]
        self.steps = [s for s in self.steps if s[1] != key]

    def result(self) -> JobResult:
        """Results in the job's order."""
        numbers = range(len(self.job.databases))
        return JobResult(
            self.job.id,
            {key: tuple(self.found[n, key] for n in numbers) for key in self.job.queries},
        )


def _refuse(sql: str, max_chars: int) -> ExecutionResult | None:
    try:
        guard.parse_one(sql, "duckdb", max_chars)
    except SqlTranslationError as error:
        return ExecutionResult(ExecutionStatus(error.status), error=error.message)
    return None
