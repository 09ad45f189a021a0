"""What counts as the same result; each hole seen in other evaluators has a test."""

import datetime as dt
import decimal
import math

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.records import ExecutionResult, ExecutionStatus

FREE = MatchRules()
FIXED = MatchRules(column_order="fixed")


def result(*rows, columns=None):
    width = len(rows[0]) if rows else 1
    return ExecutionResult(ExecutionStatus.OK, columns or ("c",) * width, tuple(rows))


def same(a, b, *, ordered=False, rules=FREE, order_keys=None):
    return compare_results(a, b, ordered=ordered, rules=rules, order_keys=order_keys)


def test_duplicates_count():
    comparison = same(result((1,), (1,), (2,)), result((1,), (2,), (2,)))
    assert (comparison.equal, comparison.reason) == (False, "rows_differ")
    assert same(result((1,), (1,)), result((1,))).reason == "row_count"


def test_an_empty_prediction_does_not_equal_one_row():
    assert same(result((0,)), ExecutionResult(ExecutionStatus.OK, ("c",))).reason == "row_count"


def test_both_empty_is_equal_but_says_so():
    empty = ExecutionResult(ExecutionStatus.OK, ("a",))
    assert same(empty, empty) == same(empty, ExecutionResult(ExecutionStatus.OK, ("b",)))
    assert same(empty, empty).reason == "both_empty"
    other = ExecutionResult(ExecutionStatus.OK, ("a", "b"))
    assert same(empty, other).reason == "column_count"


def test_rows_are_compared_not_column_names():
    a, b = result((1, "x"), columns=("p", "q")), result((2, "y"), columns=("p", "q"))
    assert not same(a, b).equal
    assert same(a, result((1, "x"), columns=("r", "s"))).equal


def test_wrong_pairings_do_not_pass():
    # Each column sorted on its own would be equal.
    a, b = result((1, "x"), (2, "y")), result((1, "y"), (2, "x"))
    assert same(a, b).reason == "rows_differ"


def test_columns_may_stand_in_another_order_where_that_is_the_rule():
    a, b = result((1, "x", 5), (2, "y", 5)), result(("x", 5, 1), ("y", 5, 2))
    assert same(a, b).equal
    assert not same(a, b, rules=FIXED).equal


def test_one_permutation_must_do_for_all_rows():
    assert not same(result((1, 2), (1, 2)), result((1, 2), (2, 1))).equal


def test_many_alike_columns_are_decided_quickly():
    rows = [tuple((i * j) % 2 for j in range(12)) for i in range(30)]
    assert same(result(*rows), result(*[tuple(reversed(r)) for r in rows])).equal
    wrong = [*rows[:-1], tuple(1 - v for v in rows[-1])]
    assert not same(result(*rows), result(*wrong)).equal


def test_order_counts_only_where_the_gold_orders():
    a, b = result((1,), (2,)), result((2,), (1,))
    assert same(a, b).equal
    assert same(a, b, ordered=True).reason == "order_differs"


def test_ties_on_the_order_keys_may_stand_in_any_order():
    gold = result(("a", 1), ("b", 1), ("c", 2))
    tied = result(("b", 1), ("a", 1), ("c", 2))
    moved = result(("c", 2), ("a", 1), ("b", 1))
    assert same(gold, tied, ordered=True, order_keys=(1,)).equal
    assert not same(gold, moved, ordered=True, order_keys=(1,)).equal
    assert not same(gold, tied, ordered=True).equal


def test_ties_with_permuted_columns():
    gold = result(("a", 1), ("b", 1), ("c", 2))
    permuted = result((1, "b"), (1, "a"), (2, "c"))
    assert same(gold, permuted, ordered=True, order_keys=(1,)).equal


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (3, 3.0, True),
        (decimal.Decimal("3.00"), 3, True),
        (decimal.Decimal("0.1"), 0.1, True),
        (0.1 + 0.2, 0.3, True),
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.001, False),
        (1_000_000, 1_000_001, False),
        (1_000_000.0, 1_000_001.0, False),
        (5.5e-17, 0, True),
        (True, 1, True),
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        ("1", 1, False),
        ("a", "A", False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, 1e300, False),
        (dt.date(2020, 1, 2), "2020-01-02", True),
        (dt.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05", True),
        (b"x", "x", False),
        (10**30, 10**30 + 1, False),
    ],
)
def test_values(a, b, equal):
    assert same(result((a,)), result((b,))).equal is equal
    assert same(result((b,)), result((a,))).equal is equal


def test_tolerance_is_a_setting_and_finds_the_right_partners():
    rules = MatchRules(float_relative_tolerance=0.01)
    assert same(result((100.5,)), result((101.0,)), rules=rules).equal
    # Sorted by the first number the rows would pair wrongly.
    a = result((1.0001, 5.5), (1.0002, 9.5))
    b = result((1.0003, 5.5), (1.0000001, 9.5))
    assert same(a, b, rules=rules).equal


def test_failures_are_named():
    failed = ExecutionResult(ExecutionStatus.TIMEOUT, error="late")
    assert same(failed, result((1,))).reason == "gold_failed"
    assert same(result((1,)), failed).reason == "prediction_failed"


@pytest.mark.parametrize(
    ("sql", "ordered", "keys"),
    [
        ("SELECT a FROM t", False, None),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a) AS s", False, None),
        ("SELECT a FROM t WHERE b = 'order by'", False, None),
        ("SELECT a, b FROM t ORDER BY b, a", True, (1, 0)),
        ("SELECT a AS x, COUNT(*) FROM t GROUP BY a ORDER BY COUNT(*) DESC", True, (1,)),
        ("SELECT a AS x FROM t ORDER BY x", True, (0,)),
        ("SELECT a, b FROM t ORDER BY 2", True, (1,)),
        ("SELECT a FROM t ORDER BY b", True, None),
        ("SELECT * FROM t ORDER BY b", True, None),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True, (0,)),
        ("(SELECT a FROM t ORDER BY a)", True, (0,)),
    ],
)
def test_order_of_the_outermost_query(sql, ordered, keys):
    tree = sqlglot.parse_one(sql, dialect="sqlite")
    assert is_ordered(tree) is ordered
    assert order_key_positions(tree) == keys


values = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from(["a", "b", ""]), st.sampled_from([0.5, 1.25])
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[values] * width), min_size=1, max_size=8)
)


@settings(max_examples=200, deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_row_and_column_order_do_not_matter(rows, rng):
    columns = list(range(len(rows[0])))
    rng.shuffle(columns)
    shuffled = [tuple(row[c] for c in columns) for row in rows]
    rng.shuffle(shuffled)
    assert same(result(*rows), result(*shuffled)).equal
    assert same(result(*rows), result(*rows), ordered=True).equal


@settings(max_examples=200, deadline=None)
@given(tables, st.data())
def test_duplicates_always_matter(rows, data):
    extra = data.draw(st.sampled_from(rows))
    assert not same(result(*rows), result(*rows, extra)).equal


@settings(max_examples=200, deadline=None)
@given(tables, tables)
def test_comparison_is_symmetric(a, b):
    assert same(result(*a), result(*b)).equal == same(result(*b), result(*a)).equal


@settings(max_examples=200, deadline=None)
@given(tables, st.data())
def test_a_changed_value_is_seen(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    changed = [list(r) for r in rows]
    changed[place][column] = "never drawn"
    assert not same(result(*rows), result(*map(tuple, changed))).equal
