"""Each rewriting mutant runs, differs from its gold on rows that show why, and is left out
where no rows could."""

from __future__ import annotations

import sqlite3

import pytest
from sqlglot import exp

from sql_ft.execution.databases import build_report
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.mutants import generate_mutants
from sql_ft.execution.schema import parse_schema

DDL = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE dog (
  id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES owner(id), age INTEGER,
  name TEXT, vet_id INTEGER NOT NULL REFERENCES vet(id)
);
CREATE TABLE vet (id INTEGER PRIMARY KEY, name TEXT);
"""
ROWS = """
INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Ann');
INSERT INTO vet VALUES (1, 'V');
INSERT INTO dog VALUES (1, 1, 3, 'Rex', 1), (2, 1, 3, 'Rex', 1), (3, 2, 5, 'Sam', 1),
  (4, NULL, 3, 'Rex', 1), (5, 3, 9, 'Tim', 1);
"""
SCHEMA = parse_schema(DDL)


def mutants(gold, name):
    tree = parse_query(gold, SCHEMA)
    return [m.sql for m in generate_mutants(tree, SCHEMA) if m.name == name]


def run(sql):
    connection = sqlite3.connect(":memory:")
    connection.executescript(DDL + ROWS)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return sorted(rows, key=repr)


@pytest.mark.parametrize(
    ("name", "gold", "others"),
    [
        ("rewrite:with_ties", "SELECT name FROM dog ORDER BY age LIMIT 1",
         [("Rex",), ("Rex",), ("Rex",)]),
        ("rewrite:with_ties", "SELECT name FROM dog WHERE age > 4 ORDER BY age DESC LIMIT 1",
         [("Tim",)]),
        ("rewrite:semi_join",
         "SELECT o.name FROM owner AS o JOIN dog AS d ON o.id = d.owner_id WHERE d.age = 3",
         [("Ann",)]),
        ("rewrite:semi_join",
         "SELECT COUNT(o.name) FROM dog AS d JOIN owner AS o ON o.id = d.owner_id",
         [(3,)]),
        ("rewrite:in_as_join",
         "SELECT name FROM owner WHERE id IN (SELECT owner_id FROM dog WHERE age = 3)",
         [("Ann",), ("Ann",)]),
        ("rewrite:set_as_in",
         "SELECT name FROM dog WHERE age < 4 INTERSECT SELECT name FROM dog WHERE owner_id = 1",
         [("Rex",), ("Rex",), ("Rex",)]),
        ("rewrite:set_as_in",
         "SELECT name FROM owner EXCEPT SELECT name FROM dog WHERE age = 9",
         [("Ann",), ("Ann",), ("Bob",)]),
        ("rewrite:extreme_as_first", "SELECT MAX(age) FROM dog WHERE name = 'Max'", []),
        ("rewrite:extreme_as_first", "SELECT MIN(age) FROM dog", [(3,)]),
        ("group_key:shown",
         "SELECT o.name, COUNT(*) FROM owner AS o JOIN dog AS d ON o.id = d.owner_id GROUP BY o.id",
         [("Ann", 3), ("Bob", 1)]),
    ],
)  # fmt: skip
def test_what_a_rewrite_returns(name, gold, others):
    (mutant,) = mutants(gold, name)
    assert run(mutant) == others


def test_joins_that_a_query_does_not_need():
    found = mutants("SELECT name FROM owner", "rewrite:join_added")
    assert [run(sql) for sql in found] == [[("Ann",), ("Ann",), ("Ann",), ("Bob",)]]
    # owner_id may be NULL, so the parent can be missing; vet_id may not.
    found = mutants("SELECT age FROM dog", "rewrite:join_added")
    assert [len(run(sql)) for sql in found] == [4]


def test_the_name_of_an_added_table_is_taken_as_it_is():
    schema = parse_schema(
        "CREATE TABLE owner (id INT PRIMARY KEY, name TEXT);"
        'CREATE TABLE "a.b c" (o INT REFERENCES owner (id))'
    )
    tree = parse_query("SELECT name FROM owner", schema)
    (sql,) = [m.sql for m in generate_mutants(tree, schema) if m.name == "rewrite:join_added"]
    tables = parse_query(sql, schema).find_all(exp.Table)
    assert {(table.name, table.db) for table in tables} == {("owner", ""), ("a.b c", "")}


@pytest.mark.parametrize(
    ("name", "gold"),
    [
        ("rewrite:with_ties", "SELECT name FROM dog ORDER BY id LIMIT 1"),
        ("rewrite:with_ties", "SELECT name FROM dog ORDER BY age LIMIT 2"),
        ("rewrite:with_ties", "SELECT age FROM dog GROUP BY age ORDER BY age LIMIT 1"),
        # Of each dog there is one owner: the join repeats nothing.
        ("rewrite:semi_join",
         "SELECT d.name FROM dog AS d JOIN owner AS o ON o.id = d.owner_id WHERE o.name = 'Ann'"),
        ("rewrite:semi_join",
         "SELECT o.name, d.name FROM dog AS d JOIN owner AS o ON o.id = d.owner_id"),
        ("rewrite:in_as_join",
         "SELECT name FROM dog WHERE owner_id IN (SELECT id FROM owner WHERE name = 'Ann')"),
        ("rewrite:join_added", "SELECT o.name, d.name FROM owner AS o JOIN dog AS d "
         "ON o.id = d.owner_id JOIN vet AS v ON v.id = d.vet_id"),
        ("rewrite:set_as_in", "SELECT id FROM dog EXCEPT SELECT owner_id FROM dog"),
        ("rewrite:set_as_in", "SELECT name FROM dog UNION SELECT name FROM owner"),
        ("rewrite:extreme_as_first", "SELECT owner_id, MAX(age) FROM dog GROUP BY owner_id"),
        ("group_key:shown", "SELECT id, name, COUNT(*) FROM owner GROUP BY id"),
        ("group_key:shown", "SELECT COUNT(*) FROM dog GROUP BY owner_id"),
    ],
)  # fmt: skip
def test_no_rewrite_where_it_would_change_nothing(name, gold):
    assert mutants(gold, name) == []


@pytest.mark.parametrize(
    ("gold", "survives"),
    [
        # A tie of rows that look alike, so that LIMIT 1 is not left to chance.
        ("SELECT name, owner_id FROM dog ORDER BY age LIMIT 1", "rewrite:with_ties"),
        (
            "SELECT o.name FROM dog AS d JOIN owner AS o ON d.owner_id = o.id "
            "ORDER BY d.age DESC LIMIT 1",
            "rewrite:with_ties",
        ),
        # Two owners of one name.
        (
            "SELECT o.name, COUNT(*) FROM owner AS o JOIN dog AS d ON o.id = d.owner_id "
            "GROUP BY o.id",
            "group_key:shown",
        ),
        (
            "SELECT name FROM dog WHERE age > 3 INTERSECT SELECT name FROM dog WHERE age < 3",
            "rewrite:set_as_in",
        ),
        ("SELECT MAX(age) FROM dog WHERE name = 'Max'", "rewrite:extreme_as_first"),
    ],
)
def test_databases_tell_golds_from_their_rewrites(gold, survives):
    report = build_report(SCHEMA, parse_query(gold, SCHEMA), "")
    assert report.deterministic
    assert survives in report.killed
