"""Columns that are joined but not of one type: a text that refers to a number."""

from __future__ import annotations

from random import Random

import pytest

from sql_ft.execution.databases import REAL, Database, build_report
from sql_ft.execution.dialect import translate
from sql_ft.execution.pools import build_pools, fit
from sql_ft.execution.schema import parse_schema
from sql_ft.execution.seeds import seed_pools
from sql_ft.execution.usage import Usage

SCHEMA = parse_schema(
    "CREATE TABLE stadium (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE TABLE concert (id INTEGER PRIMARY KEY, stadium_id TEXT REFERENCES stadium(id))"
)
GOLD = translate(
    "SELECT s.name FROM concert AS c JOIN stadium AS s ON c.stadium_id = s.id WHERE s.id > 3",
    SCHEMA,
)


def pools():
    return build_pools(SCHEMA, Usage(GOLD.source, SCHEMA), "", Random(1))


def test_a_text_column_has_the_numbers_of_the_column_it_refers_to():
    found = pools()
    numbers, texts = found["stadium", "id"], found["concert", "stadium_id"]
    assert all(isinstance(v, int) for v in numbers.all)
    assert texts.all == [str(v) for v in numbers.all]
    assert texts.fresh(3) == str(numbers.fresh(3))


def test_seeding_keeps_them_alike():
    found = pools()
    rows = {"stadium": [(n, "x") for n in (21, 22, 23, 24)], "concert": [(1, "21"), (2, "99")]}
    seed_pools(found, SCHEMA, rows, Random(1))
    numbers, texts = found["stadium", "id"], found["concert", "stadium_id"]
    assert {21, 22, 23, 24} <= set(numbers.fillers)
    assert texts.all == [str(v) for v in numbers.all]


def test_generated_rows_join_and_have_their_columns_types():
    real = Database(REAL, {"stadium": [(7, "A"), (8, "B")], "concert": [(1, "7"), (2, "8")]})
    report = build_report(SCHEMA, GOLD.source, "", real=real)
    assert report.databases[0] is real
    assert report.non_empty
    assert report.where_matters
    for database in report.databases[1:]:
        ids = {row[0] for row in database.rows["stadium"]}
        assert all(isinstance(i, int) for i in ids)
        references = [row[1] for row in database.rows["concert"] if row[1] is not None]
        assert all(isinstance(r, str) and int(r) in ids for r in references)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (5, "VARCHAR", "5"), ("5", "BIGINT", 5), ("x", "BIGINT", None), (1.5, "BIGINT", 1),
        ("1.5", "DOUBLE", 1.5), (5, "BIGINT", 5), (None, "VARCHAR", None), ("a", "BLOB", "a"),
        (2, "DOUBLE", 2),
    ],
)  # fmt: skip
def test_fit(value, kind, expected):
    assert fit(value, kind) == expected
