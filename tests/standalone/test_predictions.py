from __future__ import annotations

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop import write_lines

from sql_ft.errors import PredictionsError
from sql_ft.records import Sample
from sql_ft.standalone.predictions import read_predictions

SAMPLES = [Sample(str(i), "q", "c", "SELECT 1", f"db{i % 2}") for i in range(3)]
SQL = ["SELECT a", "SELECT 'x;y'", ""]


def fail(path, *words, **options):
    with pytest.raises(PredictionsError) as caught:
        read_predictions(path, SAMPLES, **options)
    assert caught.value.exit_code == 2
    for word in words:
        assert word in str(caught.value), str(caught.value)


def rows():
    return [{"id": i, "predicted_sql": sql} for i, sql in enumerate(SQL)]


def read(path, **options):
    return read_predictions(path, SAMPLES, **options)


def sql_of(file):
    return [(p.sample_id, p.predicted_sql) for p in file.predictions]


EXPECTED = [("0", SQL[0]), ("1", SQL[1]), ("2", "")]


def test_every_format_reads_the_same(tmp_path):
    write_lines(tmp_path / "mine.jsonl", rows()[::-1])  # any order
    (tmp_path / "mine.json").write_text(json.dumps(rows()), encoding="utf-8")
    with gzip.open(tmp_path / "mine.jsonl.gz", "wt") as file:
        file.write((tmp_path / "mine.jsonl").read_text())
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "predicted_sql"])
        writer.writeheader()
        writer.writerows(rows())
    pq.write_table(pa.Table.from_pylist(rows()), tmp_path / "mine.parquet")
    (tmp_path / "mine.sql").write_text("\n".join(SQL) + "\n")
    (tmp_path / "mine.txt").write_bytes(b"SELECT a\tdb0\r\nSELECT 'x;y'\tdb1\r\n\r\n")
    (tmp_path / "bird.json").write_text(
        json.dumps({str(i): f"{sql}\t----- bird -----\tdb{i % 2}" for i, sql in enumerate(SQL)})
    )
    for path in tmp_path.iterdir():
        file = read(path)
        assert sql_of(file) == EXPECTED, path
        assert file.arm == path.name.partition(".")[0]
        assert not file.has_completions
        assert not file.has_lengths


def test_completions_are_cut_to_one_statement(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl",
        [
            {"sample_id": "0", "completion": "SELECT a;"},
            {"sample_id": "1", "completion": "Sure!\n```sql\nSELECT b\n```"},
            {"sample_id": "2", "completion": ""},
        ],
    )
    file = read(path, arm="x")
    assert file.has_completions
    assert file.arm == "x"
    assert sql_of(file) == [("0", "SELECT a"), ("1", "SELECT b"), ("2", "")]
    assert [p.strict_format for p in file.predictions] == [True, False, False]


def test_sql_beside_a_completion_is_taken_as_it_is(tmp_path):
    text = "Sure: SELECT a"
    given = [{"id": i, "completion": text, "predicted_sql": "SELECT z"} for i in range(3)]
    file = read(write_lines(tmp_path / "a.jsonl", given))
    assert sql_of(file) == [("0", "SELECT z"), ("1", "SELECT z"), ("2", "SELECT z")]
    assert not file.predictions[0].strict_format


def test_lengths_count_only_if_every_row_has_them(tmp_path):
    given = [{**row, "completion_tokens": 3, "finish_reason": "stop"} for row in rows()]
    assert read(write_lines(tmp_path / "a.jsonl", given)).has_lengths
    del given[1]["finish_reason"]
    assert not read(write_lines(tmp_path / "b.jsonl", given)).has_lengths


def test_one_arm_of_several(tmp_path):
    both = [{**row, "arm": arm} for arm in ("base", "tuned") for row in rows()]
    path = write_lines(tmp_path / "a.jsonl", both)
    fail(path, "2 arms: base, tuned", "--arm")
    fail(path, "2 arms", arm="other")
    assert read(path, arm="tuned").arm == "tuned"
    one = write_lines(tmp_path / "b.jsonl", both[:3])
    assert read(one).arm == "base"
    assert read(one, arm="renamed").arm == "renamed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.pop(1), ["1 ids of the data without a prediction: 1"]),
        (lambda r: r.append(r[1]), ["1 ids repeated: 1 (row 2 and row 4)"]),
        (lambda r: r.append({"id": 9, "predicted_sql": ""}), ["the data does not have: 9"]),
        (lambda r: r[1].pop("id"), ["row 2 has no id", "sample_id"]),
        (lambda r: r[1].update(id=None), ["row 2 has no id"]),
        (lambda r: r[1].update(sample_id="2"), ["row 2 has several ids: 1, 2"]),
        (lambda r: r[1].pop("predicted_sql"), ["row 2 (id 1)", "neither", "completion"]),
        (lambda r: r[1].update(predicted_sql=None), ["row 2 (id 1)", "neither"]),
        (lambda r: r[1].update(predicted_sql=3), ["row 2 (id 1)", "type int"]),
        (lambda r: r[1].update(completion=["x"]), ["row 2 (id 1)", "type list"]),
    ],
)
def test_rows_that_do_not_fit_are_named(tmp_path, change, words):
    given = rows()
    change(given)
    fail(write_lines(tmp_path / "a.jsonl", given), "a.jsonl", "--predictions", *words)


def test_ids_counted_from_one_are_seen(tmp_path):
    shifted = [{**row, "id": row["id"] + 1} for row in rows()]
    path = write_lines(tmp_path / "a.jsonl", shifted)
    fail(path, "does not have: 3", "without a prediction: 0", "ids run from 0 to 2")


def test_excluded_samples_need_no_prediction(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", rows()[:2])
    fail(path, "without a prediction: 2")
    assert len(read(path, optional_ids={"2"}).predictions) == 2


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", b'{"id": 0, "predicted_sql": "x"}\n{oops\n', ["row 2 (line 2)", "not JSON"]),
        ("a.jsonl", b"[1]\n", ["row 1", "JSON list"]),
        ("a.jsonl", b"", ["holds no rows"]),
        ("a.jsonl", b'{"id": 0, "predicted_sql": "\xff"}\n', ["0xff", "UTF-8"]),
        ("a.json", b'{"0": 3}', ["id '0'", "int"]),
        ("a.sql", b"SELECT 1\nSELECT 2\n", ["2 lines for 3 rows"]),
        ("a.sql", b"  \n\n", ["is empty"]),
        ("a.sql", b"\xff\n\n\n", ["cannot read"]),
        ("a.txt", b"SELECT 1\tdb0\nSELECT 2\tdb0\n\n", ["line 2 is about 'db0'", "row 1", "db1"]),
        ("a.doc", b"x", [".doc", ".jsonl", ".sql"]),
    ],
)
def test_malformed_files(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    fail(tmp_path / name, name, "--predictions", *words)


def test_folder_and_absent_file(tmp_path):
    fail(tmp_path, "is a folder")
    fail(tmp_path / "absent.jsonl", "no file at")
    fail(tmp_path / "absent.sql", "no file at")
