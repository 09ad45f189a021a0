"""Hostile predictions: nothing reads, writes, survives, or takes its neighbours along."""

import os
import signal
import threading
import time

import pytest

from sql_ft.errors import SandboxError
from sql_ft.execution.databases import Database
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema("CREATE TABLE t (a INTEGER, b VARCHAR)")
DATABASES = (
    Database("g0", {"t": [(1, "x"), (2, "y"), (None, None)]}),
    Database("g1", {"t": [(7, "z")]}),
)
LIMITS = Limits(query_timeout_s=1.0, max_result_rows=1000)
GOLD = "SELECT a, b FROM t ORDER BY a"

HOSTILE = {
    "DELETE FROM t": "not_a_query",
    "DROP TABLE t": "not_a_query",
    "UPDATE t SET a = 9": "not_a_query",
    "INSERT INTO t VALUES (5, 'q')": "not_a_query",
    "CREATE TEMP VIEW t AS SELECT 1": "not_a_query",
    "CREATE MACRO abs(x) AS 0": "not_a_query",
    "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a": "not_a_query",
    "SELECT 1; DELETE FROM t": "not_a_query",
    "COMMIT; DROP TABLE t": "not_a_query",
    "SET VARIABLE x = 1": "not_a_query",
    "SET threads = 8": "not_a_query",
    "PREPARE p AS SELECT 1": "not_a_query",
    "USE memory": "not_a_query",
    "ATTACH ':memory:' AS m": "not_a_query",
    "LOAD json": "not_a_query",
    "INSTALL httpfs": "not_a_query",
    "PRAGMA database_list": "not_a_query",
    "CALL pragma_version()": "not_a_query",
    "COPY t TO 'out.csv'": "not_a_query",
    "EXPORT DATABASE 'out'": "not_a_query",
    "EXPLAIN SELECT 1": "not_a_query",
    "DESCRIBE t": "not_a_query",
    "": "empty",
    "/* nothing */": "empty",
    "SELECT * FROM read_csv('/etc/passwd')": "runtime_error",
    "SELECT * FROM read_text('/etc/passwd')": "runtime_error",
    "SELECT * FROM glob('/*')": "runtime_error",
    "SELECT * FROM query('SELECT 1')": "runtime_error",
    "SELECT * FROM duckdb_settings()": "runtime_error",
    "SELECT getenv('HOME')": "runtime_error",
    "SELECT setseed(0.1)": "runtime_error",
    "SELECT * FROM '/etc/passwd'": "unknown_table",
    "SELECT * FROM 'https://example.invalid/x.parquet'": "runtime_error",
    "SELECT * FROM connection": "unknown_table",
    "SELECT z FROM t": "unknown_column",
    "SELECT t.z FROM t": "unknown_column",
    "SELECT nope.a FROM t": "unknown_table",
    "SELECT FROM": "syntax",
    "SELECT 'x": "syntax",
    "SELECT '\x00'": "syntax",
    "SELECT '\ud800'": "syntax",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000: "syntax",
    "SELECT '" + "x" * 1_000_000 + "'": "syntax",
    "SELECT CAST('x' AS INTEGER)": "runtime_error",
    "SELECT * FROM range(5000)": "too_many_rows",
    "SELECT repeat('a', 4000000000)": "memory",
    "SELECT len(range(300000000))": "memory",
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS, workers=2) as opened:
        yield opened


def rows_of(result):
    return [r.rows for r in result.results["gold"]]


CLEAN = [((None, None), (1, "x"), (2, "y")), ((7, "z"),)]


def test_hostile_predictions_get_their_status_and_harm_nobody(sandbox):
    jobs = [
        Job(str(i), SCHEMA, DATABASES, {"hostile": sql, "gold": GOLD})
        for i, sql in enumerate(HOSTILE)
    ]
    jobs.append(Job("last", SCHEMA, DATABASES, {"gold": GOLD}))
    results = sandbox.run(jobs)
    got = {
        sql: {r.status.value for r in result.results["hostile"]}
        for sql, result in zip(HOSTILE, results, strict=False)
    }
    wrong = {s[:60]: (got[s], want) for s, want in HOSTILE.items() if got[s] != {want}}
    assert not wrong
    for result in results:
        ordered = [
            tuple(sorted(r, key=lambda v: (v[0] is not None, v[0]))) for r in rows_of(result)
        ]
        assert ordered == CLEAN


@pytest.mark.parametrize(
    "sql",
    [
        # One scalar call: DuckDB's interrupt does not reach it.
        "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
        "SELECT COUNT(*) FROM range(10000000) AS a(x), range(10000000) AS b(y) WHERE x * y = 7",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT MAX(n) FROM r",
    ],
)
def test_the_clock_stops_every_query(sandbox, sql):
    began = time.monotonic()
    jobs = [
        Job("slow", SCHEMA, DATABASES, {"gold": GOLD, "slow": sql, "after": GOLD}),
        Job("next", SCHEMA, DATABASES, {"gold": GOLD}),
    ]
    slow, following = sandbox.run(jobs)
    assert [r.status for r in slow.results["slow"]] == [ExecutionStatus.TIMEOUT] * 2
    assert [r.status for r in slow.results["after"]] == [ExecutionStatus.OK] * 2
    assert [r.status for r in following.results["gold"]] == [ExecutionStatus.OK] * 2
    # Once together, once alone, each with at most the grace of the kill on top.
    assert time.monotonic() - began < 20


def test_results_do_not_depend_on_the_number_of_workers():
    queries = {"gold": GOLD, "random": "SELECT random() FROM t", "bad": "SELECT z FROM t"}
    jobs = [Job(str(i), SCHEMA, DATABASES, queries) for i in range(12)]
    found = []
    for workers in (1, 3):
        with Sandbox(LIMITS, workers=workers) as opened:
            found.append(opened.run(jobs))
    assert found[0] == found[1]
    assert [r.id for r in found[0]] == [j.id for j in jobs]


def test_a_killed_worker_loses_nothing():
    jobs = [Job(str(i), SCHEMA, DATABASES, {"gold": GOLD}) for i in range(600)]
    stop = threading.Event()
    with Sandbox(LIMITS, workers=2) as opened:

        def kill_some():
            number = 0
            while not stop.wait(0.3):
                workers = list(opened._pool)
                if workers:
                    victim = workers[number % len(workers)]
                    number += 1
                    if victim._process.returncode is None:
                        os.kill(victim.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_some)
        killer.start()
        timer = threading.Timer(3.0, stop.set)
        timer.start()
        results = opened.run(jobs)
        stop.set()
        killer.join()
        timer.join()
    assert {r.status for x in results for r in x.results["gold"]} == {ExecutionStatus.OK}
    assert all(rows_of(x)[1] == ((7, "z"),) for x in results)


def test_an_interrupted_run_leaves_no_worker_half_way():
    jobs = [Job(str(i), SCHEMA, DATABASES, {"gold": GOLD}) for i in range(40)]

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with Sandbox(LIMITS, workers=2) as opened:
        with pytest.raises(KeyboardInterrupt):
            opened.run(jobs, progress=interrupt)
        results = opened.run(jobs)
    assert {r.status for x in results for r in x.results["gold"]} == {ExecutionStatus.OK}


def test_values_keep_their_types(sandbox):
    sql = (
        "SELECT 1, 1.5, DATE '2020-01-02', TIMESTAMP '2020-01-02 03:04:05', TRUE, 'é', NULL,"
        " 170141183460469231731687303715884105727::HUGEINT, 0.10::DECIMAL(4, 2), 'nan'::DOUBLE,"
        " [1, 2]"
    )
    (job,) = sandbox.run([Job("j", SCHEMA, DATABASES[:1], {"q": sql})])
    (result,) = job.results["q"]
    assert result.status == ExecutionStatus.OK, result.error
    assert [type(v).__name__ for v in result.rows[0]] == [
        "int", "Decimal", "date", "datetime", "bool", "str", "NoneType", "int", "Decimal",
        "float", "tuple",
    ]  # fmt: skip


def test_odd_table_and_column_names(sandbox):
    schema = parse_schema('CREATE TABLE "select" ("a b" INTEGER, "x""y" VARCHAR)')
    rows = {"select": [(1, "q")]}
    job = Job("j", schema, (Database("g", rows),), {"q": 'SELECT "a b", "x""y" FROM "select"'})
    (result,) = sandbox.run([job])
    assert result.results["q"][0].rows == ((1, "q"),)


def test_no_jobs_no_databases_no_queries(sandbox):
    assert sandbox.run([]) == []
    (result,) = sandbox.run([Job("j", SCHEMA, (), {"q": "SELECT 1"})])
    assert result.results == {"q": ()}
    (result,) = sandbox.run([Job("j", SCHEMA, DATABASES, {})])
    assert result.results == {}


def test_progress_ends_at_the_total(sandbox):
    seen = []
    jobs = [
        Job("a", SCHEMA, DATABASES, {"q": "SELECT 1"}),
        Job("b", SCHEMA, DATABASES, {"q": "DROP TABLE t"}),
        Job("c", SCHEMA, DATABASES, {"q": "SELECT repeat('a', 4000000000)"}),
    ]
    sandbox.run(jobs, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_database_that_cannot_be_loaded_is_the_harness_s_fault(sandbox):
    job = Job("j", SCHEMA, (Database("g", {"t": [("no number", "x")]}),), {"q": "SELECT 1"})
    (result,) = sandbox.run([job])
    assert result.results["q"][0].status == ExecutionStatus.HARNESS


def test_a_closed_sandbox_says_so():
    with pytest.raises(SandboxError, match="not open"):
        Sandbox(LIMITS, workers=1).run([])


def test_workers_inherit_no_environment_and_end_with_the_sandbox():
    os.environ["SQL_FT_SECRET"] = "hidden"
    try:
        with Sandbox(LIMITS, workers=1) as opened:
            opened.run([Job("j", SCHEMA, DATABASES, {"q": "SELECT 1"})])
            (worker,) = opened._pool
            environment = f"/proc/{worker.pid}/environ"
            if os.path.exists(environment):
                with open(environment, "rb") as file:
                    assert b"SQL_FT_SECRET" not in file.read()
                descriptors = os.listdir(f"/proc/{worker.pid}/fd")
                assert len(descriptors) <= 8
        assert worker._process.returncode is not None
    finally:
        del os.environ["SQL_FT_SECRET"]
