"""Parent of the sandbox: runs hostile queries in killable child processes."""

from __future__ import annotations

import dataclasses
import os
import selectors
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from sql_ft.errors import SandboxError
from sql_ft.execution.job_run import KILLS_ALLOWED, Job, JobResult, JobRun, Unit, Work
from sql_ft.execution.process import WorkerProcess
from sql_ft.records import ExecutionResult, ExecutionStatus

__all__ = ["Job", "JobResult", "Limits", "Sandbox"]

Progress = Callable[[int, int], None]

UNITS_PER_WORKER = 4_000
# A worker finds its next unit in the pipe when it has done one, also while the parent reads
# a dozen answers that need no execution.
UNITS_AHEAD = 16
BYTES_AHEAD = 1 << 20
LONE_ATTEMPTS = 3
# A SIGKILL from outside is forgiven so often before the query that ran is suspected of it.
KILLS_FORGIVEN = 2
KILLED_STARTS = 50


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
        self._killed_starts = 0

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

        Raises:
            SandboxError: No worker can be started, or the sandbox is not entered.
        """
        results: dict[str, JobResult] = {}

        def take(result: JobResult) -> None:
            results[result.id] = result
            if progress is not None:
                progress(len(results), len(jobs))

        self.run_each(jobs, take)
        return [results[job.id] for job in jobs]

    def run_each(self, jobs: Iterable[Job], take: Callable[[JobResult], Job | None]) -> None:
        """Run jobs as they come, and those that follow from their results.

        A failing query is data (`ExecutionResult.status`), never an exception. A query
        that ran out of time or memory, or took its worker with it, is run once more with
        nothing beside it, in a fresh worker, before that counts; once it counts, the
        job's later databases are not tried with it.

        Args:
            jobs: Drawn from while workers are busy with earlier ones.
            take: Called with each result, in the order in which jobs end; returns a job
                that follows from it (a further database for a query that is still right),
                or None. Each job's result is the same whatever `workers` is.

        Raises:
            SandboxError: No worker can be started, or the sandbox is not entered.
        """
        if self._folder is None:
            raise SandboxError("the sandbox is not open", expected="with Sandbox(...) as sandbox")
        work = Work(jobs, take, self.limits.max_sql_chars)
        try:
            while work.has_more:
                self._run_together(work)
                for run in work.take_waiting():
                    self._retry_suspects(run)
                    work.check(run)
        except BaseException:
            # A worker left in the middle of a job would answer the next one with its rest.
            self._end_workers()
            raise

    def _end_workers(self) -> None:
        for worker in self._pool:
            worker.kill()
        self._pool.clear()

    def _run_together(self, work: Work) -> None:
        """All workers, jobs in order; suspects are left for later."""
        with selectors.DefaultSelector() as selector:
            registered: set[WorkerProcess] = set()
            while True:
                handed_out = self._hand_out(work)
                busy = [w for w in self._pool if w.units]
                if not busy and not handed_out:
                    return
                for worker in self._pool:
                    if worker not in registered:
                        selector.register(worker.stdout, selectors.EVENT_READ, worker)
                        registered.add(worker)
                    worker.watch_stdin(selector)
                rest = min((w.deadline for w in busy), default=0.0) - time.monotonic()
                readable = set()
                for key, _ in selector.select(0.0 if handed_out else max(0.0, min(rest, 1.0))):
                    worker = key.data
                    if key.fd == worker.stdin:
                        worker.flush()
                    else:
                        readable.add(worker)
                        self._read(worker, work.check)
                now = time.monotonic()
                for worker in list(self._pool):
                    # What it has written counts before the clock does: the parent may be late.
                    late = worker.units and now > worker.deadline and worker not in readable
                    worn = worker.units_done >= UNITS_PER_WORKER and not worker.units
                    if worker.over or late or worn:
                        selector.unregister(worker.stdout)
                        registered.discard(worker)
                        worker.unwatch_stdin(selector)
                        self._retire(worker, work)

    def _hand_out(self, work: Work) -> bool:
        """Give one unit to the worker that has least to do; True if something moved."""
        room = [
            w
            for w in self._pool
            if len(w.units) < UNITS_AHEAD
            and len(w.outgoing) < BYTES_AHEAD
            and not w.over
            and w.units_done < UNITS_PER_WORKER
        ]
        may_start = len(self._pool) < self.workers
        if not (room or may_start) or not work.has_more:
            return False
        unit = work.next_unit()
        if unit is None:
            return True
        if may_start and all(w.units for w in room):
            worker = self._start()
        else:
            database = unit.run.job.databases[unit.number]
            worker = min(room, key=lambda w: len(w.units) - w.holds(database))
        worker.send_unit(unit)
        return True

    def _retire(self, worker: WorkerProcess, work: Work) -> None:
        """End a worker; its units go back, except for what it may be blamed for."""
        worker.kill()
        self._pool.remove(worker)
        if worker.units and not worker.spent:
            self._blame(worker)
        work.put_back(worker.units)

    def _blame(self, worker: WorkerProcess) -> None:
        unit = worker.units[0]
        if worker.was_killed and self._forgive(worker, unit.run):
            return
        death = worker.death
        if death.status == ExecutionStatus.HARNESS:
            unit.run.blame_load(unit, death, killed=worker.was_killed)
        else:
            unit.run.suspect(unit.number, unit.keys.pop(0))

    def _forgive(self, worker: WorkerProcess, run: JobRun) -> bool:
        """True if a SIGKILL from outside is no reason to suspect what was running.

        Raises:
            SandboxError: Workers are killed as soon as they start.
        """
        if worker.ready:
            self._killed_starts = 0
            run.kills += 1
            return run.kills <= KILLS_FORGIVEN
        self._killed_starts += 1
        if self._killed_starts > KILLED_STARTS:
            raise SandboxError(
                f"{KILLED_STARTS} sandbox workers in a row were killed while they started",
                expected="enough memory for the system to leave them alone",
                setting="evaluation.workers",
            )
        return True

    def _read(
        self, worker: WorkerProcess, check: Callable[[JobRun], None], *, final: bool = False
    ) -> None:
        """Take the answers that have arrived."""
        for unit, key, result in worker.receive():
            doubtful = result.status in (ExecutionStatus.TIMEOUT, ExecutionStatus.MEMORY)
            if doubtful and not final:
                # Its memory may be in pieces: what follows runs in a fresh one.
                unit.run.suspect(unit.number, key)
                worker.spend()
                check(unit.run)
                return
            unit.run.found[unit.number, key] = result
            check(unit.run)

    def _retry_suspects(self, run: JobRun) -> None:
        """Each suspect query alone in a fresh worker."""
        self._end_workers()
        for key in sorted({key for _, key in run.suspects}):
            for number in sorted(n for n, k in run.suspects if k == key):
                if (number, key) in run.found:
                    continue
                failure = self._run_alone(run, number, key)
                if failure is not None:
                    run.settle(key, number, failure)
        run.suspects.clear()

    def _run_alone(self, run: JobRun, number: int, key: str) -> ExecutionResult | None:
        """Run one query of one database; the failure to record if it does not succeed."""
        failure: ExecutionResult | None = None
        attempts = kills = 0
        while attempts < LONE_ATTEMPTS and kills < KILLS_ALLOWED:
            worker = self._start()
            try:
                worker.send_unit(Unit(run, number, [key]))
                with selectors.DefaultSelector() as selector:
                    selector.register(worker.stdout, selectors.EVENT_READ)
                    while not worker.over and worker.units and time.monotonic() <= worker.deadline:
                        worker.flush()
                        rest = worker.deadline - time.monotonic()
                        pause = 0.01 if worker.outgoing else min(rest, 1.0)
                        if selector.select(max(0.0, pause)):
                            self._read(worker, lambda _: None, final=True)
            finally:
                worker.kill()
                self._pool.remove(worker)
            result = run.found.get((number, key))
            if result is not None:
                failed = result.status in (ExecutionStatus.TIMEOUT, ExecutionStatus.MEMORY)
                return result if failed else None
            if worker.was_killed and not worker.ready and self._forgive(worker, run):
                continue
            failure = worker.death
            attempts += not worker.was_killed
            kills += worker.was_killed
            if failure.status == ExecutionStatus.TIMEOUT:
                return failure
        return failure

    def _start(self) -> WorkerProcess:
        assert self._folder is not None
        options: dict[str, Any] = dataclasses.asdict(self.limits)
        worker = WorkerProcess(options, self._folder.name)
        self._pool.append(worker)
        return worker
