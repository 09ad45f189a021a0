from __future__ import annotations

import datetime as dt
import sqlite3

import pytest
from real_folder import AUTHORS, make_shop

from sql_ft.data.sqlite_file import read_sqlite
from sql_ft.errors import DataError
from sql_ft.execution.tables import MIXED, ForeignKey


@pytest.fixture
def shop(tmp_path):
    make_shop(tmp_path / "shop" / "shop.sqlite")
    return read_sqlite(tmp_path / "shop" / "shop.sqlite")[1]


def make(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(
            statement
        )
    connection.commit()
    connection.close()
    return path


def test_types_come_from_declaration_and_content(shop):
    author, book = shop.schema.tables
    assert [(c.name, c.type, c.affinity) for c in author.columns] == [
        ("author_id", "BIGINT", "INTEGER"),
        ("name", "VARCHAR", "TEXT"),
        ("born", "VARCHAR", "NUMERIC"),
        ("score", "VARCHAR", MIXED),
    ]
    assert [(c.name, c.type, c.affinity) for c in book.columns] == [
        ("isbn", "VARCHAR", "TEXT"),
        ("title", "VARCHAR", "TEXT"),
        ("author_id", "BIGINT", "INTEGER"),
        ("pages", "VARCHAR", MIXED),
        ("price", "DOUBLE", "NUMERIC"),
        ("stars", "VARCHAR", "TEXT"),
    ]


def test_keys_come_from_the_pragmas(shop):
    author, book = shop.schema.tables
    assert author.primary_key == ("author_id",)
    assert book.primary_key == ("isbn",)
    assert book.foreign_keys == (ForeignKey(("author_id",), "author", ("author_id",)),)
    assert book.unique_keys == (("title", "author_id"),)
    assert [c.name for c in author.columns if not c.nullable] == ["author_id", "name"]
    assert [c.name for c in book.columns if c.unique] == ["isbn"]


def test_rows_have_the_types_of_their_columns(shop):
    rows = shop.database.rows
    assert rows["author"] == [(i, n, b, str(s)) for i, n, b, s in AUTHORS]
    assert [r[3] for r in rows["book"]] == ["120", "80", "", "300"]
    assert [r[4] for r in rows["book"]] == [9.5, 12.0, 7.25, None]
    assert all(isinstance(r[4], float) for r in rows["book"][:3])
    assert not shop.capped


def test_numbers_become_text_as_sqlite_writes_them(tmp_path):
    numbers = [0.1, 1e20, 1.5e-7, 100.0, 123456789.123456789, -2.0, 1 / 3, 7]
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE t (v)",
        "INSERT INTO t VALUES ('text')",
        *[("INSERT INTO t VALUES (?)", (n,)) for n in numbers],
    )
    with sqlite3.connect(path) as connection:
        expected = connection.execute("SELECT CAST(v AS TEXT) FROM t").fetchall()
    connection.close()
    assert read_sqlite(path)[1].database.rows["t"] == expected


def test_dates_are_dates_for_other_dialects_where_every_value_is_one(tmp_path):
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE t (d DATE, e DATE, s TIMESTAMP)",
        "INSERT INTO t VALUES ('2020-01-02', '2020-01-02', '2020-01-02 03:04:05')",
        "INSERT INTO t VALUES (NULL, 'unknown', NULL)",
    )
    database = read_sqlite(path, dialect="duckdb")[1]
    assert [c.type for c in database.schema.tables[0].columns] == ["DATE", "VARCHAR", "TIMESTAMP"]
    assert database.database.rows["t"] == [
        (dt.date(2020, 1, 2), "2020-01-02", dt.datetime(2020, 1, 2, 3, 4, 5)),
        (None, "unknown", None),
    ]
    assert {c.type for c in read_sqlite(path)[1].schema.tables[0].columns} == {"VARCHAR"}


def test_text_that_is_not_utf8_is_tolerated(tmp_path):
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE t (name TEXT, photo BLOB)",
        "INSERT INTO t VALUES (CAST(x'416cfc' AS TEXT), x'00ff')",
    )
    assert read_sqlite(path)[1].database.rows["t"] == [("Al\ufffd", b"\x00\xff")]


def test_a_capped_table_keeps_the_rows_that_others_refer_to(tmp_path):
    path = make(
        tmp_path / "x.db",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES parent(id))",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent)",
        *[("INSERT INTO parent VALUES (?, ?)", (i, i - 1 if i % 2 else None)) for i in range(100)],
        *[("INSERT INTO child VALUES (?, ?)", (i, 97 - i)) for i in range(5)],
    )
    database = read_sqlite(path, max_rows_per_table=10)[1]
    rows = database.database.rows
    assert database.capped == {"parent": 100}
    assert len(rows["child"]) == 5
    ids = {r[0] for r in rows["parent"]}
    assert {r[1] for r in rows["child"]} <= ids
    # A parent that was added may refer to another.
    assert {r[1] for r in rows["parent"]} - {None} <= ids
    assert len(rows["parent"]) == len(ids) < 20


def test_the_file_is_not_touched(tmp_path):
    make_shop(tmp_path / "shop" / "shop.sqlite")
    path = tmp_path / "shop" / "shop.sqlite"
    before = path.read_bytes()
    read_sqlite(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["shop.sqlite"]


def test_errors_name_the_file(tmp_path):
    with pytest.raises(DataError, match="no database at"):
        read_sqlite(tmp_path / "gone.sqlite")
    make(tmp_path / "empty.db", "CREATE TABLE t (a)", "DROP TABLE t")
    with pytest.raises(DataError, match="has no tables"):
        read_sqlite(tmp_path / "empty.db")
