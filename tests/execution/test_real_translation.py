"""Queries on real files: SQLite on the file is the oracle for DuckDB on what was read."""

from __future__ import annotations

import sqlite3

import duckdb
import pytest
from sqlglot import exp

from sql_ft.data.sqlite_file import read_sqlite
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.execution.databases import REAL, Database
from sql_ft.execution.dialect import drop_distinct, parse_query, translate
from sql_ft.execution.real import RealDatabase, observed_schema
from sql_ft.execution.schema import create_sql, parse_schema
from sql_ft.execution.tables import quote_name
from sql_ft.records import ExecutionResult, ExecutionStatus

FILE = """
CREATE TABLE weather (
  day DATE, mean INTEGER, gust, plain, code TEXT, rain DECIMAL(4,2), station INT,
  PRIMARY KEY (station, day)
);
CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT);
"""
WEATHER = [
    ("2020-01-01", 5, 11, "5", "7", 0.5, 1),
    ("2020-01-02", "", "T", "x", "10", 2, 1),
    ("2021-03-04", 12, 9, "12", "9", "T", 2),
    ("2021-03-05", 9, None, None, None, None, 2),
    ("2022-01-01", None, "z", "9", "abc", 10, 3),
    ("2022-06-01", "M", 100, "", "100", 1.25, 4),
    ("2022-06-02", 3.5, 2.5, "M", "2.5", "", 4),
    ("2022-06-03", 4, 3, "1", "3", 0, 1),
]


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "w.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(FILE)
    connection.executemany("INSERT INTO weather VALUES (?, ?, ?, ?, ?, ?, ?)", WEATHER)
    connection.executemany(
        "INSERT INTO station VALUES (?, ?)", [(1, "N"), (2, "S"), (3, "E"), (4, "W")]
    )
    connection.commit()
    real = read_sqlite(path)[1]
    engine = duckdb.connect(":memory:", config={"threads": 1})
    for statement in create_sql(real.schema):
        engine.execute(statement)
    for table in real.schema.tables:
        marks = ", ".join("?" * len(table.columns))
        engine.executemany(
            f"INSERT INTO {quote_name(table.name)} VALUES ({marks})",
            real.database.rows[table.name],
        )
    yield connection, engine, real
    connection.close()
    engine.close()


def both(engines, sql):
    connection, engine, real = engines
    expected = connection.execute(sql).fetchall()
    got = engine.execute(translate(sql, real.schema).sql).fetchall()
    return expected, got


def as_text(rows):
    """Numbers as SQLite writes them: a mixed column's numbers are text in DuckDB."""
    return [tuple(f"{v:g}" if isinstance(v, (int, float)) else v for v in row) for row in rows]


CONDITIONS = [
    "mean > 8", "mean >= 5", "mean < 5", "mean <= 12", "mean = 9", "mean <> 9", "8 < mean",
    "mean > '8'", "mean = '12'", "mean = ''", "mean > 'A'", "mean BETWEEN 4 AND 9",
    "mean BETWEEN '4' AND 9", "NOT mean > 8", "mean IN (5, 9)", "mean IS NULL",
    "gust > 8", "gust = 100", "gust < 3", "day > 2020", "day > '2021'", "day < 5",
    "day >= '2021-03-05'", "day = '2020-01-01'", "day BETWEEN '2020' AND '2021-12-31'",
    "code > 8", "code = 10", "code > '8'", "code BETWEEN 2 AND 9", "rain >= 1", "rain = 'T'",
    "rain > 'A'", "rain <> 2", "rain BETWEEN 0 AND 2", "mean + 1 > 6", "station > '2'",
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_comparisons_keep_sqlites_meaning(engines, condition):
    expected, got = both(engines, f"SELECT day FROM weather WHERE {condition} ORDER BY day")
    assert got == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT day FROM weather ORDER BY mean, day",
        "SELECT day FROM weather ORDER BY mean DESC, day",
        "SELECT day FROM weather ORDER BY rain, day LIMIT 5",
        "SELECT day FROM weather ORDER BY gust DESC, day LIMIT 3",
        "SELECT day FROM weather ORDER BY code, day",
        "SELECT MAX(mean), MIN(mean), MAX(rain), MIN(rain), MAX(gust), MIN(gust) FROM weather",
        "SELECT MAX(mean), MIN(mean) FROM weather WHERE mean < 100",
        "SELECT SUM(mean), AVG(rain), COUNT(gust) FROM weather",
        "SELECT SUM(code), MAX(code), MIN(code) FROM weather",
        "SELECT station, SUM(rain) FROM weather GROUP BY station ORDER BY station",
        "SELECT strftime('%Y', day), COUNT(*) FROM weather GROUP BY 1 ORDER BY 1",
    ],
)
def test_order_and_aggregates_keep_sqlites_meaning(engines, sql):
    expected, got = both(engines, sql)
    assert as_text(got) == as_text(expected)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT station FROM weather GROUP BY station ORDER BY COUNT(*) LIMIT 1",
        "SELECT station FROM weather GROUP BY station ORDER BY COUNT(*) DESC LIMIT 2",
        "SELECT name FROM station GROUP BY name ORDER BY COUNT(*) LIMIT 1",
        "SELECT name FROM station GROUP BY name ORDER BY COUNT(*) DESC LIMIT 2",
        "SELECT name FROM station GROUP BY name LIMIT 2",
        "SELECT s.name FROM station AS s JOIN weather AS w ON s.id = w.station "
        "GROUP BY s.name ORDER BY COUNT(*) DESC LIMIT 2",
        "SELECT s.name FROM station AS s JOIN weather AS w ON s.id = w.station "
        "GROUP BY s.id ORDER BY COUNT(*) LIMIT 1",
        "SELECT day FROM weather WHERE station = "
        "(SELECT station FROM weather GROUP BY station ORDER BY COUNT(*) DESC LIMIT 1) ORDER BY 1",
    ],
)
def test_tied_groups_come_in_sqlites_order(engines, sql):
    expected, got = both(engines, sql)
    assert got == expected


def test_the_added_keys_are_not_the_golds_own(engines):
    sql = "SELECT station FROM weather GROUP BY station ORDER BY COUNT(*) LIMIT 1"
    translated = translate(sql, engines[2].schema)
    assert "group_order" in translated.notes
    assert len(translated.source.args["order"].expressions) == 1


@pytest.mark.parametrize(
    ("sql", "stripped"),
    [
        ("SELECT DISTINCT code FROM weather", "SELECT code FROM weather"),
        ("SELECT COUNT(DISTINCT code) FROM weather", "SELECT COUNT(code) FROM weather"),
        (
            "SELECT day FROM weather WHERE code IN (SELECT DISTINCT code FROM weather)",
            "SELECT day FROM weather WHERE code IN (SELECT code FROM weather)",
        ),
        (
            "SELECT code FROM weather UNION SELECT DISTINCT name FROM station",
            "SELECT code FROM weather UNION SELECT name FROM station",
        ),
    ],
)
def test_official_distinct(engines, sql, stripped):
    schema = engines[2].schema
    dropped = parse_query(sql, schema, distinct="official")
    assert dropped.sql(dialect="sqlite") == stripped
    assert translate(sql, schema, distinct="official").sql == translate(stripped, schema).sql
    assert not drop_distinct(dropped).find(exp.Distinct)


def test_observed_nulls():
    schema = parse_schema("CREATE TABLE t (a INTEGER, b TEXT, c TEXT); CREATE TABLE e (x TEXT)")
    real = RealDatabase(schema, Database(REAL, {"t": [(1, None, "u"), (2, "v", "w")], "e": []}))

    def nullable(sql):
        observed = observed_schema(real, parse_query(sql, schema))
        return [c.name for t in observed.tables for c in t.columns if c.nullable]

    assert nullable("SELECT a FROM t") == ["b", "x"]
    assert nullable("SELECT a FROM t WHERE c IS NULL") == ["b", "c", "x"]


def test_results_are_compared_as_the_rules_say():
    # The same numbers, one side from a DOUBLE column: no difference.
    whole = ExecutionResult(ExecutionStatus.OK, ("a",), ((1,), (2,)))
    real = ExecutionResult(ExecutionStatus.OK, ("a",), ((2.0,), (1.0,)))
    assert compare_results(whole, real, ordered=False, rules=MatchRules()).equal
