"""One translation into DuckDB's dialect, for gold and prediction alike."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from sql_ft.execution.schema import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Translated:
    """A query in DuckDB's dialect.

    Attributes:
        sql: DuckDB text, one SELECT-like statement.
        tree: The same as a sqlglot tree.
        source: The parsed source query, double-quoted literals resolved, before any
            other pass: what `databases` and `mutants` work on.
        notes: Names of the passes that changed something, in order.
    """

    sql: str
    tree: exp.Expr
    source: exp.Expr
    notes: tuple[str, ...] = ()


def parse_query(sql: str, schema: Schema, dialect: str = "sqlite") -> exp.Expr:
    """Parse one query and resolve its double-quoted literals (`Translated.source`).

    Raises:
        SqlTranslationError: As for `translate`.
    """
    raise NotImplementedError


def translate(sql: str, schema: Schema, dialect: str = "sqlite") -> Translated:
    """Bring one query into DuckDB's dialect.

    Raises:
        SqlTranslationError: `.status` is ``empty`` (no statement), ``not_a_query``
            (several statements, or not a SELECT) or ``syntax``.
    """
    raise NotImplementedError
