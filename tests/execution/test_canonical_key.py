from __future__ import annotations

import pytest

from sql_ft.execution.canonical_key import canonical_key
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.schema import parse_schema

SCHEMA = parse_schema(
    "CREATE TABLE head (id INTEGER, name VARCHAR, age INTEGER, dept INTEGER); "
    "CREATE TABLE dept (id INTEGER, title VARCHAR, boss INTEGER)"
)


def key(sql):
    return canonical_key(parse_query(sql, SCHEMA), SCHEMA)


JOIN = "SELECT h.name FROM head AS h JOIN dept AS d ON h.dept = d.id WHERE d.title = 'A'"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("SELECT name FROM head", "select  NAME\nfrom Head -- all"),
        ("SELECT name FROM head", 'SELECT "name" FROM `head`'),
        ("SELECT name FROM head", "SELECT h.name AS n FROM head h"),
        ("SELECT name FROM head WHERE name = 'x'", 'SELECT name FROM head WHERE name = "x"'),
        (
            "SELECT name FROM head WHERE age > 3 AND dept = 1",
            "SELECT name FROM head WHERE (1 = dept) AND 3 < age",
        ),
        (
            "SELECT name FROM head WHERE age > 3 OR (dept = 1 OR id = 2)",
            "SELECT name FROM head WHERE id = 2 OR age > 3 OR dept = 1",
        ),
        (
            "SELECT name FROM head WHERE age BETWEEN 3 AND 5 AND id = 1",
            "SELECT name FROM head WHERE id = 1 AND age <= 5 AND age >= 3",
        ),
        (
            "SELECT name FROM head WHERE NOT age > 3",
            "SELECT name FROM head WHERE age <= 3",
        ),
        (
            "SELECT name FROM head WHERE id IN (1, 2)",
            "SELECT name FROM head WHERE id IN (2, 1)",
        ),
        ("SELECT COUNT(*) FROM head", "SELECT COUNT(1) AS total FROM head"),
        (JOIN, "SELECT T2.name FROM dept T1, head T2 WHERE T1.title = 'A' AND T1.id = T2.dept"),
        (JOIN, "SELECT name FROM dept INNER JOIN head ON dept = dept.id WHERE title = 'A'"),
        (
            "SELECT dept, COUNT(*) FROM head GROUP BY dept ORDER BY COUNT(*) DESC",
            "SELECT dept, COUNT(*) AS n FROM head GROUP BY 1 ORDER BY n DESC",
        ),
        (
            "SELECT name FROM head WHERE dept IN (SELECT id FROM dept WHERE boss = 1)",
            "SELECT name FROM head AS a WHERE a.dept IN (SELECT b.id FROM dept b WHERE 1 = b.boss)",
        ),
        (
            "SELECT name FROM head UNION SELECT title FROM dept",
            "SELECT title FROM dept UNION SELECT name FROM head",
        ),
        (
            "SELECT n FROM (SELECT name AS n FROM head WHERE age > 1) AS t",
            "SELECT u.m FROM (SELECT h.name AS m FROM head h WHERE h.age > 1) AS u",
        ),
        (
            "WITH a AS (SELECT name FROM head) SELECT name FROM a",
            "WITH b AS (SELECT name FROM head) SELECT b.name FROM b",
        ),
        (
            "SELECT name FROM head AS h WHERE EXISTS (SELECT 1 FROM dept WHERE boss = h.id)",
            "SELECT name FROM head WHERE EXISTS (SELECT 1 FROM dept AS d WHERE head.id = d.boss)",
        ),
    ],
)
def test_same(a, b):
    assert key(a) == key(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("SELECT name FROM head", "SELECT id FROM head"),
        ("SELECT name, id FROM head", "SELECT id, name FROM head"),
        ("SELECT name FROM head", "SELECT DISTINCT name FROM head"),
        ("SELECT name FROM head WHERE name = 'a'", "SELECT name FROM head WHERE name = 'A'"),
        ("SELECT name FROM head WHERE age > 3", "SELECT name FROM head WHERE age >= 3"),
        ("SELECT name FROM head WHERE age > id", "SELECT name FROM head WHERE id > age"),
        (
            "SELECT name FROM head WHERE age > 3 AND (id = 1 OR dept = 2)",
            "SELECT name FROM head WHERE age > 3 AND id = 1 OR dept = 2",
        ),
        ("SELECT (age + id) * 2 FROM head", "SELECT age + id * 2 FROM head"),
        ("SELECT age - id FROM head", "SELECT id - age FROM head"),
        ("SELECT COUNT(*) FROM head", "SELECT COUNT(name) FROM head"),
        ("SELECT COUNT(age) FROM head", "SELECT COUNT(DISTINCT age) FROM head"),
        ("SELECT name FROM head ORDER BY age", "SELECT name FROM head ORDER BY age DESC"),
        ("SELECT name FROM head ORDER BY age, id", "SELECT name FROM head ORDER BY id, age"),
        ("SELECT name FROM head LIMIT 1", "SELECT name FROM head LIMIT 2"),
        (
            "SELECT name FROM head UNION SELECT title FROM dept",
            "SELECT name FROM head UNION ALL SELECT title FROM dept",
        ),
        (
            "SELECT name FROM head EXCEPT SELECT title FROM dept",
            "SELECT title FROM dept EXCEPT SELECT name FROM head",
        ),
        (JOIN, JOIN.replace("JOIN", "LEFT JOIN")),
        (JOIN, JOIN.replace("h.dept = d.id", "h.id = d.id")),
        (
            "SELECT h.id FROM head h JOIN dept d ON h.dept = d.id",
            "SELECT d.id FROM head h JOIN dept d ON h.dept = d.id",
        ),
        (
            "SELECT * FROM head JOIN dept ON head.dept = dept.id",
            "SELECT * FROM dept JOIN head ON head.dept = dept.id",
        ),
        (
            "SELECT a.name FROM head a LEFT JOIN dept d ON a.dept = d.id AND d.boss = 1",
            "SELECT a.name FROM head a LEFT JOIN dept d ON a.dept = d.id WHERE d.boss = 1",
        ),
        (
            "SELECT a.name FROM head a JOIN head b ON a.id = b.dept",
            "SELECT b.name FROM head a JOIN head b ON a.id = b.dept",
        ),
        ("SELECT lower(name) FROM head", "SELECT upper(name) FROM head"),
        ("SELECT printf('A', name) FROM head", "SELECT printf('a', name) FROM head"),
        (
            "SELECT name FROM head WHERE EXISTS (SELECT 1 FROM dept WHERE boss = head.id)",
            "SELECT name FROM head WHERE EXISTS (SELECT 1 FROM dept WHERE boss = dept.id)",
        ),
        (
            "SELECT name FROM head WHERE dept IN (SELECT id FROM dept)",
            "SELECT name FROM head WHERE dept NOT IN (SELECT id FROM dept)",
        ),
    ],
)
def test_different(a, b):
    assert key(a) != key(b)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r",
        "SELECT * FROM head NATURAL JOIN dept",
        "SELECT id FROM head, dept",  # ambiguous
        "SELECT wage FROM head",
        "SELECT name FROM nowhere",
        "SELECT name FROM head GROUP BY 9",
        "VALUES (1)",
    ],
)
def test_what_is_not_followed_equals_itself_only(sql):
    assert key(sql) == key(sql.replace("SELECT", "select"))
    assert key(sql) != key("SELECT name FROM head")


def test_work_that_doubles_at_each_level_is_bounded():
    """Either of these would take 2 ** 40 steps, or characters."""
    chain = ", ".join(
        [
            "c0 AS (SELECT id FROM head)",
            *(f"c{n} AS (SELECT a.id FROM c{n - 1} a JOIN c{n - 1} b ON 1)" for n in range(1, 40)),
        ]
    )
    assert len(key(f"WITH {chain} SELECT id FROM c39")) < 10_000
    ranges = "age"
    for _ in range(40):
        ranges = f"({ranges} BETWEEN 1 AND 2)"
    assert key(f"SELECT id FROM head WHERE {ranges}").startswith("as written: ")
