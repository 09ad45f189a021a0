"""SQLite files made to do something to whoever opens them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from live_files import file_hash, make_sqlite

from sql_ft.records import ExecutionStatus
from sql_ft.serving.live_database import open_database, render_context

MALICIOUS = """
    CREATE TABLE shop (id INTEGER PRIMARY KEY, name VARCHAR);
    INSERT INTO shop VALUES (1, 'a');
    CREATE TABLE log (note VARCHAR);
    CREATE TRIGGER t AFTER INSERT ON shop BEGIN INSERT INTO log VALUES (load_extension('x')); END;
    CREATE VIEW evil AS SELECT load_extension('/tmp/evil.so') AS a;
    CREATE VIEW tokens AS SELECT fts3_tokenizer('simple') AS a;
    CREATE VIEW slow AS WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t)
        SELECT COUNT(*) AS a FROM t;
    CREATE VIEW broken AS SELECT a FROM nowhere;
    CREATE VIRTUAL TABLE words USING fts5(body);
    INSERT INTO words VALUES ('hello world');
    CREATE VIRTUAL TABLE place USING rtree(id, x0, x1);
    CREATE TABLE bomb (n INTEGER, big AS (hex(zeroblob(n * 1000000))));
    INSERT INTO bomb (n) VALUES (20);
    CREATE TABLE "a"");DROP TABLE shop;--" ("x"") FROM shop;--" INTEGER, "line
break" VARCHAR, "<script>alert(1)</script>" VARCHAR);
    INSERT INTO "a"");DROP TABLE shop;--" VALUES (7, char(10) || 'x -- y', '<b>');
"""


@pytest.fixture
def malicious(tmp_path: Path) -> Path:
    return make_sqlite(tmp_path / "evil.sqlite", MALICIOUS)


@pytest.mark.parametrize(
    ("sql", "statuses"),
    [
        ("SELECT * FROM evil", {ExecutionStatus.NOT_A_QUERY, ExecutionStatus.RUNTIME_ERROR}),
        ("SELECT * FROM tokens", {ExecutionStatus.NOT_A_QUERY, ExecutionStatus.RUNTIME_ERROR}),
        ("SELECT * FROM slow", {ExecutionStatus.TIMEOUT}),
        ("SELECT * FROM broken", {ExecutionStatus.UNKNOWN_TABLE}),
        ("SELECT * FROM bomb", {ExecutionStatus.RUNTIME_ERROR, ExecutionStatus.MEMORY}),
        ("INSERT INTO shop VALUES (2, 'b')", {ExecutionStatus.NOT_A_QUERY}),
        # The engine prepares writes for a virtual table before it reads it: refused.
        ("SELECT * FROM words", {ExecutionStatus.NOT_A_QUERY, ExecutionStatus.RUNTIME_ERROR}),
        ("SELECT * FROM place", {ExecutionStatus.NOT_A_QUERY, ExecutionStatus.RUNTIME_ERROR}),
        ("SELECT name FROM shop", {ExecutionStatus.OK}),
    ],
)
def test_nothing_runs_but_reading(
    malicious: Path, sql: str, statuses: set[ExecutionStatus]
) -> None:
    before = file_hash(malicious)
    with open_database(malicious) as database:
        result = database.run(sql, timeout_s=0.5)
        assert result.status in statuses, result
        assert database.run("SELECT COUNT(*) FROM shop").rows == ((1,),)
    assert file_hash(malicious) == before


def test_names_that_are_sql_are_names(malicious: Path) -> None:
    with open_database(malicious) as database:
        live = database.schema()
        names = [t.name for t in live.schema.tables]
        assert 'a");DROP TABLE shop;--' in names
        # A view that cannot be read cannot be asked about.
        assert "broken" not in names
        shown = render_context(live, "q", fits=lambda _: True, sample_values=2).text
        # Comments end with their line: a value with a line break opens none of its own.
        assert "-- e.g. x -- y" in shown
        again = sqlite3.connect(":memory:")
        with closing(again):
            # fts5's and views' columns have no type; all the same every statement is one.
            again.executescript(shown.replace("; CREATE", ";\nCREATE"))
        odd = '"a"");DROP TABLE shop;--"'
        assert database.run(f"SELECT * FROM {odd}").rows == ((7, "\nx -- y", "<b>"),)


def test_writable_schema_cannot_be_switched_on(malicious: Path) -> None:
    with open_database(malicious) as database:
        for sql in ("PRAGMA writable_schema = 1", "PRAGMA query_only = 0"):
            assert database.run(sql).status == ExecutionStatus.NOT_A_QUERY
            # Past the parser too: as if it had let the statement through.
            request = {"op": "run", "sql": sql, "timeout_s": 1, "max_rows": 1, "max_bytes": 100}
            assert database._ask(request)["s"] == "not_a_query"
        for sql in (
            "DELETE FROM shop",
            "ATTACH '/tmp/x.db' AS x",
            "CREATE TEMP TABLE x (a)",
            "VACUUM INTO '/tmp/x.db'",
            "SELECT load_extension('x')",
            "SELECT 1; DELETE FROM shop",
            "BEGIN IMMEDIATE",
        ):
            request = {"op": "run", "sql": sql, "timeout_s": 1, "max_rows": 1, "max_bytes": 100}
            assert database._ask(request)["s"] in ("not_a_query", "runtime_error"), sql
