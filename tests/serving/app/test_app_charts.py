import datetime as dt
import decimal

import pytest

from sql_ft.records import ExecutionStatus
from sql_ft.serving.app.chart import choose_chart
from sql_ft.serving.app.export import to_csv, to_sql
from sql_ft.serving.app.session import HistoryEntry
from sql_ft.serving.query import QueryResult


def result(columns, rows):
    return QueryResult(ExecutionStatus.OK, tuple(columns), tuple(rows))


def test_a_name_and_a_number_are_bars():
    chart = choose_chart(result(["city", "n"], [("Lyon", 2), ("Oslo", decimal.Decimal("1.5"))]))
    assert (chart.kind, chart.labels, chart.values) == ("bar", ("Lyon", "Oslo"), (2.0, 1.5))
    assert (chart.label_title, chart.value_title, chart.note) == ("city", "n", "")


@pytest.mark.parametrize("as_text", [True, False])
def test_days_are_a_line_in_their_order(as_text):
    days = [dt.date(2024, 5, 3), dt.date(2024, 5, 1), dt.date(2024, 5, 2)]
    rows = [(day.isoformat() if as_text else day, n) for n, day in enumerate(days)]
    chart = choose_chart(result(["day", "n"], rows))
    assert chart.kind == "line"
    assert chart.labels == tuple(sorted(days))
    assert chart.values == (1.0, 2.0, 0.0)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (["n"], [(3,)]),
        (["name"], [("a",), ("b",)]),
        (["name", "customer_id"], [("a", 1), ("b", 2)]),
        (["name", "n"], [("a", None), ("b", None)]),
        (["name", "n"], [("a", float("nan")), ("b", 10**400), ("c", 1)]),
        (["name", "flag"], [("a", True), ("b", False)]),
        (["a", "n"], []),
    ],
)
def test_no_chart_where_it_would_say_nothing(columns, rows):
    assert choose_chart(result(columns, rows)) is None


def test_a_failed_query_has_no_chart():
    assert choose_chart(QueryResult(ExecutionStatus.SYNTAX, error="no")) is None


def test_same_names_are_bars_of_their_own_and_many_are_cut():
    chart = choose_chart(result(["c", "n"], [("a", 1), ("a", 2), (None, 3), ("x" * 99, 4)]))
    assert chart.labels == ("a", "a (2)", "NULL", "x" * 39 + "…")
    chart = choose_chart(result(["c", "n"], [(str(i), i) for i in range(40)]))
    assert len(chart.labels) == 30
    assert chart.note == "10 rows are not in the chart"


def test_numbers_alone_are_bars_by_row():
    chart = choose_chart(result(["n"], [(3,), (1,)]))
    assert (chart.labels, chart.values, chart.label_title) == (("1", "2"), (3.0, 1.0), "row")


def test_csv_takes_the_sting_out_of_formulas_and_keeps_numbers():
    text = to_csv(
        result(["=x", "n"], [("=HYPERLINK(1)", -5), ("+1", None), ('a,"b"\n', 1.5), (b"\x01", 2)])
    )
    assert text == ('\'=x,n\r\n\'=HYPERLINK(1),-5\r\n\'+1,\r\n"a,""b""\n",1.5\r\n01,2\r\n')


def test_sql_of_a_session_cannot_leave_its_comment():
    entry = HistoryEntry("a\nDROP TABLE t;", "SELECT 1;", result(["a"], [(1,)]), "db\nx", "you")
    assert to_sql([entry, entry]) == "-- db x, you\n-- a DROP TABLE t;\nSELECT 1;\n\n" * 1 + (
        "-- db x, you\n-- a DROP TABLE t;\nSELECT 1;\n"
    )
