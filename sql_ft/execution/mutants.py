"""Mutants of a gold: small wrong queries that good databases tell from it."""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from sql_ft.execution.schema import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """`name` is ``operator:detail``; `sql` is in the source dialect."""

    name: str
    sql: str


def generate_mutants(tree: exp.Expr, schema: Schema, dialect: str = "sqlite") -> list[Mutant]:
    """All mutants of `Translated.source`, without repeats, in a fixed order."""
    raise NotImplementedError
