"""Jobs of the sandbox: what is asked for, what is still to run, what was found."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping

from sql_ft.errors import SqlTranslationError
from sql_ft.execution import guard
from sql_ft.execution.databases import Database
from sql_ft.execution.footprint import Footprint
from sql_ft.execution.schema import Schema
from sql_ft.records import ExecutionResult, ExecutionStatus

Step = tuple[int, str]

LOAD_ATTEMPTS = 3
# A SIGKILL from outside (the system is out of memory, an operator) says little about the
# query, so it is forgiven more often than an end of the worker's own.
KILLS_ALLOWED = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One schema, its databases, and the queries to run on each of them.

    Attributes:
        id: Unique within one `Sandbox.run`, e.g. the sample's id.
        schema: Tables to create.
        databases: Rows; each query runs on each.
        queries: Key (e.g. ``gold``, ``candidate``) → DuckDB text (`Translated.sql`).
        vetted: The queries have passed `guard` already (`dialect.translate` sees to it);
            the worker's own checks hold all the same.
        footprints: Key → what is known of the query: columns that none of a unit's queries
            names are not loaded, and one that reads few rows is not optimized.
    """

    id: str
    schema: Schema
    databases: tuple[Database, ...]
    queries: Mapping[str, str]
    vetted: bool = False
    footprints: Mapping[str, Footprint] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class JobResult:
    """Results of one job: query key → one result per database, in job order."""

    id: str
    results: dict[str, tuple[ExecutionResult, ...]]


@dataclasses.dataclass(eq=False, slots=True)
class Unit:
    """What a worker is handed at a time: queries of one job on one of its databases.

    Attributes:
        run: The job.
        number: Position of the database in it.
        keys: Queries not answered yet, in order; the worker is at the first.
        loaded: The worker has the rows.
    """

    run: JobRun
    number: int
    keys: list[str]
    loaded: bool = False


class JobRun:
    """Progress of one job."""

    def __init__(self, job: Job, max_sql_chars: int) -> None:
        self.job = job
        self.found: dict[Step, ExecutionResult] = {}
        self.suspects: set[Step] = set()
        self.doubtful_keys: set[str] = set()
        self.failed_loads = 0
        self.kills = 0
        self.taken = False
        self._allowed = list(job.queries)
        if not job.vetted:
            for key, sql in job.queries.items():
                refusal = _refuse(sql, max_sql_chars)
                if refusal is not None:
                    self._allowed.remove(key)
                    self.found |= {(n, key): refusal for n in range(len(job.databases))}

    def units(self) -> list[Unit]:
        """One unit a database; none if nothing has to run."""
        if not self._allowed:
            return []
        return [
            Unit(self, number, list(self._allowed)) for number in range(len(self.job.databases))
        ]

    @property
    def complete(self) -> bool:
        """Every step has a result."""
        return len(self.found) == len(self.job.queries) * len(self.job.databases)

    @property
    def waits_for_retry(self) -> bool:
        """What has no result is suspect."""
        return bool(self.suspects) and not self.complete and self._settled()

    def _settled(self) -> bool:
        known = len(self.found) + len(self.suspects - self.found.keys())
        return known == len(self.job.queries) * len(self.job.databases)

    def suspect(self, number: int, key: str) -> None:
        """This query failed in a way that may be its neighbours' doing."""
        self.suspects.add((number, key))
        self.doubtful_keys.add(key)

    def blame_load(self, unit: Unit, death: ExecutionResult, *, killed: bool) -> None:
        """A worker died while it loaded rows: the harness's fault if that repeats."""
        self.kills += killed
        self.failed_loads += not killed
        if self.failed_loads >= LOAD_ATTEMPTS or self.kills >= KILLS_ALLOWED:
            self.found |= {(unit.number, key): death for key in unit.keys}
            unit.keys.clear()

    def settle(self, key: str, number: int, failure: ExecutionResult) -> None:
        """A query failed for good; on later databases it counts as not run.

        Also where it did run: whether it got that far is a matter of timing.
        """
        self.found[number, key] = failure
        skipped = ExecutionResult(failure.status, error="not run: failed on an earlier database")
        for later in range(number + 1, len(self.job.databases)):
            self.found[later, key] = skipped

    def result(self) -> JobResult:
        """Results in the job's order."""
        numbers = range(len(self.job.databases))
        return JobResult(
            self.job.id,
            {key: tuple(self.found[n, key] for n in numbers) for key in self.job.queries},
        )


class Work:
    """Jobs to do, drawn from their source one at a time, and those under way.

    Args:
        jobs: Drawn from only when a worker has room, so that whoever makes them works
            while the workers do.
        take: Called with each finished job, in no particular order; returns a job that
            follows from it, or None.
        max_sql_chars: See `sandbox.Limits`.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        take: Callable[[JobResult], Job | None],
        max_sql_chars: int,
    ) -> None:
        self._source: Iterator[Job] | None = iter(jobs)
        self._take = take
        self._max_sql_chars = max_sql_chars
        self._queue: collections.deque[Unit] = collections.deque()
        self._waiting: dict[int, JobRun] = {}

    def next_unit(self) -> Unit | None:
        """The next unit to hand out; None if there is none at present.

        Draws at most one job from the source, so a caller can look after its workers
        between two; `has_more` says whether another call is worth making.
        """
        while self._queue:
            unit = self._queue.popleft()
            for key in list(unit.keys):
                # Its query already took a worker with it on another database.
                if key in unit.run.doubtful_keys:
                    unit.run.suspects.add((unit.number, key))
                    unit.keys.remove(key)
            if unit.keys:
                return unit
            self.check(unit.run)
        if self._source is not None:
            job = next(self._source, None)
            if job is None:
                self._source = None
            else:
                self._add(job)
        return None

    @property
    def has_more(self) -> bool:
        """Something is queued, or the source may have another job."""
        return bool(self._queue) or self._source is not None

    def put_back(self, units: Iterable[Unit]) -> None:
        """Units that a worker did not get to stand first again."""
        for unit in reversed(list(units)):
            unit.loaded = False
            if unit.keys:
                self._queue.appendleft(unit)
            else:
                self.check(unit.run)

    def check(self, run: JobRun) -> None:
        """Hand the job on if it is complete, or set it aside if only suspects are left."""
        if run.taken:
            return
        if run.complete:
            run.taken = True
            self._waiting.pop(id(run), None)
            following = self._take(run.result())
            if following is not None:
                self._add(following)
        elif run.waits_for_retry:
            self._waiting[id(run)] = run

    def take_waiting(self) -> list[JobRun]:
        """Jobs whose suspects have to run alone."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting

    def _add(self, job: Job) -> None:
        run = JobRun(job, self._max_sql_chars)
        units = run.units()
        self._queue.extendleft(reversed(units))
        if not units:
            self.check(run)


def _refuse(sql: str, max_chars: int) -> ExecutionResult | None:
    try:
        guard.parse_one(sql, "duckdb", max_chars)
    except SqlTranslationError as error:
        return ExecutionResult(ExecutionStatus(error.status), error=error.message)
    return None
