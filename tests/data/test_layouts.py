from __future__ import annotations

import json

import pytest
from real_folder import QUESTIONS, SHOP, make_bird, make_spider

from sql_ft.data.layouts import read_bird, read_spider
from sql_ft.errors import DataError


def test_spider(tmp_path):
    source = read_spider(make_spider(tmp_path))
    assert [(s.question, s.gold_sql) for s in source.samples] == QUESTIONS
    assert [s.tags["index"] for s in source.samples] == ["0", "1", "2"]
    assert {s.schema_group for s in source.samples} == set(source.databases) == {"shop"}
    assert len({s.id for s in source.samples}) == 3
    context = source.samples[0].context
    assert context.split() == SHOP.split()


def test_bird(tmp_path):
    source = read_bird(make_bird(tmp_path))
    assert [s.gold_sql for s in source.samples] == [sql for _, sql in QUESTIONS]
    assert source.samples[1].tags == {
        "index": "1",
        "db_id": "shop",
        "question_id": "41",
        "evidence": "long means pages > 250",
        "difficulty": "simple",
    }
    assert "evidence" not in source.samples[0].tags
    assert list(source.databases) == ["shop"]


def test_exact_repeats_get_ids_of_their_own(tmp_path):
    make_spider(tmp_path)
    rows = json.loads((tmp_path / "dev.json").read_text())
    (tmp_path / "dev.json").write_text(json.dumps(rows + rows[:1]))
    ids = [s.id for s in read_spider(tmp_path).samples]
    assert ids[3] == f"{ids[0]}-2"


def test_another_file_and_progress(tmp_path):
    make_spider(tmp_path)
    (tmp_path / "dev.json").rename(tmp_path / "other.json")
    steps = []
    source = read_spider(tmp_path, "other.json", progress=lambda *step: steps.append(step))
    assert len(source.samples) == 3
    assert steps == [(1, 1)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no list of questions"),
        ({"question": "x"}, "no list of questions"),
        (["x"], "question 0 is no object"),
        ([{"question": "q", "db_id": "shop"}], "question 0: field 'query' is None"),
        ([{"question": "q", "query": " ", "db_id": "shop"}], "question 0: field 'query'"),
        ([{"question": "q", "query": "SELECT 1", "db_id": "gone"}], "first 'gone'"),
    ],
)
def test_bad_questions_are_named(tmp_path, rows, said):
    make_spider(tmp_path)
    (tmp_path / "dev.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=said):
        read_spider(tmp_path)


def test_missing_pieces(tmp_path):
    with pytest.raises(DataError, match="no questions file"):
        read_spider(tmp_path)
    (tmp_path / "dev.json").write_text('[{"question": "q", "query": "SELECT 1", "db_id": "a"}]')
    with pytest.raises(DataError, match="no folder of databases"):
        read_spider(tmp_path)
    (tmp_path / "dev.json").write_text("no json")
    with pytest.raises(DataError, match="cannot read"):
        read_spider(tmp_path)


def test_a_file_that_is_no_database(tmp_path):
    make_spider(tmp_path)
    (tmp_path / "database" / "shop" / "shop.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match=r"shop\.sqlite"):
        read_spider(tmp_path)
