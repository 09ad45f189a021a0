import dataclasses
import os
import time

import duckdb
import pytest
from app_people import children_of

from sql_ft.errors import DataError
from sql_ft.serving.app.convert import plain_names
from sql_ft.serving.app.limits import UploadLimits
from sql_ft.serving.app.uploads import accept_upload, table_name


@pytest.fixture
def upload(tmp_path):
    """Makes an upload; after the test neither it nor anything of a refused one is left."""
    inbox, folder = tmp_path / "inbox", tmp_path / "session"
    folder.mkdir()

    def make(name, content, **limits):
        inbox.mkdir(exist_ok=True)
        path = inbox / name
        path.write_bytes(content)
        others = children_of(os.getpid())
        try:
            return accept_upload(path, folder, dataclasses.replace(UploadLimits(), **limits))
        except DataError:
            assert list(folder.iterdir()) == []
            raise
        finally:
            assert not path.exists()
            assert children_of(os.getpid()) <= others

    return make


def rows_of(path):
    connection = duckdb.connect(str(path), read_only=True)
    (table,) = (row[0] for row in connection.execute("SHOW TABLES").fetchall())
    found = connection.execute(f'SELECT * FROM "{table}"')
    columns = [c[0] for c in found.description]
    return table, columns, found.fetchall()


def test_csv_becomes_a_table_with_types(upload):
    path = upload("Sales 2024 (final).csv", b"id,name,price\n1,Ada,2.5\n2,,3\n")
    assert rows_of(path) == (
        "sales_2024_final",
        ["id", "name", "price"],
        [(1, "Ada", 2.5), (2, None, 3.0)],
    )
    assert path.stat().st_mode & 0o077 == 0


def test_names_that_are_sql_or_markup_are_only_names(upload):
    hostile = ['x"; DROP TABLE t; --', "<script>alert(1)</script>", "a\x00b", ""]
    text = ",".join('"' + name.replace('"', '""').replace("\x00", "\x01") + '"' for name in hostile)
    path = upload("x'); DROP TABLE y.csv", f"{text}\n1,2,3,4\n".encode())
    table, columns, rows = rows_of(path)
    assert table == "x_drop_table_y"
    assert columns[:2] == hostile[:2]
    assert columns[2] == "a b"
    assert rows == [(1, 2, 3, 4)]


def test_other_encodings_and_separators(upload):
    path = upload("cafe.csv", "name;city\nZoë;Besançon\n".encode("latin-1"))
    assert rows_of(path)[2] == [("Zoë", "Besançon")]


def test_parquet_keeps_types_and_writes_nested_values_as_text(upload, tmp_path):
    file = tmp_path / "made.parquet"
    duckdb.execute(
        "COPY (SELECT [1, 2] AS l, DATE '2024-05-01' AS d, 1.5::DECIMAL(9,2) AS m,"
        " TIMESTAMPTZ '2024-05-01 10:00:00+02' AS t, 'x'::BLOB AS b) TO ? (FORMAT parquet)",
        [str(file)],
    )
    _, columns, rows = rows_of(upload("made.parquet", file.read_bytes()))
    assert columns == ["l", "d", "m", "t", "b"]
    assert [str(value) for value in rows[0]] == [
        "[1, 2]", "2024-05-01", "1.50", "2024-05-01 08:00:00", "x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.sqlite", b"hello", "a.sqlite is not a SQLite database"),
        ("a.parquet", b"a,b\n1,2\n", "a.parquet is not a Parquet file"),
        ("a.parquet", b"PAR1 junk PAR1", "a.parquet: "),
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"a,b\x00\n", "a.csv is not text, Parquet or SQLite"),
        ("a.exe", b"a,b\n1,2\n", "a.exe is not text, Parquet or SQLite"),
        ("a.csv", b"a,b\n", "a.csv: it has no rows"),
    ],
)
def test_refusals_say_what_was_wrong(upload, name, content, message):
    with pytest.raises(DataError) as caught:
        upload(name, content)
    assert caught.value.message.startswith(message)
    assert caught.value.expected
    assert "/" not in caught.value.message


def test_limits(upload, tmp_path):
    with pytest.raises(DataError, match=r"has 2 MB .* at most 1 MB"):
        upload("a.csv", b"a\n" + b"1\n" * 800_000, max_mb=1)
    with pytest.raises(DataError, match="it has more than 1,000 rows"):
        upload("a.csv", b"a\n" + b"1\n" * 1_001, max_rows=1_000)
    wide = ",".join(f"c{i}" for i in range(3_000)).encode()
    with pytest.raises(DataError, match="it has 3,000 columns"):
        upload("a.csv", wide + b"\n" + wide + b"\n")


def test_parquet_bombs_end_at_the_limit_of_what_they_become(upload, tmp_path):
    file = tmp_path / "bomb.parquet"
    duckdb.execute(
        "COPY (SELECT i::VARCHAR || repeat('a', 3000) AS s FROM range(200000) t(i)) TO ?"
        " (FORMAT parquet, COMPRESSION zstd)",
        [str(file)],
    )
    packed = file.read_bytes()
    assert len(packed) < 3_000_000
    with pytest.raises(DataError, match=r"unpacked it has 6.. MB .* at most 50 MB unpacked"):
        upload("bomb.parquet", packed, max_output_mb=50)


def test_a_child_that_takes_too_long_or_too_much_is_ended(upload):
    rows = b"a,b\n" + b"1,2\n" * 3_000_000
    started = time.monotonic()
    with pytest.raises(DataError, match="took more than 0 s to read"):
        upload("a.csv", rows, timeout_s=0.05)
    assert time.monotonic() - started < 5
    with pytest.raises(DataError, match="more memory"):
        upload("a.csv", rows, memory_mb=64)


def test_a_file_that_is_gone_is_asked_for_again(tmp_path):
    with pytest.raises(DataError, match="did not arrive whole"):
        accept_upload(tmp_path / "no.csv", tmp_path, UploadLimits())


def test_names():
    assert table_name("2024.csv") == "data_2024"
    assert table_name("日本.csv") == "data"
    assert plain_names(["a", "A", "", "b\nc", "x" * 300])[:4] == ["a", "A_2", "column_3", "b c"]
    assert plain_names(["a", "A_2", "A"]) == ["a", "A_2", "A_3"]
