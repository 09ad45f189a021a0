import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sql_ft.execution.databases import build_databases, build_report, strip_where
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.probe import DuckdbProbe, SqliteProbe
from sql_ft.execution.schema import infer_types, parse_schema

DDL = (
    "CREATE TABLE student (id INT PRIMARY KEY, name TEXT, age INT, city TEXT, born DATE);"
    "CREATE TABLE course (cid INT PRIMARY KEY, title TEXT UNIQUE NOT NULL, credits INT);"
    "CREATE TABLE taken (sid INT, cid INT, grade REAL, PRIMARY KEY (sid, cid),"
    " FOREIGN KEY (sid) REFERENCES student(id), FOREIGN KEY (cid) REFERENCES course(cid))"
)
GOLDS = [
    "SELECT name FROM student WHERE age > 30 AND city = 'Paris'",
    "SELECT COUNT(*) FROM student WHERE name LIKE '%son' OR age BETWEEN 20 AND 25",
    'SELECT T1.name FROM student AS T1 JOIN taken AS T2 ON T1.id = T2.sid JOIN course AS T3'
    ' ON T2.cid = T3.cid WHERE T3.title = "Logic" AND T2.grade >= 3.5',
    "SELECT name FROM student WHERE id NOT IN (SELECT sid FROM taken WHERE grade < 2)",
    "SELECT city, COUNT(*) FROM student WHERE age < 40 GROUP BY city HAVING COUNT(*) >= 3",
    "SELECT city FROM student WHERE age > 30 INTERSECT SELECT city FROM student WHERE age < 20",
    "SELECT name FROM student WHERE born > '2001-05-06' ORDER BY age DESC LIMIT 1",
    "SELECT name FROM student WHERE age = (SELECT MAX(age) FROM student WHERE city = 'Rome')",
    "SELECT title FROM course WHERE NOT EXISTS (SELECT 1 FROM taken WHERE taken.cid = course.cid)",
    "SELECT name FROM student WHERE strftime('%Y', born) = '2004'",
    "SELECT T1.name, AVG(T2.grade) FROM student AS T1 JOIN taken AS T2 ON T1.id = T2.sid"
    " WHERE T1.city <> 'Rome' GROUP BY T1.id HAVING COUNT(*) > 2",
    "SELECT COUNT(DISTINCT city) FROM student WHERE age IN (20, 21, 35)",
]  # fmt: skip


def prepare(gold, ddl=DDL):
    schema = parse_schema(ddl)
    tree = parse_query(gold, schema)
    return infer_types(schema, tree), tree


def assert_constraints(schema, rows):
    for table in schema.tables:
        names = [c.name for c in table.columns]
        records = [dict(zip(names, r, strict=True)) for r in rows[table.name]]
        keys = [(c.name,) for c in table.columns if c.unique] + list(table.unique_keys)
        if table.primary_key:
            keys.append(table.primary_key)
        for key in keys:
            seen = [tuple(r[c] for c in key) for r in records]
            seen = [s for s in seen if None not in s]
            assert len(seen) == len(set(seen)), (table.name, key)
        for column in table.columns:
            if not column.nullable:
                assert all(r[column.name] is not None for r in records)
        for foreign in table.foreign_keys:
            target = schema.find(foreign.ref_table)
            there = {
                tuple(r[[c.name for c in target.columns].index(n)] for n in foreign.ref_columns)
                for r in rows[target.name]
            }
            for r in records:
                value = tuple(r[c] for c in foreign.columns)
                assert None in value or value in there, (table.name, value)


@pytest.mark.parametrize("gold", GOLDS)
def test_databases_tell_the_gold_from_its_like(gold):
    schema, tree = prepare(gold)
    report = build_report(schema, tree, "", count=4, seed=1)
    assert report.error == ""
    assert report.deterministic
    assert report.non_empty
    assert report.where_matters
    assert 1 <= len(report.databases) <= 4
    assert report.mutants_killed / report.mutants_total >= 0.75, report.survivors
    with SqliteProbe(schema) as probe:
        results = []
        for database in report.databases:
            assert_constraints(schema, database.rows)
            probe.load(database.rows)
            results.append(
                (probe.run(tree.sql("sqlite")), probe.run(strip_where(tree).sql("sqlite")))
            )
    assert any(with_where != without for with_where, without in results)
    assert any(rows and any(v for row in rows for v in row) for rows, _ in results)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(GOLDS))
def test_generated_rows_satisfy_every_constraint(seed, gold):
    schema, tree = prepare(gold)
    for database in build_databases(schema, tree, "older than 30", count=8, seed=seed):
        assert_constraints(schema, database.rows)


def test_same_arguments_same_rows_in_any_process():
    code = (
        "from sql_ft.execution.databases import build_databases;"
        "from sql_ft.execution.dialect import parse_query;"
        "from sql_ft.execution.schema import parse_schema;"
        "import hashlib,sys;"
        "s=parse_schema(sys.argv[1]);t=parse_query(sys.argv[2],s);"
        "print(hashlib.sha256(repr([d.rows for d in build_databases(s,t,'q',seed=3)]).encode())"
        ".hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, DDL, GOLDS[2]],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "77")
    }
    assert len(outputs) == 1


def test_seed_and_question_matter():
    schema, tree = prepare("SELECT name FROM student")
    first = build_databases(schema, tree, "", seed=0)
    assert first == build_databases(schema, tree, "", seed=0)
    assert first != build_databases(schema, tree, "", seed=1)


def test_bare_columns_follow_their_group():
    schema, tree = prepare(
        "SELECT T1.name, COUNT(*) FROM s AS T1 JOIN p AS T2 ON T1.id = T2.s_id GROUP BY T2.s_id",
        "CREATE TABLE s (id VARCHAR, name VARCHAR); CREATE TABLE p (s_id VARCHAR)",
    )
    report = build_report(schema, tree, "")
    assert report.deterministic
    assert report.non_empty


def test_ties_never_stay_under_a_limit():
    schema, tree = prepare(
        "SELECT city FROM s GROUP BY city ORDER BY COUNT(*) DESC LIMIT 1",
        "CREATE TABLE s (city VARCHAR)",
    )
    report = build_report(schema, tree, "")
    assert report.deterministic
    for database in report.databases:
        counts = {}
        for (city,) in database.rows["s"]:
            counts[city] = counts.get(city, 0) + 1
        ranked = sorted(counts.values(), reverse=True)
        assert len(ranked) < 2 or ranked[0] > ranked[1]


def test_a_gold_left_to_chance_is_reported():
    schema, tree = prepare("SELECT RANDOM() FROM t", "CREATE TABLE t (a INT)")
    report = build_report(schema, tree, "")
    assert not report.deterministic


def test_a_gold_that_nothing_satisfies_is_reported():
    schema, tree = prepare("SELECT a FROM t WHERE a > 5 AND a < 3", "CREATE TABLE t (a INT)")
    report = build_report(schema, tree, "")
    assert not report.non_empty


def test_a_gold_that_fails_is_reported():
    schema, tree = prepare("SELECT nope FROM t", "CREATE TABLE t (a INT)")
    report = build_report(schema, tree, "")
    assert "nope" in report.error
    assert report.databases == []


def test_large_counts_are_reached():
    schema, tree = prepare(
        "SELECT city FROM s GROUP BY city HAVING COUNT(*) > 25", "CREATE TABLE s (city VARCHAR)"
    )
    assert build_report(schema, tree, "").non_empty


def test_other_dialects_are_probed_in_duckdb():
    schema = parse_schema("CREATE TABLE t (d DATE, n INT, f BOOLEAN)", "postgres")
    tree = parse_query("SELECT n FROM t WHERE d > DATE '2020-01-01' AND f", schema, "postgres")
    report = build_report(schema, tree, "", count=2, dialect="postgres")
    assert report.error == ""
    assert report.non_empty
    with DuckdbProbe(schema, "postgres") as probe:
        assert probe.run("SELECT zz FROM t") is None
        assert "zz" in probe.error


def test_strip_where_reaches_subqueries():
    _, tree = prepare(GOLDS[3])
    assert "WHERE" not in strip_where(tree).sql("sqlite")
    assert strip_where(parse_query("SELECT 1", parse_schema(DDL))) is None
