from __future__ import annotations

import pytest
import sqlglot

from sql_ft.evaluation.adherence import adheres_to_schema, unresolved_names
from sql_ft.execution.schema import Column, Schema, Table

SCHEMA = Schema(
    (
        Table("Head", tuple(Column(n, "VARCHAR") for n in ("head_ID", "Name", "Age"))),
        Table("Department", tuple(Column(n, "VARCHAR") for n in ("dep_id", "Name", "Budget"))),
        Table("Management", tuple(Column(n, "VARCHAR") for n in ("dep_id", "head_id", "acting"))),
    )
)

ADHERES = [
    "SELECT COUNT(*) FROM head WHERE age > 56",
    "SELECT AGE FROM HEAD",
    "SELECT h.name FROM head AS h JOIN management AS m ON h.head_id = m.head_id",
    "SELECT T1.name FROM head AS t1 JOIN management m USING (head_id)",
    "SELECT name FROM head JOIN department ON 1 = 1",  # ambiguous, but it exists
    "WITH old AS (SELECT name AS who, age FROM head) SELECT who FROM old WHERE age > 3",
    "WITH old(a, b) AS (SELECT name, age FROM head) SELECT a FROM old ORDER BY b",
    "WITH a AS (SELECT * FROM head), b AS (SELECT * FROM a) SELECT name FROM b",
    "SELECT x.n FROM (SELECT COUNT(*) AS n FROM head GROUP BY age) AS x",
    "SELECT name FROM head h WHERE EXISTS (SELECT 1 FROM management m WHERE m.head_id = h.head_id)",
    "SELECT name FROM head WHERE head_id IN (SELECT head_id FROM management WHERE age > 1)",
    "SELECT age, COUNT(*) AS n FROM head GROUP BY age HAVING n > 1 ORDER BY n DESC",
    "SELECT name FROM head UNION SELECT name FROM department ORDER BY name",
    "SELECT h.* FROM head h",
    "SELECT name FROM main.head",
    "SELECT 1",
    "SELECT (SELECT MAX(age) FROM head) - age FROM head",
    "SELECT name FROM head h ORDER BY (SELECT COUNT(*) FROM management m WHERE m.dep_id = h.age)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
    "SELECT RANK() OVER (PARTITION BY age ORDER BY name) AS r FROM head",
    "SELECT 1 FROM head h WHERE 1 < (SELECT MAX(b) FROM (SELECT acting AS b FROM management "
    "WHERE h.age = 3) AS x)",
    "SELECT a.n FROM (SELECT name AS n FROM head UNION SELECT name FROM department) AS a",
]

INVENTS = [
    ("SELECT salary FROM head", ["salary"]),
    ("SELECT name FROM heads", ["heads"]),
    ("SELECT h.budget FROM head h", ["h.budget"]),
    ("SELECT x.name FROM head h", ["x.name"]),
    ("SELECT head.name FROM head AS h", ["head.name"]),
    ("SELECT who FROM (SELECT name FROM head) AS x", ["who"]),
    ("WITH a AS (SELECT name FROM head) SELECT age FROM a", ["age"]),
    ("WITH a AS (SELECT * FROM head) SELECT budget FROM a", ["budget"]),
    ("SELECT name FROM head WHERE EXISTS (SELECT 1 FROM management WHERE nope = 1)", ["nope"]),
    ("SELECT name FROM head UNION SELECT nope FROM department", ["nope"]),
    ("SELECT name FROM head UNION SELECT name FROM department ORDER BY budget", ["budget"]),
    ("SELECT * FROM other.head", ["head"]),
    ("SELECT x.* FROM head h", ["x.*"]),
    ("SELECT COUNT(*) FROM head JOIN management USING (nope)", ["nope"]),
    ("SELECT name FROM head ORDER BY nope", ["nope"]),
    ("SELECT * FROM read_csv('secret.csv')", None),
    # Inside a derived table the outer query's names are not visible.
    ("SELECT 1 FROM head h, (SELECT m.acting FROM management m WHERE age = 1) AS x", ["age"]),
    ("SELECT name AS n FROM head UNION SELECT n FROM department", ["n"]),
]


@pytest.mark.parametrize("sql", ADHERES)
def test_adheres(sql):
    assert unresolved_names(sqlglot.parse_one(sql, read="sqlite"), SCHEMA) == []


@pytest.mark.parametrize(("sql", "names"), INVENTS)
def test_invents(sql, names):
    tree = sqlglot.parse_one(sql, read="sqlite")
    assert not adheres_to_schema(tree, SCHEMA)
    if names is not None:
        assert unresolved_names(tree, SCHEMA) == names


def test_the_tree_is_left_alone():
    tree = sqlglot.parse_one("SELECT Name FROM Head", read="sqlite")
    unresolved_names(tree, SCHEMA)
    assert tree.sql() == "SELECT Name FROM Head"
