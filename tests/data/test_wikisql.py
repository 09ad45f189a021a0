"""WikiSQL's own layout, on a small set made here."""

from __future__ import annotations

import json
import sqlite3

import pytest

from sql_ft.config import EvaluationConfig
from sql_ft.data.wikisql import read_wikisql
from sql_ft.errors import DataError
from sql_ft.standalone import build_set, load_questions

TABLE = {
    "id": "1-42-1",
    "header": ["Player", "No.", "School/Club Team", "No.", "Order"],
    "types": ["text", "real", "text", "text", "text"],
    "rows": [
        ["Amir Johnson", 15.0, "Westchester", "a", "x"],
        ["Trey O'Neal", "1,021", "Baylor", "b", "y"],
        ["Jorge G", None, "baylor", "c", "z"],
    ],
}
QUESTIONS = [
    ("Who has number 1021?", {"sel": 0, "agg": 0, "conds": [[1, 0, "1,021"]]}),
    ("How many from baylor?", {"sel": 0, "agg": 3, "conds": [[2, 0, "WESTCHESTER"]]}),
    ("Highest below 100?", {"sel": 1, "agg": 1, "conds": [[1, 2, 100], [0, 0, "Trey O'Neal"]]}),
    ("All orders?", {"sel": 4, "agg": 0, "conds": []}),
]


@pytest.fixture
def folder(tmp_path):
    rows = [{"phase": 1, "question": q, "table_id": "1-42-1", "sql": s} for q, s in QUESTIONS]
    for name, lines in (("dev.jsonl", rows), ("dev.tables.jsonl", [TABLE])):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_queries_are_written_over_a_schema_that_can_be_shown(folder):
    source = read_wikisql(folder)
    assert [s.gold_sql for s in source.samples] == [
        "SELECT player FROM table_1_42_1 WHERE no = 1021",
        "SELECT COUNT(player) FROM table_1_42_1 WHERE school_club_team = 'Westchester'",
        "SELECT MAX(no) FROM table_1_42_1 WHERE no < 100 AND player = 'Trey O''Neal'",
        'SELECT "order" FROM table_1_42_1',
    ]
    sample = source.samples[0]
    assert sample.context == (
        "CREATE TABLE table_1_42_1 (player TEXT, no REAL, school_club_team TEXT, no_2 TEXT, "
        '"order" TEXT);'
    )
    assert (sample.schema_group, sample.tags["index"]) == ("1-42-1", "0")


def test_golds_run_on_the_tables_rows(folder):
    with sqlite3.connect(":memory:") as connection:
        source = read_wikisql(folder)
        connection.execute(source.samples[0].context)
        rows = source.databases["1-42-1"].database.rows["table_1_42_1"]
        connection.executemany("INSERT INTO table_1_42_1 VALUES (?, ?, ?, ?, ?)", rows)
        answers = [connection.execute(s.gold_sql).fetchall() for s in source.samples]
    connection.close()
    assert answers == [[("Trey O'Neal",)], [(1,)], [(None,)], [("x",), ("y",), ("z",)]]


def test_through_the_reader_that_everybody_uses(folder):
    questions = load_questions(folder, "wikisql")
    assert [s.id for s in questions.samples] == ["0", "1", "2", "3"]
    config = EvaluationConfig(workers=1, databases_per_sample=2)
    frozen = build_set(questions, config, folder / "set")
    assert frozen.excluded == {}
    assert load_questions(folder / "dev.jsonl", "wikisql").samples == questions.samples


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table_id": "9"}, "no table for 1 of 1 table_id, first '9'"),
        ({"question": " "}, "question 0: field 'question'"),
        ({"sql": {"sel": 7, "agg": 0, "conds": []}}, "question 0: 'sql' cannot be read"),
        ({"sql": {"sel": 0, "agg": 0, "conds": [[0, 3, "x"]]}}, "question 0: 'sql'"),
        ({"sql": None}, "question 0: 'sql'"),
    ],
)
def test_bad_questions_are_named(folder, change, said):
    row = {"question": "q", "table_id": "1-42-1", "sql": QUESTIONS[3][1], **change}
    (folder / "dev.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=said):
        read_wikisql(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"rows": [["x"]]}, "rows of"), ({"types": None}, "lacks"), ({"header": []}, "0 columns")],
)
def test_bad_tables_are_named(folder, change, said):
    (folder / "dev.tables.jsonl").write_text(json.dumps({**TABLE, **change}) + "\n")
    with pytest.raises(DataError, match=said):
        read_wikisql(folder)


def test_other_dialects_and_other_files_are_refused(folder):
    with pytest.raises(DataError, match="not 'postgres'"):
        read_wikisql(folder, dialect="postgres")
    with pytest.raises(DataError, match="no WikiSQL file"):
        read_wikisql(folder, "dev.json")
