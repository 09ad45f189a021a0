"""Every way a local file can be wrong ends in one DataError that names the row."""

import gzip
import json

import pytest

from sql_ft.data.local_files import read_file
from sql_ft.errors import DataError

ROWS = [
    {"question": 'a, "b"\nc', "context": "CREATE TABLE t (x INTEGER)", "answer": "007"},
    {"question": "été\u2028next", "context": "  spaced ", "answer": "SELECT x FROM t"},
]


def write(path, rows=ROWS):
    import csv

    import pyarrow
    from pyarrow import parquet

    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        data = path.read_bytes()
    elif kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        data = path.read_bytes()
    elif kind == "json":
        data = json.dumps(rows, ensure_ascii=False, indent=2).encode()
    else:
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("kind", ["json", "jsonl", "ndjson", "csv", "parquet"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_text_and_column_order_survive_every_format(tmp_path, kind, packed):
    rows = read_file(write(tmp_path / f"rows.{kind}{packed}"))
    assert rows == ROWS
    assert list(rows[0]) == list(ROWS[0])


def test_json_file_may_hold_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "rows.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"a": "1"}\r\n\r\n{"a": "2"}')
    assert read_file(path) == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.csv", "rows.parquet"])
@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_empty_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="no rows") as caught:
        read_file(tmp_path / name)
    assert caught.value.setting == "data.path"


@pytest.mark.parametrize(
    ("name", "content"), [("rows.json", b"[]"), ("rows.csv", b"question,context,answer\n")]
)
def test_file_without_rows(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="no rows"):
        read_file(tmp_path / name)


def test_parquet_without_rows(tmp_path):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table({"question": pyarrow.array([], "string")}), tmp_path / "p.parquet"
    )
    with pytest.raises(DataError, match="no rows"):
        read_file(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.jsonl", b'{"a": "1"}\n{"a": "\xff"}\n', r"row 2 \(line 2\).*0xff.*not UTF-8"),
        ("r.jsonl", b'{"a": "1"}\n\n{"a": \n', r"row 2 \(line 3\) is not JSON"),
        ("r.jsonl", b'{"a": "1"}\n["a"]\n', r"row 2 \(line 2\) is a JSON list"),
        ("r.json", b'[{"a": "1"}, 3]', r"row 2 is a JSON int"),
        ("r.json", b'[{"a": "1"},', r"is not JSON"),
        ("r.json", b'[{"a":\n "\xfe"}]', r"line 2: byte 0xfe"),
        ("r.json", b"[" * 200_000, r"is not JSON"),
        ("r.csv", b"a,b\n1,2\n3\n", r"row 2 \(line 3\) has 1 fields"),
        ("r.csv", b"a,b\n1,2\n3,4,5\n", r"row 2 \(line 3\) has 3 fields"),
        ("r.csv", b'a,b\n1,2\n"3,4\n', r"row 2 .* is not CSV"),
        ("r.csv", b"a,b\n1,\xe9\n", r"line 2: byte 0xe9"),
        ("r.csv", b"a,a\n1,2\n", r"names a column twice"),
        ("r.parquet", b"PAR1 not really", r"cannot be read as parquet"),
        ("r.jsonl.gz", b"not gzip", r"cannot be unpacked"),
        ("r.jsonl.gz", gzip.compress(b'{"a": "1"}\n' * 99)[:-9], r"cannot be unpacked"),
        ("r.txt", b"a", r"extension '.txt'"),
        ("r", b"a", r"extension ''"),
        ("r.gz", b"a", r"extension ''"),
    ],
)
def test_damaged_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_file(tmp_path / name)
    assert caught.value.setting == "data.path"


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"no file at .*absent\.jsonl"):
        read_file(tmp_path / "absent.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot read"):
        read_file(tmp_path / "folder.jsonl")
