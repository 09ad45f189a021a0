from __future__ import annotations

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop import ROWS, SHOP, make_layout, write_lines

from sql_ft.config import DataConfig
from sql_ft.errors import DataError
from sql_ft.standalone.questions import BY_PLACE, load_questions


def rows_with(**columns):
    return [
        {"question": q, "context": SHOP, "answer": sql, **{k: v[i] for k, v in columns.items()}}
        for i, (q, sql) in enumerate(ROWS)
    ]


def test_ids_are_the_datas_own_or_the_place(data, tmp_path):
    questions = load_questions(data)
    assert [s.id for s in questions.samples] == ["0", "1", "2", "3", "4"]
    assert questions.id_rule == BY_PLACE
    assert questions.origin == "rows.jsonl"
    named = write_lines(tmp_path / "a.jsonl", rows_with(id=list("vwxyz"), question_id=[*range(5)]))
    assert [s.id for s in load_questions(named).samples] == list("vwxyz")
    numbered = write_lines(tmp_path / "b.jsonl", rows_with(question_id=[7, 8, 9, 10, 0]))
    questions = load_questions(numbered)
    assert [s.id for s in questions.samples] == ["7", "8", "9", "10", "0"]
    assert questions.id_rule == "question_id"
    assert "question_id" not in questions.samples[0].tags


def test_every_format_gives_the_same_questions(data, tmp_path):
    rows = rows_with()
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    expected = load_questions(data).samples
    for name in ("rows.json", "rows.csv", "rows.parquet"):
        assert load_questions(tmp_path / name).samples == expected


def test_groups_are_databases_or_tables(data, tmp_path):
    assert {s.schema_group for s in load_questions(data).samples} == {"tables:item"}
    named = write_lines(tmp_path / "a.jsonl", rows_with(db_id=list("aabbc")))
    assert [s.schema_group for s in load_questions(named).samples] == list("aabbc")


def test_columns_can_be_named(tmp_path):
    rows = [{"q": q, "ddl": SHOP, "sql": sql, "kind": "x"} for q, sql in ROWS]
    path = write_lines(tmp_path / "a.jsonl", rows)
    config = DataConfig(question_column="q", context_column="ddl", answer_column="sql")
    sample = load_questions(path, data=config).samples[0]
    assert (sample.question, sample.gold_sql, sample.tags) == (*ROWS[0], {"kind": "x"})


@pytest.mark.parametrize(("layout", "field", "ids"), [("spider", "query", ["0", "1"]),
                                                      ("bird", "SQL", ["40", "41"])])  # fmt: skip
def test_layouts_with_real_databases(tmp_path, layout, field, ids):
    folder = make_layout(tmp_path / "set", field)
    for path in (folder, folder / "dev.json"):
        questions = load_questions(path, layout)
        assert [s.id for s in questions.samples] == ids
        assert {s.schema_group for s in questions.samples} == {"shop"}
        assert "index" not in questions.samples[0].tags
        assert set(questions.databases) == {"shop"}
    assert questions.origin == "set/dev.json"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["holds no rows"]),
        ("{nonsense\n", ["row 1 (line 1)", "not JSON"]),
        ('{"question": "q", "context": "c"}\n', ["no column 'answer'", "answer_column"]),
        ('{"question": "q", "context": "c", "answer": null}\n', ["row 1", "'answer' is null"]),
        ('{"question": 3, "context": "c", "answer": "a"}\n', ["row 1", "type int"]),
    ],
)
def test_unusable_rows_are_named(tmp_path, text, words):
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_questions(path)
    for word in ["bad.jsonl", "--data", *words]:
        assert word in str(caught.value)
    assert "data.path" not in str(caught.value)


def test_ids_must_be_whole_and_unique(tmp_path):
    some = rows_with()
    some[0]["id"] = "a"
    with pytest.raises(DataError, match="4 of 5 rows have no 'id', first row 2"):
        load_questions(write_lines(tmp_path / "a.jsonl", some))
    with pytest.raises(DataError, match=r"1 ids are repeated .* first '7' \(rows 2 and 5\)"):
        load_questions(write_lines(tmp_path / "b.jsonl", rows_with(id=[1, 7, 2, 3, 7])))


def test_places_that_cannot_be_read(tmp_path):
    for path, layout, words in [
        (tmp_path, "sql-create-context", ["is a folder", "--layout spider, bird or wikisql"]),
        (tmp_path / "absent.jsonl", "sql-create-context", ["no file at"]),
        (tmp_path / "absent", "spider", ["nothing at"]),
        (tmp_path, "spider", ["no questions file at"]),
        (tmp_path, "wikisql", ["no file at", "dev.jsonl"]),
        (tmp_path, "cosql", ["layout 'cosql'", "--layout", "spider"]),
    ]:
        with pytest.raises(DataError) as caught:
            load_questions(path, layout)
        for word in words:
            assert word in str(caught.value)


def test_a_sqlite_file_that_is_none(tmp_path):
    folder = make_layout(tmp_path / "set")
    (folder / "database" / "shop" / "shop.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match=r"shop\.sqlite"):
        load_questions(folder, "spider")
