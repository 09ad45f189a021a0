"""A column that a query does not name is not loaded, and is not missed; what runs unoptimized."""

import pytest
from hypothesis import HealthCheck, event, given, settings
from strategies import cases, plain_names

from sql_ft.execution import process
from sql_ft.execution.databases import Database, build_report
from sql_ft.execution.dialect import parse_query, translate
from sql_ft.execution.footprint import Footprint, footprint_of
from sql_ft.execution.guard import parse_one
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import infer_types, parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema(
    "CREATE TABLE t (a INTEGER, b VARCHAR, c DOUBLE); CREATE TABLE u (a INTEGER, d VARCHAR)"
)
ROWS = {
    "t": [(1, "x", 0.5), (2, "y", None), (None, None, 2.5)],
    "u": [(1, "p"), (1, "q"), (3, None)],
}
NAMED = [
    ("SELECT B FROM t", {"t", "b"}),
    ("SELECT COUNT(*) FROM t", {"t"}),
    ("SELECT COUNT(*), MAX(x.c) FROM t AS x", {"t", "x", "c"}),
    ("SELECT d FROM t JOIN u USING (a)", {"t", "u", "a", "d"}),
    ("SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", {"t", "u", "a"}),
    ("WITH w AS (SELECT a AS n FROM u) SELECT n FROM w ORDER BY 1", {"w", "u", "a", "n"}),
    ("WITH w(n) AS (SELECT a FROM u) SELECT n FROM w ORDER BY 1", {"w", "u", "a", "n"}),
    ("SELECT a, ROW_NUMBER() OVER (ORDER BY c) FROM t QUALIFY a > 1", {"t", "a", "c"}),
]
ALL = [
    "SELECT * FROM t",
    "SELECT x.* FROM t AS x",
    "SELECT COUNT(x.*) FROM t AS x",
    "SELECT * EXCLUDE (a) FROM t",
    "SELECT COLUMNS('a|b') FROM t",
    "SELECT d FROM t NATURAL JOIN u",
    "SELECT x FROM t AS x",
    "SELECT t FROM t",
    "SELECT COUNT(DISTINCT x) FROM t AS x",
    "SELECT w FROM (SELECT a, b FROM t) AS w",
    "SELECT w FROM u AS v, LATERAL (SELECT a, b FROM t) AS w",
    "WITH w AS (SELECT a FROM t) SELECT w FROM w",
    "FROM t",
    "SELECT a FROM t WHERE EXISTS (SELECT * FROM u)",
    # Names by position.
    "SELECT b FROM t AS x(b)",
    "SELECT 1 FROM t AS x(p, q, r)",
    "SELECT COUNT(*) FROM t AS x(b) JOIN u AS y(d) ON x.b = y.d",
    "SELECT b FROM ((t)) AS x(b)",
    "SELECT #2 FROM t",
    # A row as the first argument of a function.
    "SELECT t.struct_extract('b') FROM t",
    "SELECT a FROM t WHERE t.to_json() LIKE '%x%'",
]
# The engine takes it for several statements and refuses it.
PIVOT = "SELECT a FROM (PIVOT t ON b USING SUM(c))"


def look(sql):
    return footprint_of(parse_one(sql, "duckdb"), SCHEMA)


@pytest.mark.parametrize(("sql", "names"), NAMED)
def test_names_of_every_kind(sql, names):
    assert look(sql).names == names


@pytest.mark.parametrize("sql", [*ALL, PIVOT])
def test_columns_that_show_without_being_named(sql):
    assert look(sql).names is None


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT a FROM t", {"t": 1}),
        ("SELECT x.a FROM t AS x JOIN T AS y ON x.b = y.b, u", {"t": 2, "u": 1}),
        ("SELECT a FROM t WHERE a IN (SELECT a FROM t) OR EXISTS (SELECT 1 FROM u)",
         {"t": 2, "u": 1}),
        ("SELECT a FROM t UNION SELECT a FROM u", {"t": 1, "u": 1}),
        ("SELECT 1", {}),
        ("WITH w AS (SELECT a FROM t) SELECT x.a FROM w AS x, w AS y WHERE x.a = y.a", None),
        ("SELECT a FROM (SELECT a, CAST(b AS INTEGER) AS n FROM t) AS q", None),
        ("SELECT a FROM t JOIN (SELECT a AS n FROM u) AS q ON t.a = q.n", None),
        ("SELECT * FROM t, RANGE(100000000)", None),
        ("SELECT * FROM (VALUES (1), (2)) AS v(n), t", None),
        ("SELECT UNNEST([1, 2, 3]) FROM t", None),
        ("SELECT 1 FROM t, LATERAL (SELECT a FROM u) AS l", None),
    ],
)  # fmt: skip
def test_reads_bound_the_work_where_tables_are_all_there_is(sql, reads):
    assert look(sql).reads == reads


def test_other_dialects_keep_the_optimizer():
    """Their casts raise, so it matters what is evaluated first."""
    tree = parse_one("SELECT a FROM t WHERE CAST(b AS INTEGER) > 3 AND a = 2", "duckdb")
    assert footprint_of(tree, SCHEMA, "postgres").reads is None
    assert footprint_of(tree, SCHEMA, "postgres").names == {"t", "a", "b"}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(query_timeout_s=10.0), workers=1) as opened:
        yield opened


@pytest.fixture
def left_out(monkeypatch):
    """Columns that were left out of what was sent."""
    counted = []
    encode = process.wire.encode_columns
    monkeypatch.setattr(
        process.wire, "encode_columns", lambda r, s: counted.append(list(s)) or encode(r, s)
    )
    return lambda: sum(not shown for table in counted for shown in table)


def run(sandbox, schema, databases, queries, footprints):
    """Results on copies: a worker keeps the columns of a database that it has."""
    copies = tuple(Database(d.name, d.rows) for d in databases)
    (result,) = sandbox.run([Job("j", schema, copies, queries, vetted=True, footprints=footprints)])
    return result.results


@pytest.mark.parametrize("sql", [sql for sql, _ in NAMED] + ALL)
def test_results_are_those_of_whole_tables(sandbox, sql, left_out):
    database = Database("g0", ROWS)
    whole = run(sandbox, SCHEMA, (database,), {"q": sql}, {})
    assert left_out() == 0
    footprint = look(sql)
    found = run(sandbox, SCHEMA, (database,), {"q": sql}, {"q": footprint})
    assert [(r.status, r.columns, sorted(r.rows, key=str)) for r in found["q"]] == [
        (r.status, r.columns, sorted(r.rows, key=str)) for r in whole["q"]
    ]
    assert found["q"][0].status == ExecutionStatus.OK, found
    assert (left_out() > 0) == (footprint.names is not None)


def test_a_later_query_gets_the_columns_that_it_names(sandbox, left_out):
    """The tables stay from unit to unit of one database."""
    queries = ["SELECT a FROM t", "SELECT b FROM t", "SELECT c, d FROM t JOIN u ON t.a = u.a"]
    database = Database("g0", ROWS)
    jobs = [
        Job(str(n), SCHEMA, (database,), {"q": sql}, vetted=True, footprints={"q": look(sql)})
        for n, sql in enumerate(queries)
    ]
    rows = [sorted(r.results["q"][0].rows, key=str) for r in sandbox.run(jobs)]
    assert rows == [
        [(1,), (2,), (None,)],
        [("x",), ("y",), (None,)],
        [(0.5, "p"), (0.5, "q")],
    ]
    assert left_out() == 3


def test_queries_beside_each_other_get_the_columns_of_all(sandbox, left_out):
    queries = {"a": "SELECT a FROM t", "b": "SELECT b FROM t", "n": "SELECT COUNT(*) FROM t"}
    footprints = {key: look(sql) for key, sql in queries.items()}
    database = Database("g0", ROWS)
    whole = run(sandbox, SCHEMA, (database,), queries, {})
    assert run(sandbox, SCHEMA, (database,), queries, footprints) == whole
    # c of t; and a column of u, whose name stands in "count".
    assert left_out() == 2


def test_mixed_values_beside_a_column_that_is_left_out(sandbox):
    """Values of several types go in one by one."""
    schema = parse_schema("CREATE TABLE m (a BIGINT, b VARCHAR, c VARCHAR)")
    database = Database("g0", {"m": [(1, "x", 2), (2, "y", "z")]})
    footprint = Footprint(frozenset({"m", "a", "c"}))
    queries = {"q": "SELECT a, c FROM m ORDER BY a"}
    found = run(sandbox, schema, (database,), queries, {"q": footprint})
    assert found["q"][0].rows == ((1, "2"), (2, "z"))


def test_many_rows_are_sent_whole(sandbox, left_out):
    many = Database("g1", {"t": [(n, "x", 0.5) for n in range(process.ROWS_SENT_WHOLE + 1)]})
    run(sandbox, SCHEMA, (many,), {"q": "SELECT b FROM t"}, {"q": look("SELECT b FROM t")})
    assert left_out() == 0


@pytest.mark.parametrize(
    ("sql", "rows", "optimized"),
    [
        ("SELECT x.a FROM t AS x JOIN t AS y ON x.b = y.b", 100, False),
        ("SELECT x.a FROM t AS x JOIN t AS y ON x.b = y.b", 400, True),
        ("SELECT t.a FROM t WHERE t.b = 'x' ORDER BY t.a", 400, False),
        ("SELECT a FROM t WHERE a IN (SELECT a FROM t)", 400, True),
        ("SELECT x.a FROM t AS x, u AS y, u AS z, u AS v", 400, False),
        ("WITH w AS (SELECT a FROM t) SELECT a FROM w", 1, True),
    ],
)
def test_only_queries_over_few_rows_do_without_the_optimizer(sql, rows, optimized, monkeypatch):
    sent = []
    pack = process.wire.pack
    monkeypatch.setattr(process.wire, "pack", lambda m, *a: sent.append(m) or pack(m, *a))
    database = Database("g0", {"t": [(n, "x", 0.5) for n in range(rows)], "u": []})
    with Sandbox(Limits(), workers=1) as opened:
        run(opened, SCHEMA, (database,), {"q": sql}, {"q": look(sql)})
        run(opened, SCHEMA, (database,), {"q": sql}, {})
    steps = [tuple(step[1:]) for message in sent for step in message.get("steps", ())]
    assert steps == [(sql, optimized), (sql, True)]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_generated_queries_miss_nothing(sandbox, case):
    names = plain_names(case.schema)
    source = parse_query(case.sql(0, names), case.schema)
    schema = infer_types(case.schema, source)
    query = translate(case.sql(0, names), schema)
    databases = tuple(build_report(schema, source, "", count=1).databases)
    queries, footprint = {"q": query.sql}, footprint_of(query.tree, schema)
    event(f"names known: {footprint.names is not None}")
    whole = run(sandbox, schema, databases, queries, {"q": Footprint(reads=footprint.reads)})
    assert run(sandbox, schema, databases, queries, {"q": footprint}) == whole
    optimized = run(sandbox, schema, databases, queries, {})
    for one, other in zip(whole["q"], optimized["q"], strict=True):
        assert one.status == other.status
        # Without ORDER BY in these queries rows come in any order; LIMIT has no place in them.
        assert sorted(one.rows, key=str) == sorted(other.rows, key=str)
