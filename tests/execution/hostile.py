"""Hostile predictions: kind, statement, and the status that each must get.

One table for the tests and for `benchmarks/hostile_predictions.py`. ``{canary}`` is the
path of a file that nothing may read, change or remove; ``{out}`` of one that nothing may
create. The table of the question is ``t (a INTEGER, b VARCHAR)``.
"""

from __future__ import annotations

import dataclasses

NOT_A_QUERY, EMPTY, SYNTAX, RUNTIME = "not_a_query", "empty", "syntax", "runtime_error"
NO_TABLE, NO_COLUMN, MANY_ROWS = "unknown_table", "unknown_column", "too_many_rows"
TIMEOUT, MEMORY = "timeout", "memory"
# Whether the clock or the memory ends first is a matter of the machine.
RESOURCES = "timeout memory"


@dataclasses.dataclass(frozen=True, slots=True)
class Hostile:
    """One hostile statement.

    Attributes:
        kind: What it tries.
        sql: The text, as a model would have written it.
        statuses: The `ExecutionStatus` values of which it must get one.
    """

    kind: str
    sql: str
    statuses: tuple[str, ...]


def _nested(left: str, core: str, right: str, depth: int) -> str:
    return left * depth + core + right * depth


def _doubling(select: str, levels: int) -> str:
    """A chain of CTEs, each the product of the one before with itself."""
    ctes = ["c0 AS (SELECT a FROM t)"]
    ctes += [f"c{i} AS (SELECT {select} FROM c{i - 1} x, c{i - 1} y)" for i in range(1, levels)]
    return f"WITH {', '.join(ctes)} SELECT * FROM c{levels - 1}"


# kind → status → statements
_TABLE: dict[str, dict[str, list[str]]] = {
    "create": {
        NOT_A_QUERY: [
            "CREATE TABLE u (x INTEGER)",
            "CREATE TABLE u AS SELECT * FROM t",
            "CREATE OR REPLACE TABLE t (a INTEGER, b VARCHAR)",
            "CREATE TEMP TABLE t AS SELECT 1 AS a, 'x' AS b",
            "CREATE VIEW v AS SELECT * FROM t",
            "CREATE TEMP VIEW t AS SELECT 1 AS a",
            "CREATE SCHEMA s",
            "CREATE INDEX i ON t (a)",
            "CREATE TYPE mood AS ENUM ('x', 'y')",
            "CREATE VIRTUAL TABLE f USING fts5(x)",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END",
        ]
    },
    "drop and alter": {
        NOT_A_QUERY: [
            "DROP TABLE t",
            "DROP TABLE IF EXISTS t CASCADE",
            "DROP SCHEMA main CASCADE",
            "DROP VIEW v",
            "ALTER TABLE t ADD COLUMN c INTEGER",
            "ALTER TABLE t RENAME TO u",
            "ALTER TABLE t DROP COLUMN b",
            "TRUNCATE t",
            "COMMENT ON TABLE t IS 'mine'",
        ]
    },
    "change rows": {
        NOT_A_QUERY: [
            "DELETE FROM t",
            "DELETE FROM t WHERE a = 1 RETURNING *",
            "INSERT INTO t VALUES (5, 'q')",
            "INSERT INTO t SELECT * FROM t",
            "INSERT OR REPLACE INTO t VALUES (1, 'q')",
            "REPLACE INTO t VALUES (1, 'q')",
            "UPDATE t SET a = 9",
            "UPDATE t SET a = 9 RETURNING a",
            "MERGE INTO t USING t AS u ON t.a = u.a WHEN MATCHED THEN DELETE",
            "SELECT * INTO u FROM t",
        ]
    },
    "change rows inside a query": {
        NOT_A_QUERY: [
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "WITH x AS (UPDATE t SET a = 0 RETURNING *) SELECT * FROM x",
            "WITH x AS (INSERT INTO t VALUES (9, 'w') RETURNING *) SELECT * FROM x",
            "WITH x AS (SELECT 1) DELETE FROM t",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 'a'",
            "WITH x AS (SELECT 1) UPDATE t SET a = 1",
            "WITH RECURSIVE x AS (DELETE FROM t RETURNING *) SELECT COUNT(*) FROM x",
        ],
        SYNTAX: ["SELECT * FROM (DELETE FROM t RETURNING *)"],
    },
    "several statements": {
        NOT_A_QUERY: [
            "SELECT 1; DELETE FROM t",
            "SELECT 1; SELECT 2",
            "SELECT 1;;SELECT 2;",
            "; DROP TABLE t",
            "SELECT 1;\n\n--\nDROP TABLE t",
            "COMMIT; DROP TABLE t",
            "ROLLBACK; DROP TABLE t; BEGIN",
            "SELECT a FROM t; CREATE TABLE pwned (x INTEGER);",
            "SELECT 'a;b'; DROP TABLE t",
        ]
    },
    "comment tricks": {
        EMPTY: ["/* nothing */", "-- DROP TABLE t", "/**/;/**/", "--\n--\n", " ; ; "],
        NOT_A_QUERY: [
            "/* SELECT */ DROP TABLE t",
            "--SELECT\nDELETE FROM t",
            "SELECT 1 -- harmless\n; DELETE FROM t",
            "SELECT 1 /* ; */; DROP /* x */ TABLE t",
            "DROP/**/TABLE/**/t SELECT",
        ],
        SYNTAX: ["SELECT 1 /* never closed", "SELECT 'x -- ", "DE/**/LETE FROM t"],
    },
    "file functions": {
        RUNTIME: [
            "SELECT * FROM read_csv('{canary}')",
            "SELECT * FROM read_csv_auto('{canary}')",
            "SELECT * FROM read_text('{canary}')",
            "SELECT * FROM read_blob('{canary}')",
            "SELECT * FROM read_json('{canary}')",
            "SELECT * FROM read_json_auto('{canary}')",
            "SELECT * FROM read_ndjson('{canary}')",
            "SELECT * FROM read_parquet('{canary}')",
            "SELECT * FROM parquet_scan('{canary}')",
            "SELECT * FROM parquet_metadata('{canary}')",
            "SELECT * FROM parquet_schema('{canary}')",
            "SELECT * FROM sniff_csv('{canary}')",
            "SELECT * FROM read_duckdb('{canary}', 't')",
            "SELECT a FROM t WHERE a IN (SELECT LENGTH(content) FROM read_text('{canary}'))",
            "SELECT (SELECT content FROM read_text('{canary}'))",
            "WITH f AS (SELECT * FROM READ_TEXT('{canary}')) SELECT * FROM f",
            "SELECT * FROM t JOIN \"read_csv\"('{canary}') ON TRUE",
        ],
        SYNTAX: ["SELECT * FROM glob('/*')"],
    },
    "file functions of SQLite and others": {
        RUNTIME: [
            "SELECT load_extension('{canary}')",
            "SELECT readfile('{canary}')",
            "SELECT writefile('{out}', 'x')",
            "SELECT edit('x', 'vi')",
            "SELECT fts3_tokenizer('simple')",
            "SELECT pg_read_file('{canary}')",
            "SELECT * FROM pg_ls_dir('/')",
            "SELECT lo_import('{canary}')",
            "SELECT * FROM sqlite_scan('{canary}', 't')",
            "SELECT * FROM postgres_scan('host=localhost', 'public', 't')",
            "SELECT LOAD_FILE('{canary}')",
        ],
    },
    "copy and export": {
        NOT_A_QUERY: [
            "COPY t TO '{out}'",
            "COPY (SELECT * FROM t) TO '{out}' (FORMAT PARQUET)",
            "COPY t FROM '{canary}'",
            "COPY t TO PROGRAM 'touch {out}'",
            "EXPORT DATABASE '{out}'",
            "IMPORT DATABASE '{canary}'",
            "COPY FROM DATABASE memory TO other",
            "VACUUM INTO '{out}'",
            "SELECT 1; COPY t TO '{out}'",
        ]
    },
    "files by their names": {
        NO_TABLE: [
            "SELECT * FROM '{canary}'",
            'SELECT * FROM "{canary}"',
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM '/proc/self/environ'",
            "SELECT * FROM t JOIN '{canary}' AS f ON TRUE",
            "SELECT * FROM '/tmp/*.csv'",
            "SELECT * FROM 'canary.parquet'",
            "SELECT * FROM 'canary.json'",
            "SELECT * FROM '../*/*.parquet'",
        ],
    },
    "network": {
        RUNTIME: [
            "SELECT * FROM read_csv('https://example.invalid/x.csv')",
            "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
            "SELECT * FROM read_text('http://127.0.0.1:1/')",
        ],
        NO_TABLE: [
            "SELECT * FROM 'https://example.invalid/x.parquet'",
            "SELECT * FROM 's3://bucket/x.parquet'",
            "SELECT * FROM 'hf://datasets/a/b.csv'",
        ],
        NOT_A_QUERY: [
            "COPY t TO 'https://example.invalid/x.csv'",
            "ATTACH 'https://example.invalid/x.db'",
        ],
    },
    "attach and use": {
        NOT_A_QUERY: [
            "ATTACH ':memory:' AS m",
            "ATTACH '{out}' AS m",
            "ATTACH DATABASE '{canary}' AS m",
            "ATTACH '{canary}' AS m (TYPE SQLITE)",
            "DETACH memory",
            "DETACH DATABASE main",
            "USE memory",
            "USE temp",
            "CREATE DATABASE d",
        ]
    },
    "extensions": {
        NOT_A_QUERY: [
            "INSTALL httpfs",
            "LOAD httpfs",
            "LOAD json",
            "LOAD '{canary}'",
            "FORCE INSTALL sqlite",
            "INSTALL spatial FROM community",
            "UPDATE EXTENSIONS",
        ]
    },
    "settings": {
        NOT_A_QUERY: [
            "SET threads = 64",
            "SET memory_limit = '1TB'",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "SET GLOBAL TimeZone = 'Asia/Tokyo'",
            "SET SESSION schema = 'temp'",
            "SET VARIABLE x = 1",
            "SET search_path = 'temp'",
            "RESET threads",
            "RESET ALL",
            "RESET lock_configuration",
            "PRAGMA database_list",
            "PRAGMA table_info('t')",
            "PRAGMA enable_external_access",
            "PRAGMA writable_schema = 1",
            "PRAGMA disable_optimizer",
            "PRAGMA enable_verification",
        ],
        RUNTIME: [
            "SELECT current_setting('memory_limit')",
            "SELECT set_config('a', 'b', false)",
            "SELECT getvariable('x')",
        ],
    },
    "call": {
        NOT_A_QUERY: [
            "CALL pragma_version()",
            "CALL duckdb_settings()",
            "CALL enable_logging()",
            "CALL force_checkpoint()",
            "CHECKPOINT",
            "FORCE CHECKPOINT",
            "VACUUM",
            "ANALYZE",
            "KILL 1",
        ]
    },
    "Python's variables": {
        NO_TABLE: [
            "SELECT * FROM connection",
            "SELECT * FROM session",
            "SELECT * FROM statement",
            "SELECT * FROM message",
            "SELECT * FROM self",
            "SELECT * FROM options",
            "SELECT * FROM __builtins__",
            "SELECT * FROM sys.modules",
            "SELECT * FROM os.environ",
        ],
        RUNTIME: [
            "SELECT * FROM pandas_scan(1)",
            "SELECT * FROM arrow_scan(1, 2, 3)",
            "SELECT * FROM python_map_function(1)",
            "SELECT * FROM python_arrow_scan(1)",
        ],
    },
    "secrets": {
        NOT_A_QUERY: [
            "CREATE SECRET s (TYPE S3, KEY_ID 'a', SECRET 'b')",
            "CREATE PERSISTENT SECRET s (TYPE HTTP, BEARER_TOKEN 'x')",
            "DROP SECRET s",
        ],
        RUNTIME: [
            "SELECT * FROM duckdb_secrets()",
            "SELECT * FROM which_secret('s3://x', 's3')",
            "SELECT * FROM duckdb_secrets(redact := false)",
        ],
    },
    "environment": {
        RUNTIME: [
            "SELECT getenv('HOME')",
            "SELECT GETENV('PATH')",
            "SELECT a, getenv('USER') FROM t",
            "SELECT inet_server_addr()",
            "SELECT pg_postmaster_start_time()",
        ]
    },
    "prepared statements": {
        NOT_A_QUERY: [
            "PREPARE p AS SELECT 1",
            "PREPARE p AS DELETE FROM t",
            "EXECUTE p",
            "EXECUTE p(1)",
            "DEALLOCATE p",
            "DEALLOCATE ALL",
            "SELECT ?",
            "SELECT a FROM t WHERE a = :x",
        ]
    },
    "transactions": {
        NOT_A_QUERY: [
            "BEGIN",
            "BEGIN TRANSACTION",
            "BEGIN; DELETE FROM t; COMMIT",
            "COMMIT",
            "ROLLBACK",
            "END",
            "ABORT",
            "SAVEPOINT s",
            "RELEASE s",
            "START TRANSACTION READ WRITE",
        ]
    },
    "macros and sequences": {
        NOT_A_QUERY: [
            "CREATE MACRO abs(x) AS 0",
            "CREATE TEMP MACRO upper(x) AS 'pwned'",
            "CREATE MACRO m() AS TABLE SELECT 1",
            "CREATE FUNCTION f(x) AS x + 1",
            "CREATE SEQUENCE s",
            "DROP SEQUENCE s",
        ],
        RUNTIME: [
            "SELECT nextval('s')",
            "SELECT currval('s')",
            "SELECT setval('s', 9)",
        ],
    },
    "seed and chance": {
        RUNTIME: [
            "SELECT setseed(0.1)",
            "SELECT a, setseed(0.7) FROM t",
            "SELECT uuid()",
            "SELECT gen_random_uuid()",
            "SELECT uuidv7()",
        ]
    },
    "descriptions": {
        NOT_A_QUERY: [
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT * FROM t",
            "EXPLAIN DELETE FROM t",
            "EXPLAIN QUERY PLAN SELECT 1",
            "DESCRIBE t",
            "DESC t",
            "SHOW TABLES",
            "SHOW ALL TABLES",
            "SHOW DATABASES",
            "SUMMARIZE t",
            "SUMMARIZE SELECT * FROM t",
        ],
        f"{NOT_A_QUERY} {SYNTAX}": ["SELECT * FROM (DESCRIBE t)"],
        NO_TABLE: ["SELECT * FROM (SHOW TABLES)"],
    },
    "pivot": {
        NOT_A_QUERY: [
            "PIVOT t ON b USING COUNT(*)",
            "UNPIVOT t ON a, b INTO NAME n VALUE v",
        ],
        f"{NOT_A_QUERY} {SYNTAX}": ["SELECT * FROM (PIVOT t ON b USING COUNT(*))"],
    },
    "catalogs": {
        NO_TABLE: [
            "SELECT * FROM information_schema.tables",
            "SELECT table_name FROM information_schema.columns",
            "SELECT * FROM sqlite_master",
            "SELECT name FROM sqlite_schema WHERE type = 'table'",
            "SELECT * FROM pg_catalog.pg_class",
            "SELECT * FROM pg_tables",
            "SELECT * FROM pg_settings",
            "SELECT * FROM duckdb_tables",
            "SELECT * FROM pragma_database_list",
            "SELECT a FROM t WHERE b IN (SELECT name FROM sqlite_master)",
        ],
        RUNTIME: [
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM duckdb_tables()",
            "SELECT * FROM duckdb_functions()",
            "SELECT * FROM duckdb_extensions()",
            "SELECT * FROM duckdb_memory()",
            "SELECT * FROM duckdb_prepared_statements()",
            "SELECT * FROM duckdb_variables()",
            "SELECT * FROM duckdb_temporary_files()",
            "SELECT * FROM pragma_table_info('t')",
            "SELECT * FROM pragma_storage_info('t')",
        ],
    },
    "SQL in text": {
        RUNTIME: [
            "SELECT * FROM query('SELECT 1')",
            "SELECT * FROM query_table('t')",
            "SELECT * FROM query_table(['t', 't'])",
            "SELECT json_serialize_plan('SELECT 1')",
            "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
            "SELECT * FROM from_substrait('x'::BLOB)",
        ]
    },
    "state of the engine": {
        RUNTIME: [
            "SELECT * FROM enable_logging()",
            "SELECT * FROM disable_logging()",
            "SELECT write_log('x')",
            "SELECT * FROM enable_profiling()",
            "SELECT * FROM checkpoint()",
            "SELECT * FROM force_checkpoint()",
            "SELECT * FROM truncate_duckdb_logs()",
            "SELECT * FROM create_external_resource('a', 'b')",
            "SELECT * FROM register_external_resource_type('a')",
            "SELECT current_query()",
            "SELECT txid_current()",
        ]
    },
    "sleep": {
        RUNTIME: ["SELECT sleep_ms(60000)", "SELECT pg_sleep(60)", "SELECT a, sleep_ms(9) FROM t"],
        f"{RUNTIME} {SYNTAX}": ["SELECT SLEEP(60)", "SELECT BENCHMARK(1000000000, MD5('x'))"],
        NOT_A_QUERY: ["CALL sleep_ms(60000)"],
        SYNTAX: ["WAITFOR DELAY '00:01'"],
    },
    "cross joins": {
        RESOURCES: [
            "SELECT COUNT(*) FROM range(10000000) AS x(i), range(10000000) AS y(j) WHERE i * j = 7",
            f"SELECT COUNT(*) FROM {', '.join(f't t{i}' for i in range(40))} WHERE t0.a + t39.a = 3",
            "SELECT MAX(x.i + y.j) FROM range(9000000) AS x(i) JOIN range(9000000) AS y(j)"
            " ON x.i < y.j",
            "SELECT i, COUNT(*) FROM range(90000000) AS x(i), t GROUP BY i ORDER BY 2 LIMIT 1",
        ]
    },
    "recursive CTEs": {
        RESOURCES: [
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r)"
            " SELECT MAX(n) FROM r",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n * 2 % 1000003 FROM r)"
            " SELECT COUNT(*) FROM r",
            "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r)"
            " SELECT MAX(LENGTH(s)) FROM r",
            "WITH RECURSIVE r AS (SELECT a FROM t UNION ALL SELECT r.a FROM r, t)"
            " SELECT COUNT(*) FROM r",
        ]
    },
    "huge strings": {
        RESOURCES: [
            "SELECT repeat('a', 4000000000)",
            "SELECT LENGTH(lpad('a', 2000000000, 'b'))",
            "SELECT LENGTH(rpad('a', 2000000000, 'b'))",
            "SELECT LENGTH(string_agg(repeat('x', 100000), '')) FROM range(1000000) AS r(i)",
            "SELECT LENGTH(REPLACE(repeat('a', 60000000), 'a', repeat('b', 100)))",
        ],
        RUNTIME: ["SELECT LENGTH(repeat(repeat('a', 100000), 100000))"],
        f"{MANY_ROWS} {TIMEOUT}": [
            "SELECT repeat('a', 20000000)",
            "SELECT repeat('a', 9000000), b FROM t",
        ],
    },
    "huge lists": {
        RESOURCES: [
            "SELECT len(range(300000000))",
            "SELECT len(list(i)) FROM range(1000000000) AS r(i)",
            "SELECT len(list_sort(range(200000000)))",
            "SELECT len(list_reverse(range(200000000)))",
        ]
    },
    "one long scalar call": {
        RESOURCES: [
            # DuckDB's interrupt does not reach inside one call.
            "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
            "SELECT damerau_levenshtein(repeat('ab', 9000), repeat('ba', 9000))",
            "SELECT jaro_winkler_similarity(repeat('a', 900000), repeat('b', 900000))",
        ]
    },
    "huge numbers": {
        RUNTIME: [
            "SELECT 9223372036854775807 * 9223372036854775807 * 9223372036854775807",
            "SELECT factorial(1000)",
            "SELECT CAST('x' AS INTEGER) FROM duckdb_keywords()",
        ],
    },
    "regular expressions": {
        # RE2 does not go back over the text: these are answered, and are wrong.
        "ok": [
            "SELECT regexp_matches(repeat('a', 20000), '^(a+)+$')",
            "SELECT regexp_matches(repeat('a', 20000) || 'b', '^(a|a)*$')",
            "SELECT regexp_matches(repeat('a', 3000), '(.*)(.*)(.*)(.*)(.*)[0-9]')",
        ],
        RUNTIME: [
            "SELECT regexp_matches('a', '((a{1,1000}){1,1000}){1,1000}')",
            "SELECT regexp_replace('a', '(?R)', 'b')",
            "SELECT regexp_matches('a', '(')",
        ],
    },
    "deep nesting": {
        SYNTAX: [
            "SELECT " + _nested("(", "1", ")", 100),
            "SELECT " + _nested("(", "1", ")", 30_000),
            "SELECT " + _nested("abs(", "1", ")", 1_000),
            "SELECT " + _nested("[", "1", "]", 5_000),
            "SELECT " + "NOT " * 20_000 + "1",
            "SELECT " + "- " * 30_000 + "1",
            "SELECT " + "CASE WHEN " * 10_000,
            "SELECT " + _nested("CASE WHEN a = 1 THEN ", "1", " END", 2_000) + " FROM t",
            "SELECT a FROM " + _nested("(SELECT a FROM ", "t", ") AS x", 100),
            "SELECT a FROM t WHERE a IN " + _nested("(SELECT a FROM t WHERE a IN ", "(1)", ")", 70),
            "SELECT 1" + " + 1" * 40_000,
            "SELECT 1" + "::INTEGER" * 9_000,
            " UNION ALL ".join(["SELECT a FROM t"] * 500),
            "SELECT * FROM " + "(" * 500 + "t" + ")" * 500,
        ]
    },
    "many columns": {
        SYNTAX: [_doubling("*", 40), " UNION ".join(["SELECT " + "a, " * 300 + "a FROM t"] * 40)],
        RESOURCES: [_doubling("x.a", 40)],
    },
    "long texts": {
        SYNTAX: [
            "SELECT '" + "x" * 1_000_000 + "'",
            "SELECT " + "1, " * 400_000 + "1",
            "SELECT 1 --" + "x" * 1_000_000,
            "SELECT a FROM t WHERE a IN (" + "1, " * 20_000 + "1)",
            "x" * 1_000_000,
            " " * 1_000_000 + "SELECT 1",
        ],
        EMPTY: [" " * 1_000_000],
    },
    "broken text": {
        SYNTAX: [
            "SELECT '\x00'",
            "SELECT a\x00 FROM t",
            "\x00",
            "SELECT '\ud800'",
            "SELECT \udcff FROM t",
            "\ud83d",
            "SELECT '\udfff\ud800' --",
            "SELECT 'x",
            'SELECT "x',
            "SELECT `x",
            "SELECT [x",
        ],
        NO_COLUMN: ["SELECT \u202e FROM t", "SELECT \u0430 FROM t"],
        EMPTY: ["", "   ", "\n\t", ";"],
        NOT_A_QUERY: ["\ufeff"],
    },
    "no SQL at all": {
        SYNTAX: [
            "I am sorry, I cannot do that.",
            "```sql",
            "SELECT FROM WHERE",
            "<script>alert(1)</script>",
            "select",
            ")",
        ],
        NOT_A_QUERY: [
            "import os; os.system('touch {out}')",
            "{{7*7}}",
            "__import__('os').getcwd()",
        ],
    },
    "too many rows": {
        MANY_ROWS: [
            "SELECT * FROM range(5000)",
            "SELECT * FROM t, range(100000000)",
            "SELECT unnest(range(20000))",
            "SELECT x.a FROM t x, t y, range(9000)",
        ]
    },
    "names that do not exist": {
        NO_TABLE: ["SELECT * FROM u", "SELECT u.a FROM t", "SELECT * FROM main.u"],
        NO_COLUMN: ["SELECT z FROM t", "SELECT t.z FROM t", "SELECT a FROM t WHERE c = 1"],
        RUNTIME: ["SELECT no_such_function(a) FROM t"],
    },
}  # fmt: skip


def hostile_predictions(canary: str = "/etc/passwd", out: str = "out.csv") -> list[Hostile]:
    """All statements, in a fixed order.

    Args:
        canary: Path that stands for ``{canary}``.
        out: Path that stands for ``{out}``.
    """
    return [
        Hostile(
            kind, sql.replace("{canary}", canary).replace("{out}", out), tuple(statuses.split())
        )
        for kind, groups in _TABLE.items()
        for statuses, statements in groups.items()
        for sql in statements
    ]
