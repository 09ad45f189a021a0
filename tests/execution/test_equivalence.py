"""Mutants that are left out as equivalent must be just that, on any rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases, plain_names

from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.databases import build_databases, build_report
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.equivalence import ARGUMENTS
from sql_ft.execution.mutants import generate_mutants
from sql_ft.execution.probe import SqliteProbe
from sql_ft.execution.schema import infer_types, parse_schema
from sql_ft.records import ExecutionResult, ExecutionStatus

DDL = (
    "CREATE TABLE dept (did INT PRIMARY KEY, dname TEXT NOT NULL UNIQUE, town TEXT);"
    "CREATE TABLE emp (eid INT PRIMARY KEY, name TEXT, age INT NOT NULL, pay REAL,"
    " did INT NOT NULL, boss INT, FOREIGN KEY (did) REFERENCES dept(did))"
)
# One gold, a mutant that its class must prove, and one much like it that it must not.
PROOFS = {
    "set_context": (
        "SELECT name FROM emp WHERE did IN (SELECT did FROM dept WHERE town = 'Bath')",
        "SELECT name FROM emp WHERE did IN (SELECT DISTINCT did FROM dept WHERE town = 'Bath')",
        "SELECT DISTINCT name FROM emp WHERE did IN (SELECT did FROM dept WHERE town = 'Bath')",
    ),
    "exists_projection": (
        "SELECT dname FROM dept WHERE EXISTS(SELECT 1 FROM emp WHERE emp.did = dept.did)",
        "SELECT dname FROM dept WHERE EXISTS(SELECT 2 FROM emp WHERE emp.did = dept.did)",
        "SELECT dname FROM dept WHERE EXISTS(SELECT 1 FROM emp)",
    ),
    "key_selected": (
        "SELECT dname, town FROM dept",
        "SELECT DISTINCT dname, town FROM dept",
        "SELECT \"dept\".\"town\", town FROM dept",
    ),
    "padding_rejected": (
        "SELECT e.name FROM emp AS e JOIN dept AS d ON e.boss = d.did WHERE d.town = 'Bath'",
        "SELECT e.name FROM emp AS e LEFT JOIN dept AS d ON e.boss = d.did WHERE d.town = 'Bath'",
        "SELECT e.name FROM emp AS e RIGHT JOIN dept AS d ON e.boss = d.did WHERE d.town = 'Bath'",
    ),
    "padding_ignored": (
        "SELECT AVG(e.pay) FROM dept AS d JOIN emp AS e ON e.boss = d.did",
        "SELECT AVG(e.pay) FROM dept AS d LEFT JOIN emp AS e ON e.boss = d.did",
        "SELECT AVG(e.pay) FROM dept AS d RIGHT JOIN emp AS e ON e.boss = d.did",
    ),
    "always_matched": (
        "SELECT e.name, d.town FROM emp AS e JOIN dept AS d ON e.did = d.did",
        "SELECT e.name, d.town FROM emp AS e LEFT JOIN dept AS d ON e.did = d.did",
        "SELECT e.name, d.town FROM emp AS e RIGHT JOIN dept AS d ON e.did = d.did",
    ),
    "equal_by_join": (
        "SELECT e.did, COUNT(*) FROM emp AS e JOIN dept AS d ON e.did = d.did GROUP BY e.did",
        'SELECT e.did, COUNT(*) FROM emp AS e JOIN dept AS d ON e.did = d.did GROUP BY "d"."did"',
        'SELECT e.did, COUNT(*) FROM emp AS e JOIN dept AS d ON e.did = d.did GROUP BY "e"."eid"',
    ),
    "never_null": (
        "SELECT did, COUNT(age) FROM emp GROUP BY did",
        "SELECT did, COUNT(*) FROM emp GROUP BY did",
        "SELECT did, COUNT(DISTINCT age) FROM emp GROUP BY did",
    ),
    "one_row": (
        "SELECT town FROM dept WHERE did = 3",
        "SELECT DISTINCT town FROM dept WHERE did = 3",
        "SELECT town FROM dept",
    ),
    "first_row": (
        "SELECT name FROM emp WHERE age > (SELECT age FROM emp WHERE did = 2 ORDER BY age LIMIT 1)",
        "SELECT name FROM emp WHERE age > (SELECT age FROM emp WHERE did = 2 ORDER BY age LIMIT 2)",
        "SELECT name FROM emp WHERE age > (SELECT age FROM emp WHERE did = 2 ORDER BY age DESC"
        " LIMIT 1)",
    ),
    "group_not_empty": (
        "SELECT did FROM emp GROUP BY did HAVING COUNT(*) > 0",
        "SELECT did FROM emp GROUP BY did",
        "SELECT did FROM emp GROUP BY did HAVING COUNT(*) > 1",
    ),
    "key_grouped": (
        "SELECT eid, COUNT(*) FROM emp GROUP BY eid",
        'SELECT eid, COUNT(*) FROM emp GROUP BY eid, "emp"."name"',
        'SELECT eid, COUNT(*) FROM emp GROUP BY "emp"."age"',
    ),
    "order_unseen": (
        "SELECT name FROM emp ORDER BY name, age",
        "SELECT name FROM emp ORDER BY name, age DESC",
        "SELECT name FROM emp ORDER BY name DESC, age",
    ),
    "sorted_anyway": (
        "SELECT did, COUNT(*) FROM emp GROUP BY did ORDER BY did",
        "SELECT did, COUNT(*) FROM emp GROUP BY did",
        "SELECT did, COUNT(*) FROM emp GROUP BY did ORDER BY did DESC",
    ),
}  # fmt: skip


def differences(schema, tree, databases):
    """Excluded mutants that some database tells from the gold."""
    excluded = [m for m in generate_mutants(tree, schema) if m.equivalent]
    ordered, keys = is_ordered(tree), order_key_positions(tree)
    found = []
    with SqliteProbe(schema) as probe:
        for database in databases:
            probe.load(database.rows)
            gold = probe.run(tree.sql("sqlite"))
            for mutant in excluded:
                rows = probe.run(mutant.sql)
                if rows is None or rows == gold:
                    continue
                left, right = (
                    ExecutionResult(ExecutionStatus.OK, ("",) * len((r or [()])[0]), tuple(r))
                    for r in (gold, rows)
                )
                rules = MatchRules(column_order="fixed")
                if not compare_results(
                    left, right, ordered=ordered, order_keys=keys, rules=rules
                ).equal:
                    found.append((mutant, database))
    return found


def test_every_argument_has_an_example():
    assert set(PROOFS) == set(ARGUMENTS)


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_reaches_its_mutant_and_no_further(name):
    gold, proved, other = PROOFS[name]
    schema = parse_schema(DDL)
    tree = parse_query(gold, schema)
    classes = {m.sql.replace("EXISTS (", "EXISTS("): m.equivalent
               for m in generate_mutants(tree, schema)}  # fmt: skip
    assert classes[proved] == name
    assert classes[other] == ""
    databases = build_databases(schema, tree, "", count=12, seed=4)
    assert databases
    assert differences(schema, tree, databases) == []


def test_another_set_operation_inside_in_is_not_the_same():
    schema = parse_schema(DDL)
    inner = "SELECT did FROM emp WHERE age > 30 {} SELECT did FROM emp WHERE age < 20"
    outer = "SELECT town FROM dept WHERE did IN ({})"
    for written, other, proof in (
        ("UNION", "UNION ALL", "set_context"),
        ("INTERSECT", "UNION", ""),
        ("UNION", "INTERSECT", ""),
    ):
        tree = parse_query(outer.format(inner.format(written)), schema)
        mutants = {m.sql: m.equivalent for m in generate_mutants(tree, schema)}
        assert mutants[outer.format(inner.format(other))] == proof


@settings(max_examples=60)
@given(cases(), st.integers(0, 1000))
def test_no_rows_tell_an_excluded_mutant_from_its_gold(case, seed):
    tree = parse_query(case.sql(0, plain_names(case.schema)), case.schema)
    schema = infer_types(case.schema, tree)
    report = build_report(schema, tree, "", count=6, seed=seed)
    if report.deterministic:
        assert differences(schema, tree, report.databases) == []
