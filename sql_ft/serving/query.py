"""What is asked of a live database, and what comes back. Values only."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Protocol

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
    def says_nothing(self) -> bool:
        """True if it ran and says nothing: no row, nothing but NULL, or one count of zero."""
        if not self.ok:
            return False
        if len(self.rows) == 1 and len(self.rows[0]) == 1:
            return self.rows[0][0] is None or self.rows[0][0] == 0
        return all(value is None for row in self.rows for value in row)


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
        from sql_ft.serving.schema_context import create_statement

        return "; ".join(create_statement(table) for table in self.schema.tables)


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
