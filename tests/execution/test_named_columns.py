"""A column that a query does not name is not loaded, and is not missed."""

import pytest
from hypothesis import HealthCheck, given, settings
from strategies import cases, plain_names

from sql_ft.execution import process
from sql_ft.execution.databases import Database, build_report
from sql_ft.execution.dialect import parse_query, translate
from sql_ft.execution.guard import parse_one
from sql_ft.execution.named_columns import named_columns
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import infer_types, parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema(
    "CREATE TABLE t (a INTEGER, b VARCHAR, c DOUBLE); CREATE TABLE u (a INTEGER, d VARCHAR)"
)
ROWS = Database(
    "g0",
    {
        "t": [(1, "x", 0.5), (2, "y", None), (None, None, 2.5)],
        "u": [(1, "p"), (1, "q"), (3, None)],
    },
)
NAMED = [
    ("SELECT B FROM t", {"t", "b"}),
    ("SELECT COUNT(*) FROM t", {"t"}),
    ("SELECT COUNT(*), MAX(x.c) FROM t AS x", {"t", "x", "c"}),
    ("SELECT d FROM t JOIN u USING (a)", {"t", "u", "a", "d"}),
    ("SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", {"t", "u", "a"}),
    ("WITH w AS (SELECT a AS n FROM u) SELECT n FROM w ORDER BY 1", {"w", "u", "a", "n"}),
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
]
# The engine takes it for several statements and refuses it.
PIVOT = "SELECT a FROM (PIVOT t ON b USING SUM(c))"


@pytest.mark.parametrize(("sql", "names"), NAMED)
def test_names_of_every_kind(sql, names):
    assert named_columns(parse_one(sql, "duckdb"), SCHEMA) == names


@pytest.mark.parametrize("sql", [*ALL, PIVOT])
def test_columns_that_show_without_being_named(sql):
    assert named_columns(parse_one(sql, "duckdb"), SCHEMA) is None


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(query_timeout_s=10.0), workers=1) as opened:
        yield opened


def run(sandbox, schema, databases, queries, names):
    named = {key: found for key, found in names.items() if found is not None}
    (result,) = sandbox.run([Job("j", schema, databases, queries, vetted=True, names=named)])
    return result.results


@pytest.mark.parametrize("sql", [sql for sql, _ in NAMED] + ALL)
def test_results_are_those_of_whole_tables(sandbox, sql):
    queries = {"q": sql}
    names = {"q": named_columns(parse_one(sql, "duckdb"), SCHEMA)}
    found = run(sandbox, SCHEMA, (ROWS,), queries, names)
    assert found == run(sandbox, SCHEMA, (ROWS,), queries, {})
    assert found["q"][0].status == ExecutionStatus.OK, found


def test_a_later_query_gets_the_columns_that_it_names(sandbox):
    """The tables stay from unit to unit of one database."""
    queries = ["SELECT a FROM t", "SELECT b FROM t", "SELECT c, d FROM t JOIN u ON t.a = u.a"]
    jobs = [
        Job(
            str(number),
            SCHEMA,
            (ROWS,),
            {"q": sql},
            vetted=True,
            names={"q": named_columns(parse_one(sql, "duckdb"), SCHEMA)},
        )
        for number, sql in enumerate(queries)
    ]
    rows = [sorted(r.results["q"][0].rows, key=str) for r in sandbox.run(jobs)]
    assert rows == [
        [(1,), (2,), (None,)],
        [("x",), ("y",), (None,)],
        [(0.5, "p"), (0.5, "q")],
    ]


def test_queries_beside_each_other_get_the_columns_of_all(sandbox):
    queries = {"a": "SELECT a FROM t", "b": "SELECT b FROM t", "n": "SELECT COUNT(*) FROM t"}
    names = {k: named_columns(parse_one(sql, "duckdb"), SCHEMA) for k, sql in queries.items()}
    assert run(sandbox, SCHEMA, (ROWS,), queries, names) == run(
        sandbox, SCHEMA, (ROWS,), queries, {}
    )


def test_mixed_values_beside_a_column_that_is_left_out(sandbox):
    """Values of several types go in one by one."""
    schema = parse_schema("CREATE TABLE m (a BIGINT, b VARCHAR, c VARCHAR)")
    database = Database("g0", {"m": [(1, "x", 2), (2, "y", "z")]})
    queries = {"q": "SELECT a, c FROM m ORDER BY a"}
    found = run(sandbox, schema, (database,), queries, {"q": frozenset({"m", "a", "c"})})
    assert found["q"][0].rows == ((1, "2"), (2, "z"))


def test_less_goes_over_the_wire(monkeypatch):
    sent = []
    pack = process.wire.pack
    monkeypatch.setattr(process.wire, "pack", lambda m, *a: sent.append(m) or pack(m, *a))
    names = {"q": frozenset({"t", "b"})}
    many = Database("g1", {"t": [(n, "x", 0.5) for n in range(process.ROWS_SENT_WHOLE + 1)]})
    with Sandbox(Limits(), workers=1) as opened:
        run(opened, SCHEMA, (ROWS, many), {"q": "SELECT b FROM t"}, names)
    few, whole = [message["rows"]['"t"'] for message in sent if "rows" in message]
    assert [column is not None for column in few] == [False, True, False]
    assert all(column is not None for column in whole)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_generated_queries_miss_nothing(sandbox, case):
    names = plain_names(case.schema)
    source = parse_query(case.sql(0, names), case.schema)
    schema = infer_types(case.schema, source)
    query = translate(case.sql(0, names), schema)
    databases = tuple(build_report(schema, source, "", count=1).databases)
    queries, named = {"q": query.sql}, {"q": named_columns(query.tree, schema)}
    whole = run(sandbox, schema, databases, queries, {})
    assert run(sandbox, schema, databases, queries, named) == whole
