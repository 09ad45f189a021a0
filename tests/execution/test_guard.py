import sys
import time

import pytest

from sql_ft.errors import SqlTranslationError
from sql_ft.execution import guard
from sql_ft.execution.worker import classify


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "FROM t SELECT a",
        "VALUES (1)",
        "(SELECT 1)",
        "SELECT 1 UNION SELECT 2",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT 1 -- ; DROP TABLE t",
        "SELECT 1 /* ; */ ;",
        "SELECT a FROM t WHERE b GLOB 'x*'",
        "SELECT replace('a', 'b', 'c'), \"drop\" FROM t",
    ],
)
def test_queries_pass(sql):
    assert guard.parse_one(sql, "duckdb") is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * INTO x FROM t",
        "SELECT ?",
        "SELECT $1",
        "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a",
        "BEGIN",
        "COMMIT",
        "VACUUM",
        "SUMMARIZE t",
        "SHOW TABLES",
        "EXECUTE p",
        "CHECKPOINT",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
    ],
)
def test_everything_else_is_refused(sql):
    with pytest.raises(SqlTranslationError) as caught:
        guard.parse_one(sql, "duckdb")
    assert caught.value.status == "not_a_query"


def test_deep_trees_are_a_syntax_error_not_a_crash():
    for sql in ("SELECT " + "NOT " * 5000 + "1", "SELECT " + "-" * 1 + "CASE WHEN " * 3000):
        with pytest.raises(SqlTranslationError) as caught:
            guard.parse_one(sql, "duckdb")
        assert caught.value.status == "syntax"


def test_what_a_parser_would_chew_on_for_long_is_refused_at_once():
    for sql in (
        " UNION ALL ".join(["SELECT a FROM t"] * 500),
        " UNION ".join(["SELECT " + "a, " * 300 + "a FROM t"] * 40),
        " UNION ALL ".join(["FROM t"] * 500),
        "SELECT a FROM t WHERE a IN (" + "1, " * 20_000 + "1)",
    ):
        began = time.process_time()
        with pytest.raises(SqlTranslationError) as caught:
            guard.parse_one(sql, "duckdb")
        assert caught.value.status == "syntax"
        assert time.process_time() - began < 2.0


def test_the_same_depth_is_allowed_to_every_caller():
    def ask(sql, frames):
        if frames:
            return ask(sql, frames - 1)
        try:
            guard.parse_one(sql, "duckdb")
        except SqlTranslationError as error:
            return error.status
        return "ok"

    for depth in (10, 55, 60, 61):
        sql = "SELECT " + "(" * depth + "1" + ")" * depth
        limit = sys.getrecursionlimit()
        assert {ask(sql, frames) for frames in (0, 300, 700)} == {"ok" if depth < 61 else "syntax"}
        assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM information_schema.tables",
        "SELECT a FROM t WHERE EXISTS (SELECT * FROM pg_catalog.pg_class)",
        "SELECT * FROM SQLITE_MASTER",
    ],
)
def test_catalogs_are_no_tables(sql):
    with pytest.raises(SqlTranslationError) as caught:
        guard.parse_one(sql, "duckdb")
    assert caught.value.status == "unknown_table"


def test_messages_carry_no_terminal_codes():
    with pytest.raises(SqlTranslationError) as caught:
        guard.parse_one("SELECT a FROM t WHERE (((", "duckdb")
    assert "\x1b" not in str(caught.value)


def test_an_error_survives_pickling():
    import pickle

    error = SqlTranslationError("x", expected="y", status="empty")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.status, str(copy)) == ("empty", str(error))


def test_unknown_engine_errors_are_runtime_errors():
    assert classify(RuntimeError("something")) == "runtime_error"
    assert classify(MemoryError()) == "memory"
    assert classify(RuntimeError("std::bad_alloc")) == "memory"
