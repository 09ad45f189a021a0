"""Rows that tell right from wrong: small seeded databases for one gold."""

from __future__ import annotations

import dataclasses
from typing import Any

from sqlglot import exp

from sql_ft.execution.schema import Schema

Row = tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Database:
    """Rows of every table of a schema.

    Attributes:
        name: Short id, unique within one sample, e.g. ``g3``.
        rows: Table name (as in the schema) → rows, values in column order.
    """

    name: str
    rows: dict[str, list[Row]]


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseReport:
    """How well a chosen set of databases tells the gold from what it is not.

    Attributes:
        databases: The chosen databases, best first.
        non_empty: The gold returns something on at least one of them.
        where_matters: It differs from itself without WHERE on at least one; None
            if it has no WHERE.
        mutants_total: Mutants of the gold that ran.
        mutants_killed: Of those, told apart by at least one database.
        survivors: Names of the others.
        deterministic: The gold's result does not depend on the order of stored rows
            on any of the databases.
        error: First line of the engine's message if the gold itself failed.
    """

    databases: list[Database]
    non_empty: bool
    where_matters: bool | None
    mutants_total: int
    mutants_killed: int
    survivors: tuple[str, ...]
    deterministic: bool
    error: str = ""


def build_report(
    schema: Schema,
    gold_tree: exp.Expr,
    question: str,
    *,
    count: int = 4,
    seed: int = 0,
    dialect: str = "sqlite",
) -> DatabaseReport:
    """Build databases for one gold and say how well they tell.

    Args:
        schema: With types inferred (`schema.infer_types`).
        gold_tree: `Translated.source` of the gold.
        question: Its numbers and quoted words become values too.
        count: Most databases to keep.
        seed: Same arguments, same rows, on any machine.
    """
    raise NotImplementedError


def build_databases(
    schema: Schema,
    gold_tree: exp.Expr,
    question: str,
    *,
    count: int = 4,
    seed: int = 0,
    dialect: str = "sqlite",
) -> list[Database]:
    """`build_report(...).databases`."""
    raise NotImplementedError


def strip_where(tree: exp.Expr) -> exp.Expr | None:
    """Copy of the query without any WHERE; None if it has none."""
    raise NotImplementedError
