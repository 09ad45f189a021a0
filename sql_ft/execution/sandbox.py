"""Parent of the sandbox: runs hostile queries in killable child processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from sql_ft.execution.databases import Database
from sql_ft.execution.schema import Schema
from sql_ft.records import ExecutionResult

Progress = Callable[[int, int], None]


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
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def run(self, jobs: Sequence[Job], progress: Progress | None = None) -> list[JobResult]:
        """Run all jobs; results stand in the order of `jobs`, whatever `workers` is.

        A failing query is data (`ExecutionResult.status`), never an exception.

        Raises:
            SandboxError: No worker can be started.
        """
        raise NotImplementedError
