"""SQLite's meaning in DuckDB's words: one function a pass, their order in one tuple.

A pass takes the tree and the schema and changes the tree in place (or returns another
root). Order matters where it says so. Beside each stand the nodes that it is about: most
queries have none of them, and looking for them costs more than the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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


class Pass(NamedTuple):
    """One change, and the classes of nodes without which it changes nothing."""

    change: Callable[[exp.Expr, Schema], exp.Expr]
    needs: tuple[type, ...]


_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)

SQLITE_PASSES: tuple[Pass, ...] = (
    Pass(late_conditions, (exp.Join,)),
    Pass(constant_order_keys, (exp.Order,)),
    Pass(group_order, (exp.Group,)),
    Pass(limits, (exp.Limit, exp.Offset)),
    Pass(single_row_subqueries, (exp.Subquery,)),
    # Before the passes that wrap columns: they look for columns as written.
    Pass(distinct_order, (exp.Distinct,)),
    Pass(bare_columns, (exp.Group, exp.AggFunc, exp.Anonymous)),
    # Later passes write casts of their own, which mean what DuckDB means by them.
    Pass(casts, (exp.Cast,)),
    # Types are read from the tree, so date functions (text) come before comparisons.
    Pass(
        date_functions,
        (
            *(exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime),
            *(exp.TimeToStr, exp.Date, exp.Anonymous),
        ),
    ),
    Pass(unify_branches, (exp.Case, exp.Coalesce, exp.If, exp.Nullif)),
    Pass(set_operation_types, (exp.SetOperation,)),
    Pass(compare_across_types, (*_COMPARISONS, exp.Between, exp.In)),
    Pass(mixed_order, (exp.Order,)),
    Pass(mixed_extremes, (exp.Max, exp.Min)),
    Pass(text_as_numbers, (*_ARITHMETIC, exp.Sum, exp.Avg, exp.Abs, exp.Round)),
    Pass(divisions, (exp.Div, exp.Mod)),
    Pass(
        text_functions,
        (
            *(exp.Upper, exp.Lower, exp.Length, exp.Substring, exp.Trim, exp.Replace),
            *(exp.StrPosition, exp.DPipe),
        ),
    ),
    Pass(aggregates, (exp.Count, exp.GroupConcat, exp.Anonymous, exp.Typeof)),
    Pass(case_insensitive_like, (exp.Like, exp.Glob)),
    Pass(
        booleans_as_numbers,
        (*_ARITHMETIC, *_COMPARISONS, exp.Sum, exp.Avg, exp.Max, exp.Min),
    ),
    Pass(conditions, (exp.Where, exp.Having, exp.And, exp.Or, exp.Not)),
    Pass(real_literals, (exp.Literal,)),
)
