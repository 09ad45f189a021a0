"""The join that keeps real databases away from pretraining."""

import importlib.util
import json
from pathlib import Path

import pytest

from sql_ft.errors import DataError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "prepare_unseen_half.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("prepare_unseen_half", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(count, **extra):
    return [
        {"question": f"q{n}", "context": "c", "answer": "a", **{k: v(n) for k, v in extra.items()}}
        for n in range(count)
    ]


def test_keeps_the_odd_half_and_drops_rows_without_db_id(script, tmp_path, capsys):
    real, named = rows(12), rows(10, db_id=lambda n: f"db{n}", context=lambda n: "rebuilt")
    for name, data in (("real", real), ("named", named)):
        text = "".join(json.dumps(row) + "\n" for row in data)
        (tmp_path / f"{name}.jsonl").write_text(text)
    code = script.main(
        [f"--real={tmp_path}/real.jsonl", f"--with-db-id={tmp_path}/named.jsonl",
         f"--out={tmp_path}/out/half.jsonl"]
    )  # fmt: skip
    written = [json.loads(s) for s in (tmp_path / "out/half.jsonl").read_text().splitlines()]
    assert code == 0
    assert [row["db_id"] for row in written] == [
        row["db_id"] for row in named if script.is_unseen(row["db_id"])
    ]
    assert 0 < len(written) < 10
    assert all(row["context"] == "c" and len(row) == 4 for row in written)
    assert "2 have no db_id" in capsys.readouterr().out


def test_other_order_is_refused(script):
    named = rows(3, db_id=lambda n: "d")
    with pytest.raises(DataError, match="row 1 asks"):
        script.join_unseen(rows(3)[::-1], named)
    with pytest.raises(DataError, match="only 2 real rows"):
        script.join_unseen(rows(2), named)


def test_missing_file_is_one_line_and_an_exit_code(script, tmp_path, capsys):
    code = script.main([f"--real={tmp_path}/no.jsonl", "--with-db-id=x.jsonl", "--out=y"])
    assert code == DataError.exit_code
    assert "no file at" in capsys.readouterr().err
