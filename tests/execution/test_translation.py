"""SQLite on the same rows is the oracle of every translation."""

import duckdb
import pytest

from sql_ft.errors import SqlTranslationError
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.execution.dialect import quote_odd_names, translate
from sql_ft.execution.probe import SqliteProbe
from sql_ft.execution.schema import create_sql, parse_schema
from sql_ft.records import ExecutionResult, ExecutionStatus

SCHEMA = parse_schema(
    "CREATE TABLE t (id INT, name TEXT, age INT, price REAL, day TEXT, code TEXT);"
    "CREATE TABLE u (t_id INT, tag TEXT, n INT, 2nd TEXT)"
)
ROWS = {
    "t": [
        (1, "Anna", 30, 1.5, "2019-03-04", "5"),
        (2, "bob", 30, 2.0, "2019-03-05 10:30:00", "12"),
        (3, "Carl", 41, None, "2020-12-31", "abc"),
        (4, None, None, 7.25, None, "12x"),
        (5, "ANNA", 7, 0.0, "no date", ""),
    ],
    "u": [
        (1, "x", 3, "a"),
        (1, "y", 4, "b"),
        (2, "x", 0, "a"),
        (9, "z", None, None),
        (None, "x", -7, "c"),
    ],
}

QUERIES = [
    'SELECT id FROM t WHERE name = "Anna"',
    'SELECT "id" FROM t WHERE "name" = "bob" OR "name" LIKE "%NN%"',
    "SELECT id FROM t WHERE name LIKE 'a%'",
    "SELECT id FROM t WHERE name NOT LIKE 'a%'",
    "SELECT id FROM t WHERE age LIKE '3%'",
    "SELECT id FROM t WHERE name GLOB 'A*'",
    "SELECT id FROM t WHERE age = '30'",
    "SELECT id FROM t WHERE age > 'x'",
    "SELECT id FROM t WHERE age < 'x'",
    "SELECT id FROM t WHERE age <> 'x'",
    "SELECT id FROM t WHERE code = 12",
    "SELECT id FROM t WHERE code > 5",
    "SELECT id FROM t WHERE code IN (5, 12)",
    "SELECT id FROM t WHERE age IN ('30', '41', 'x')",
    "SELECT id FROM t WHERE age IN ('x')",
    "SELECT id FROM t WHERE age BETWEEN '7' AND 30",
    "SELECT id FROM t WHERE code BETWEEN 1 AND 5",
    "SELECT id FROM t WHERE id IN (SELECT code FROM t)",
    "SELECT id FROM t WHERE code IN (SELECT age FROM t)",
    "SELECT id FROM t WHERE age = (SELECT code FROM t WHERE id = 3)",
    "SELECT name FROM t GROUP BY age HAVING COUNT(*) > '1'",
    "SELECT 5 / 2, -7 / 2, 7 % 3, 5.0 / 2, age / 0, age % 0 FROM t",
    "SELECT SUM(age) / COUNT(*), AVG(age), SUM(price) / COUNT(price) FROM t",
    "SELECT age / 2 / 2, id * 3 / 2 FROM t",
    "SELECT SUM(code), AVG(code), TOTAL(age), TOTAL(code) FROM t",
    "SELECT code + 1, -code, ABS(code) FROM t",
    "SELECT CAST(price AS INTEGER), CAST(code AS INT), CAST(code AS REAL) FROM t",
    "SELECT CAST(age AS TEXT) || 'x' FROM t",
    "SELECT CAST('2.7' AS INTEGER), CAST(-2.7 AS INTEGER), CAST('x' AS INTEGER)",
    "SELECT name, MAX(age) FROM t",
    "SELECT name, MIN(age), id FROM t WHERE id > 1",
    "SELECT tag, MAX(n), t_id FROM u GROUP BY tag ORDER BY tag",
    "SELECT * FROM u GROUP BY t_id",
    "SELECT t_id, tag FROM u GROUP BY t_id HAVING n > 3",
    "SELECT T1.name, COUNT(*) FROM t AS T1 JOIN u AS T2 ON T1.id = T2.t_id GROUP BY T1.id",
    "SELECT T1.name FROM t AS T1 JOIN u AS T2 ON T1.id = T2.t_id GROUP BY T2.t_id"
    " ORDER BY COUNT(*) DESC LIMIT 1",
    "SELECT COUNT(*), name FROM t WHERE id = 2",
    "SELECT age FROM t GROUP BY 1",
    "SELECT UPPER(name) AS big FROM t GROUP BY big",
    "SELECT DISTINCT age FROM t ORDER BY id DESC",
    "SELECT DISTINCT tag FROM u ORDER BY n LIMIT 2",
    "SELECT name FROM t ORDER BY name",
    "SELECT name FROM t ORDER BY name DESC",
    "SELECT name FROM t ORDER BY 'name', id",
    "SELECT name FROM t ORDER BY id LIMIT 2 OFFSET 1",
    "SELECT name FROM t ORDER BY id LIMIT 1, 2",
    "SELECT name FROM t ORDER BY id LIMIT -1",
    "SELECT name FROM t WHERE id = (SELECT t_id FROM u)",
    "SELECT strftime('%Y', day), strftime('%m-%d %H:%M', day), date(day), time(day) FROM t",
    "SELECT id FROM t WHERE strftime('%Y', day) = '2019'",
    "SELECT CAST(strftime('%Y', day) AS INT) - 10 FROM t",
    "SELECT date(day, '+1 month', '-2 days'), datetime(day, 'start of year') FROM t WHERE id < 4",
    "SELECT julianday(day), julianday(day) - julianday('2019-01-01') FROM t WHERE id < 4",
    "SELECT substr(name, 1, 2), substr(name, -2), length(name), length(age), upper(name) FROM t",
    "SELECT name || age || price FROM t",
    "SELECT IFNULL(name, 'none'), COALESCE(age, 0), NULLIF(age, 30) FROM t",
    "SELECT IIF(age > 30, 'old', 'young'), CASE age WHEN 30 THEN 'a' ELSE 'b' END FROM t",
    "SELECT (age > 30) + 1, SUM(age > 10), AVG(age > 10) FROM t",
    "SELECT SUM(CASE WHEN tag = 'x' THEN 1 ELSE 0 END) * 100.0 / COUNT(*) FROM u",
    "SELECT CAST(SUM(CASE WHEN tag = 'x' THEN 1 ELSE 0 END) AS REAL) * 100 / COUNT(*) FROM u",
    "SELECT MAX(id, age), MIN(id, 3) FROM t",
    "SELECT GROUP_CONCAT(tag), COUNT(DISTINCT tag) FROM u",
    "SELECT ROUND(price, 1), ROUND(AVG(price), 2) FROM t GROUP BY id",
    "SELECT 0.1 + 0.2 = 0.3, 1 = 1.0",
    "SELECT id FROM t WHERE name IS NOT NULL AND NOT age == 30 AND age != 7",
    "SELECT id FROM t WHERE name IS 'bob'",
    "SELECT id FROM t WHERE code",
    "SELECT id FROM t WHERE NOT code",
    "SELECT t_id FROM u UNION SELECT id FROM t EXCEPT SELECT 3 INTERSECT SELECT 1",
    "SELECT id FROM t UNION ALL SELECT t_id FROM u ORDER BY 1",
    "SELECT COUNT(*) FROM t, u WHERE t.id = u.t_id",
    "SELECT COUNT(*) FROM t JOIN u",
    "SELECT a.name FROM t AS a JOIN u AS b ON a.id = c.t_id JOIN u AS c ON b.t_id = c.t_id",
    "SELECT name FROM t LEFT JOIN u ON t.id = u.t_id WHERE u.t_id IS NULL",
    "SELECT 2nd FROM u WHERE 2nd = 'a' AND tag <> '2nd'",
    "SELECT ID, T.Name FROM T WHERE T.AGE > 8",
    "SELECT name FROM t AS a WHERE EXISTS (SELECT 1 FROM u WHERE t_id = a.id AND tag = \"y\")",
    "SELECT name FROM t WHERE age > (SELECT AVG(age) FROM t)",
    "WITH big AS (SELECT age AS y FROM t WHERE age > 8) SELECT y, COUNT(*) FROM big GROUP BY y",
    "SELECT AVG(c) FROM (SELECT COUNT(*) AS c FROM u GROUP BY t_id)",
    "SELECT typeof(id), typeof(name), typeof(price) FROM t WHERE id = 1",
    "SELECT printf('%d', id) FROM t",
    "VALUES (1, 'a'), (2, 'b')",
]  # fmt: skip


def run_both(sql):
    translated = translate(sql, SCHEMA)
    connection = duckdb.connect(config={"threads": 1})
    for statement in create_sql(SCHEMA):
        connection.execute(statement)
    for table, rows in ROWS.items():
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    got = connection.execute(translated.sql).fetchall()
    with SqliteProbe(SCHEMA) as probe:
        probe.load(ROWS)
        expected = probe.run(quote_odd_names(sql, SCHEMA))
    assert expected is not None, probe.error
    return expected, got, translated.sql


@pytest.mark.parametrize("sql", QUERIES)
def test_duckdb_returns_what_sqlite_returns(sql):
    expected, got, text = run_both(sql)
    width = len(expected[0]) if expected else len(got[0]) if got else 1
    ok = ExecutionStatus.OK
    comparison = compare_results(
        ExecutionResult(ok, ("",) * width, tuple(expected)),
        ExecutionResult(ok, ("",) * (len(got[0]) if got else width), tuple(got)),
        ordered="ORDER BY" in sql and "GROUP BY" not in sql,
        rules=MatchRules(column_order="fixed"),
    )
    assert comparison.equal, f"{text}: {comparison.reason} {comparison.detail}"


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("", "empty"),
        (" ;; ", "empty"),
        ("-- only a comment", "empty"),
        ("SELECT 1; SELECT 2", "not_a_query"),
        ("SELECT 1; DROP TABLE t", "not_a_query"),
        ("DELETE FROM t", "not_a_query"),
        ("DROP TABLE t", "not_a_query"),
        ("INSERT INTO t (id) VALUES (1)", "not_a_query"),
        ("PRAGMA table_info(t)", "not_a_query"),
        ("ATTACH 'x.db' AS x", "not_a_query"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "not_a_query"),
        ("SELECT FROM WHERE", "syntax"),
        ("SELECT * FROM t WHERE (", "syntax"),
        ("SELECT " + "(" * 500 + "1" + ")" * 500, "syntax"),
        ("SELECT '" + "x" * 200_000 + "'", "syntax"),
        ("SELECT '\x00'", "syntax"),
        ("SELECT '\udc80'", "syntax"),
        ("SELECT strftime('%Q', day) FROM t", "syntax"),
    ],
)
def test_what_is_not_one_query_says_so(sql, status):
    with pytest.raises(SqlTranslationError) as caught:
        translate(sql, SCHEMA)
    assert caught.value.status == status


def test_semicolons_inside_strings_do_not_split():
    assert "a;b" in translate("SELECT 'a;b' FROM t;", SCHEMA).sql


def test_numbers_beside_text_in_one_column_become_text():
    # A DuckDB column has one type; SQLite's would hold 41 and 'Carl'.
    expected, got, _ = run_both("SELECT CASE WHEN age > 30 THEN name ELSE age END FROM t")
    assert [None if v is None else str(v) for (v,) in expected] == [v for (v,) in got]


def test_notes_name_the_passes():
    notes = translate("SELECT name, COUNT(*) FROM t WHERE name LIKE 'a%'", SCHEMA).notes
    assert notes == ("bare_columns", "case_insensitive_like")


def test_other_dialects_keep_their_own_meaning():
    text = translate("SELECT a FROM t WHERE a LIKE 'x%'", SCHEMA, "postgres").sql
    assert " LIKE " in text


def test_the_current_time_is_fixed():
    assert "2024-01-01" in translate("SELECT date('now'), CURRENT_DATE", SCHEMA).sql


def test_names_that_mean_something_else_unquoted_are_left_alone():
    schema = parse_schema('CREATE TABLE t ("0" INT, "%" INT, a INT, "2nd" INT)')
    sql = translate('SELECT a % 2, "0", "%", 2nd FROM t WHERE a > 0', schema).sql
    assert sql.endswith("> 0")
    assert '"0", "%", "2nd"' in sql
