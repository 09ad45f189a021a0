"""The parent and its workers: the clock, deaths, order, values. Hostile statements have a test
of their own (`test_hostile_worker.py`)."""

import os
import signal
import threading
import time

import pytest

from sql_ft.errors import SandboxError
from sql_ft.execution import process
from sql_ft.execution import worker as worker_side
from sql_ft.execution.databases import Database
from sql_ft.execution.footprint import Footprint
from sql_ft.execution.sandbox import UNITS_AHEAD, Job, Limits, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema("CREATE TABLE t (a INTEGER, b VARCHAR)")
DATABASES = (
    Database("g0", {"t": [(1, "x"), (2, "y"), (None, None)]}),
    Database("g1", {"t": [(7, "z")]}),
)
LIMITS = Limits(query_timeout_s=1.0, max_result_rows=1000)
GOLD = "SELECT a, b FROM t ORDER BY a"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS, workers=2) as opened:
        yield opened


def rows_of(result):
    return [r.rows for r in result.results["gold"]]


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


def test_jobs_are_drawn_while_others_run_and_may_be_followed_by_more():
    drawn, seen = [], []

    def jobs():
        for number in range(120):
            drawn.append(number)
            yield Job(str(number), SCHEMA, DATABASES[:1], {"q": GOLD})

    def take(result):
        # At most the workers' own and the one being drawn are ahead of what has ended.
        assert len(drawn) <= len(seen) + 2 * UNITS_AHEAD + 2
        seen.append(result.id)
        if result.id == "3":
            return Job("3, continued", SCHEMA, DATABASES[1:], {"q": GOLD})
        return None

    with Sandbox(LIMITS, workers=2) as opened:
        opened.run_each(jobs(), take)
    assert sorted(seen) == sorted([*map(str, range(120)), "3, continued"])


def test_a_shared_database_is_the_same_for_all_its_queries():
    schema = parse_schema("CREATE TABLE t (a INTEGER); CREATE TABLE u (a INTEGER)")
    shared = Database("shared", {"t": [(1,), (2,)], "u": [(3,)]})
    other = Database("other", {"t": [(9,)]})
    jobs = [
        Job(str(i), schema, (database,), {"q": f"SELECT SUM(a) FROM {table}"})
        for i, (database, table) in enumerate(
            [(shared, "t"), (shared, "u"), (shared, "t"), (other, "u"), (other, "t"), (shared, "u")]
        )
    ]
    for workers in (1, 2):
        with Sandbox(LIMITS, workers=workers) as opened:
            results = opened.run(jobs)
        sums = [r.results["q"][0].rows[0][0] for r in results]
        # A table that the present database leaves empty keeps nothing of the one before.
        assert sums == [3, 3, 3, None, 9, 3]


def test_rows_are_loaded_as_sqlite_keeps_them():
    schema = parse_schema("CREATE TABLE t (a INTEGER, b REAL, c VARCHAR, d VARCHAR)")
    rows = [(1, 1, "x", 1), (None, 2.5, None, "2"), (3, None, "it's", 2.5), (4, 1e30, "", None)]
    job = Job("j", schema, (Database("g", {"t": rows}),), {"q": "SELECT * FROM t"})
    with Sandbox(LIMITS, workers=1) as opened:
        (result,) = opened.run([job])
    assert result.results["q"][0].rows == (
        (1, 1.0, "x", "1"),
        (None, 2.5, None, "2"),
        (3, None, "it's", "2.5"),
        (4, 1e30, "", None),
    )


def test_workers_that_are_always_killed_end_the_run_with_a_reason(monkeypatch):
    class Doomed(process.WorkerProcess):
        def __init__(self, *args):
            super().__init__(*args)
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr("sql_ft.execution.sandbox.WorkerProcess", Doomed)
    monkeypatch.setattr("sql_ft.execution.sandbox.KILLED_STARTS", 5)
    with (
        Sandbox(LIMITS, workers=2) as opened,
        pytest.raises(SandboxError, match="killed while they started"),
    ):
        opened.run([Job("j", SCHEMA, DATABASES, {"gold": GOLD})])


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


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads Linux's /proc")
def test_a_worker_has_its_memory_for_queries_whatever_the_number_of_cores():
    # DuckDB starts four threads a core for input and output unless told otherwise; on 32 cores
    # they took twice the address space that a worker may have, and golds failed as `memory`.
    with Sandbox(LIMITS, workers=1) as opened:
        opened.run([Job("j", SCHEMA, DATABASES, {"q": "SELECT 1"})])
        (worker,) = opened._pool
        assert len(os.listdir(f"/proc/{worker.pid}/task")) == 2  # queries, and their clock
        with open(f"/proc/{worker.pid}/status", encoding="ascii") as file:
            (taken,) = (int(line.split()[1]) for line in file if line.startswith("VmSize:"))
    assert taken / 1024 < LIMITS.memory_limit_mb / 2


@pytest.mark.parametrize(
    ("fired", "status"), [(True, ExecutionStatus.TIMEOUT), (False, ExecutionStatus.RUNTIME_ERROR)]
)
def test_whatever_a_late_query_raises_it_was_late(fired, status, monkeypatch):
    class Engine:
        def extract_statements(self, sql):
            session.watchdog.fired = fired
            raise RuntimeError("Query interrupted")

    monkeypatch.setattr(worker_side, "limit_cpu", lambda seconds: None)
    session = object.__new__(worker_side.Session)
    session.timeout_s, session.queries = 1.0, {}
    session.watchdog = worker_side.Watchdog(Engine(), 1.0)
    assert session.run_query("SELECT 1", Engine())["s"] == status


def test_a_full_memory_is_memory_and_no_failed_write():
    # With a folder for temporary files, full memory was an "IO Error: Could not write file",
    # which counted as the query's own error.
    tables = ", ".join(f"t AS t{i}" for i in range(40))
    limits = Limits(query_timeout_s=20.0, memory_limit_mb=512)
    with Sandbox(limits, workers=1) as opened:
        (result,) = opened.run(
            [Job("j", SCHEMA, DATABASES[:1], {"q": f"SELECT SUM(t0.a) FROM {tables}"})]
        )
    (found,) = result.results["q"]
    assert found.status == ExecutionStatus.MEMORY
    assert "Out of Memory" in found.error


def test_a_plain_query_late_in_its_work_is_interrupted(sandbox):
    """The clock reaches whichever connection runs the query."""
    sql = "SELECT COUNT(*) FROM " + ", ".join(f't AS "x{i}"' for i in range(40))
    plain = {"slow": Footprint(reads={"t": 1})}
    job = Job("j", SCHEMA, DATABASES[:1], {"slow": sql, "after": GOLD}, footprints=plain)
    (result,) = sandbox.run([job])
    assert result.results["slow"][0].status in (ExecutionStatus.TIMEOUT, ExecutionStatus.MEMORY)
    assert result.results["after"][0].status == ExecutionStatus.OK
