"""Rows arrive week after week: training sees them, the questions stay."""

import json
from pathlib import Path

import pytest
from tiny_model import make_tiny_tokenizer

from sql_ft.config import parse_config
from sql_ft.data.fingerprint import source_fingerprint
from sql_ft.data.folder import read_path
from sql_ft.data.frozen_questions import frozen_path
from sql_ft.data.prepare import prepare_dataset
from sql_ft.errors import DataError
from sql_ft.records import Sample, read_jsonl


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return make_tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def rows(groups, per_group=5):
    return [
        {
            "question": f"How many {n} of {group}?",
            "context": f"CREATE TABLE t{group} (c{n} INTEGER)",
            "answer": f"SELECT COUNT(c{n}) FROM t{group}",
            "db_id": f"db{group}",
        }
        for group in groups
        for n in range(per_group)
    ]


def add(folder, name, new):
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in new)
    (folder / name).write_text(text, encoding="utf-8")


def configure(tmp_path, **data):
    values = {"train_rows": 1000, "eval_rows": 10, "max_length": 256, "eval_group_share": 0.4}
    return parse_config(
        {
            "state_dir": str(tmp_path / "state"),
            "data": {"source": "file", "path": str(tmp_path / "weeks"), **values, **data},
        }
    )


def prepare(config, tokenizer, out):
    prepared = prepare_dataset(config, tokenizer, out)
    train = read_jsonl(Path(prepared.train_path), Sample)
    return prepared, train, read_jsonl(Path(prepared.eval_path), Sample)


def test_new_rows_train_and_the_questions_stay(tmp_path, tokenizer):
    config = configure(tmp_path)
    add(tmp_path / "weeks", "1.jsonl", rows(range(20)))
    first, train, held = prepare(config, tokenizer, tmp_path / "a")
    add(tmp_path / "weeks", "2.jsonl", rows(range(20, 60)))
    second, more, again = prepare(config, tokenizer, tmp_path / "b")
    assert second.eval_hash == first.eval_hash
    assert again == held
    # What trained still trains, and rows of this week with it.
    assert {s.id for s in train} < {s.id for s in more}
    assert {s.schema_group for s in more} & {f"db{n}" for n in range(20, 60)}
    assert second.profile["questions"]["waiting_groups"] > 0
    assert second.profile["questions"]["generation"] == 1
    # New rows of a database that is asked about do not train, whenever they come.
    asked = {s.schema_group for s in held}
    assert not asked & {s.schema_group for s in more}


def test_late_rows_of_an_evaluated_group_and_repeats_never_train(tmp_path, tokenizer):
    config = configure(tmp_path)
    add(tmp_path / "weeks", "1.jsonl", rows(range(20)))
    _, train, held = prepare(config, tokenizer, tmp_path / "a")
    late = [{**row, "question": f"late {row['question']}"} for row in rows(range(20))]
    trained_group = train[0].schema_group
    copies = [
        {
            "question": s.question,
            "context": s.context,
            "answer": s.gold_sql,
            "db_id": trained_group,
        }
        for s in held
    ]
    add(tmp_path / "weeks", "2.jsonl", late + copies)
    prepared, more, again = prepare(config, tokenizer, tmp_path / "b")
    assert again == held
    asked = {s.question for s in held}
    assert not asked & {s.question for s in more}
    assert not {s.schema_group for s in held} & {s.schema_group for s in more}
    assert prepared.profile["left_out"]["before_drawing"]["repeats_evaluation_question"] == len(
        copies
    )


def test_policy_renews_the_questions_and_says_so(tmp_path, tokenizer, caplog):
    config = configure(tmp_path, renew_evaluation_after_groups=5)
    add(tmp_path / "weeks", "1.jsonl", rows(range(20)))
    first, *_ = prepare(config, tokenizer, tmp_path / "a")
    add(tmp_path / "weeks", "2.jsonl", rows(range(20, 60)))
    second, _, held = prepare(config, tokenizer, tmp_path / "b")
    assert second.eval_hash != first.eval_hash
    assert second.profile["questions"] == {"generation": 2, "waiting_groups": 0}
    assert "questions are renewed" in caplog.text
    third, _, again = prepare(config, tokenizer, tmp_path / "c")
    assert again == held
    assert third.profile["questions"]["generation"] == 2


def test_damaged_questions_are_never_drawn_anew(tmp_path, tokenizer):
    config = configure(tmp_path)
    add(tmp_path / "weeks", "1.jsonl", rows(range(20)))
    prepare(config, tokenizer, tmp_path / "a")
    frozen_path(config).write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        prepare(config, tokenizer, tmp_path / "b")


def test_folder_is_read_by_name_and_unfinished_files_wait(tmp_path):
    folder = tmp_path / "weeks"
    config = configure(tmp_path)
    add(folder, "b.jsonl", rows([2], 1))
    add(folder, "a.jsonl", rows([1], 1))
    before = source_fingerprint(config.data)
    add(folder, ".c.jsonl", rows([3], 1))
    add(folder, "d.jsonl.partial", rows([3], 1))
    assert [row["db_id"] for row in read_path(folder)] == ["db1", "db2"]
    assert source_fingerprint(config.data) == before
    add(folder, "e.jsonl", rows([3], 1))
    assert source_fingerprint(config.data) != before


def test_empty_folder(tmp_path):
    (tmp_path / "weeks").mkdir()
    with pytest.raises(DataError, match="holds no data") as caught:
        read_path(tmp_path / "weeks")
    assert caught.value.setting == "data.path"
