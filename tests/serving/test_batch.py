"""Files of questions in, files of answers out."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from live_files import ScriptedAnswerer

from sql_ft.data.local_files import read_file
from sql_ft.errors import DataError
from sql_ft.serving.batch import predict_file

ROWS = [
    {"id": "007", "question": "How many?", "context": "CREATE TABLE a (x INTEGER)"},
    {"id": "8", "question": 'With "quotes",\nand a line?', "context": "CREATE TABLE b (y INTEGER)"},
]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_rows_come_back_in_order_with_answers(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "questions.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), source)
    output = tmp_path / "new" / f"predictions{suffix}"
    answerer = ScriptedAnswerer(
        lambda q, _: ["SELECT COUNT(*) FROM a"] if "a (x" in q.context else []
    )
    result = predict_file(answerer, source, output)
    assert (result.rows, result.without_sql, result.model) == (2, 1, "scripted")
    found = read_file(output)
    assert [row["id"] for row in found] == ["007", "8"]
    assert found[1]["question"] == ROWS[1]["question"]
    assert [row["predicted_sql"] for row in found] == ["SELECT COUNT(*) FROM a", ""]
    assert sorted(p.name for p in output.parent.iterdir()) == [output.name]


def test_bad_files_say_what_is_wrong(tmp_path: Path) -> None:
    answerer = ScriptedAnswerer(lambda *_: ["SELECT 1"])
    source = tmp_path / "q.jsonl"
    source.write_text(json.dumps(ROWS[0]) + "\n" + json.dumps({"question": "x"}) + "\n")
    with pytest.raises(DataError, match=r"row 2 of .*q\.jsonl has no context"):
        predict_file(answerer, source, tmp_path / "out.csv")
    with pytest.raises(DataError, match=r"out\.txt has the extension '\.txt'"):
        predict_file(answerer, source, tmp_path / "out.txt")
    with pytest.raises(DataError, match=r"no file at .*gone\.csv \| .* \| setting: input"):
        predict_file(answerer, tmp_path / "gone.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
