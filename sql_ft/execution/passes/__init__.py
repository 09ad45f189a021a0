"""SQLite's meaning in DuckDB's words: one function a pass, their order in one tuple.

A pass takes the tree and the schema and changes the tree in place (or returns another
root). Order matters where it says so.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sql_ft.execution.passes.arithmetic import (
    booleans_as_numbers,
    casts,
    divisions,
    real_literals,
    text_as_numbers,
)
from sql_ft.execution.passes.comparisons import compare_across_types, unify_branches
from sql_ft.execution.passes.dates import date_functions
from sql_ft.execution.passes.grouping import bare_columns, distinct_order
from sql_ft.execution.passes.mixed import mixed_extremes, mixed_order
from sql_ft.execution.passes.shape import (
    conditions,
    constant_order_keys,
    late_conditions,
    limits,
    set_operation_types,
    single_row_subqueries,
)
from sql_ft.execution.passes.text import aggregates, case_insensitive_like, text_functions
from sql_ft.execution.passes.ties import group_order
from sql_ft.execution.tables import Schema

Pass = Callable[[exp.Expr, Schema], exp.Expr]

SQLITE_PASSES: tuple[Pass, ...] = (
    late_conditions,
    constant_order_keys,
    group_order,
    limits,
    single_row_subqueries,
    # Before the passes that wrap columns: they look for columns as written.
    distinct_order,
    bare_columns,
    # Later passes write casts of their own, which mean what DuckDB means by them.
    casts,
    # Types are read from the tree, so date functions (text) come before comparisons.
    date_functions,
    unify_branches,
    set_operation_types,
    compare_across_types,
    mixed_order,
    mixed_extremes,
    text_as_numbers,
    divisions,
    text_functions,
    aggregates,
    case_insensitive_like,
    booleans_as_numbers,
    conditions,
    real_literals,
)
