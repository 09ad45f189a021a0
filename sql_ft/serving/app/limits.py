"""What one person may use of the page."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an uploaded file may cost.

    Attributes:
        max_mb: Size of the file; the server stops reading at it.
        max_rows: Rows of a CSV or Parquet file.
        max_columns: Columns of a CSV or Parquet file.
        max_output_mb: Size of the database that a CSV or Parquet file becomes.
        memory_mb: Address space of the child that converts.
        timeout_s: Wall clock of the child that converts; the kill.
    """

    max_mb: int = 100
    max_rows: int = 2_000_000
    max_columns: int = 500
    max_output_mb: int = 512
    memory_mb: int = 3072
    timeout_s: float = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class PageLimits:
    """What is shown and kept.

    Attributes:
        question_chars: Longest question.
        sql_chars: Longest query that a person may run.
        rows_shown: Rows of a result on the page; the export has all that were read.
        columns_shown: Columns of a result, and of a table in the schema.
        cell_chars: Longest cell; what follows is cut.
        tables_shown: Tables in the schema.
        history: Questions and queries that a session remembers.
        sessions: People at once.
        session_idle_s: A session that nobody used for so long is closed.
        queue: Requests that may wait; further ones are refused at once.
        workers: Requests that are worked on at once.
    """

    question_chars: int = 1_000
    sql_chars: int = 20_000
    rows_shown: int = 100
    columns_shown: int = 40
    cell_chars: int = 200
    tables_shown: int = 60
    history: int = 50
    sessions: int = 50
    session_idle_s: float = 3600.0
    queue: int = 20
    workers: int = 4
