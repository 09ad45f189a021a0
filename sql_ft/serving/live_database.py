"""A database that others use: read only, within limits, in a process that can be killed.

Nothing of the file is parsed in this process. The engine opens it read-only in a child;
queries are checked as those of the evaluation are, and refused, cut or ended by the same
taxonomy (`records.ExecutionStatus`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from sql_ft.execution.tables import Schema
from sql_ft.records import ExecutionStatus

Kind = Literal["sqlite", "duckdb"]


@dataclasses.dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one query may use.

    Attributes:
        timeout_s: Wall clock; the kill.
        max_rows: Rows read; what follows is cut (`QueryResult.truncated`).
        max_bytes: Text and blobs read, in bytes; what follows is cut.
        memory_limit_mb: Address space of the child, at least 512.
        max_lock_s: Longest time for which a query may keep writers of a SQLite file in
            rollback-journal mode waiting. Up to `snapshot_max_mb` it keeps none waiting.
        snapshot_max_mb: Files up to this size that know no readers beside a writer (SQLite
            in rollback-journal mode, DuckDB) are read from a private copy.
    """

    timeout_s: float = 5.0
    max_rows: int = 1_000
    max_bytes: int = 4_000_000
    memory_limit_mb: int = 1024
    max_lock_s: float = 0.25
    snapshot_max_mb: int = 256


@dataclasses.dataclass(frozen=True, slots=True)
class QueryResult:
    """How one query ended, and what it returned.

    Attributes:
        status: ``ok``, or why there are no rows.
        columns: Names, as the engine reports them.
        rows: Python values; at most `max_rows`.
        truncated: There were more rows, or more bytes, than the limits let through.
        error: One line for a person where `status` is not ``ok``.
        duration_s: Wall time, waiting for the child included.
        executed_sql: What the engine was given: as written on SQLite, translated on DuckDB.
    """

    status: ExecutionStatus
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    truncated: bool = False
    error: str = ""
    duration_s: float = 0.0
    executed_sql: str = ""

    @property
    def ok(self) -> bool:
        """True if the query ran."""
        return self.status == ExecutionStatus.OK

    @property
    def suspiciously_empty(self) -> bool:
        """True if it ran and says nothing: no row, or nothing but NULL."""
        return self.ok and all(value is None for row in self.rows for value in row)


@dataclasses.dataclass(frozen=True, slots=True)
class LiveSchema:
    """What a database looks like.

    Attributes:
        schema: Tables and views, columns, keys, foreign keys.
        views: Names in `schema` that are views.
        samples: Table → column → a few values, as found in the first rows.
    """

    schema: Schema
    views: frozenset[str] = frozenset()
    samples: dict[str, dict[str, tuple[Any, ...]]] = dataclasses.field(default_factory=dict)

    @property
    def context(self) -> str:
        """All tables as CREATE TABLE statements, without sample values."""
        raise NotImplementedError


class QueryTarget(Protocol):
    """What the agent needs of a database; evaluation may bring its own."""

    @property
    def kind(self) -> Kind:
        """Engine."""

    def schema(self) -> LiveSchema:
        """Tables as they are now."""

    def run(
        self,
        sql: str,
        *,
        timeout_s: float | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
    ) -> QueryResult:
        """Run one query; failures are data."""


class LiveDatabase:
    """One open file; a context manager. Made by `open_database`.

    Safe to use from several threads: one query runs at a time. No lock and no transaction
    outlives a query.
    """

    @property
    def path(self) -> Path:
        """The file."""
        raise NotImplementedError

    @property
    def kind(self) -> Kind:
        """``sqlite`` or ``duckdb``."""
        raise NotImplementedError

    def schema(self) -> LiveSchema:
        """Tables as they are now; read again only if the schema has changed.

        Raises:
            DataError: The file has no tables, is locked, damaged or gone.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def close(self) -> None:
        """End the child and remove private copies."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_database(path: Path | str, limits: QueryLimits | None = None) -> LiveDatabase:
    """Open a SQLite or DuckDB file for reading; its first bytes tell which it is.

    Raises:
        DataError: No such file, or neither a SQLite nor a DuckDB database.
    """
    raise NotImplementedError


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaContext:
    """A schema as the model is shown it.

    Attributes:
        text: CREATE TABLE statements.
        tables: Names of the tables in it.
        left_out: Names of those that did not fit.
    """

    text: str
    tables: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def render_context(
    live: LiveSchema,
    question: str,
    *,
    fits: Callable[[str], bool],
    sample_values: int = 0,
) -> SchemaContext:
    """Write a schema within a budget; the tables nearest to the question stay.

    Args:
        live: From `LiveDatabase.schema`.
        question: Chooses among tables if not all fit.
        fits: Whether a text is short enough, e.g. by counting tokens.
        sample_values: Values shown beside each column, as a comment; left out first.

    Raises:
        DataError: Not even the best table fits.
    """
    raise NotImplementedError
