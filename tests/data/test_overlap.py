"""Overlap figures and SQL skeletons."""

import pytest

from sql_ft.data.overlap import measure_overlap, sql_skeleton
from sql_ft.records import Sample


@pytest.mark.parametrize(
    ("sql", "skeleton"),
    [
        ("SELECT a.x FROM t AS a WHERE y > 3", "SELECT _ FROM _ AS _ WHERE _ > _"),
        ("select  COUNT( * ) from t where n = 'x' ;", "SELECT COUNT ( * ) FROM _ WHERE _ = _"),
        ('SELECT m FROM u WHERE n = "y"', "SELECT _ FROM _ WHERE _ = _"),
        ("SELECT 'open", "SELECT 'OPEN"),
    ],
)
def test_skeleton(sql, skeleton):
    assert sql_skeleton(sql) == skeleton


def test_overlap_counts():
    train = [
        Sample("aa", "How many heads?", "CREATE TABLE head (x INT)", "SELECT x FROM head", "d1"),
        Sample("bb", "All of it", "CREATE TABLE table_name_1 (x INT)", "SELECT 1", "d2"),
    ]
    held = [
        Sample("aa-2", "how many  HEADS ?", "CREATE TABLE Head (y INT)", "SELECT y FROM z", "d1"),
        Sample("cc", "Else", "CREATE TABLE table_name_1 (q INT)", "SELECT MAX(a) FROM b", "d3"),
        Sample("dd", "Other", "CREATE TABLE n (q INT)", "SELECT 2", "d3"),
    ]
    found = measure_overlap(train, held)
    assert {kind: value["eval_rows"] for kind, value in found.items()} == {
        "schema_group": 1,
        "exact_row": 1,
        "question_text": 1,
        "sql_skeleton": 2,
        "table_name": 1,
    }
    assert found["sql_skeleton"]["share"] == 0.6667
