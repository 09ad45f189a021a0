"""Equal spelling means equal results, and nothing less."""

from __future__ import annotations

import pytest

from sql_ft.execution import guard
from sql_ft.execution.canonical import CanonicalGold
from sql_ft.execution.compare import MatchRules, compare_results, is_ordered
from sql_ft.execution.databases import build_report
from sql_ft.execution.dialect import translate
from sql_ft.execution.mutants import generate_mutants
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema(
    "CREATE TABLE singer (id INTEGER, name VARCHAR, age INTEGER, country VARCHAR);"
    "CREATE TABLE song (id INTEGER, title VARCHAR, singer_id INTEGER, sales REAL)"
)


def equal(gold: str, predicted: str) -> bool:
    first, second = translate(gold, SCHEMA), translate(predicted, SCHEMA)
    return CanonicalGold(first.sql, SCHEMA).equals(second.sql, second.tree)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        ("SELECT name FROM singer", "select singer.NAME from Singer"),
        ("SELECT name FROM singer", "SELECT T1.name AS n FROM singer AS T1"),
        ("SELECT COUNT(*) FROM singer", "SELECT COUNT(*) AS total FROM singer s"),
        (
            "SELECT T1.name, T2.title FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id",
            "SELECT name, title FROM singer INNER JOIN song ON song.singer_id = singer.id",
        ),
        (
            "SELECT name FROM singer WHERE age > 3 AND country = 'x'",
            "SELECT name FROM singer WHERE country = 'x' AND age > 3",
        ),
        ("SELECT name FROM singer ORDER BY age", "SELECT s.name FROM singer s ORDER BY s.age ASC"),
        (
            "SELECT name FROM singer WHERE id IN (SELECT singer_id FROM song)",
            "SELECT a.name FROM singer a WHERE a.id IN (SELECT b.singer_id FROM song b)",
        ),
        (
            "SELECT country, COUNT(*) FROM singer GROUP BY country ORDER BY COUNT(*) DESC",
            "SELECT country, COUNT(*) AS c FROM singer GROUP BY country ORDER BY COUNT(*) DESC",
        ),
    ],
)
def test_spelling_alone(gold, predicted):
    assert equal(gold, predicted)
    assert equal(predicted, gold)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        ("SELECT name FROM singer", "SELECT DISTINCT name FROM singer"),
        ("SELECT name FROM singer", "SELECT country FROM singer"),
        ("SELECT name FROM singer WHERE age > 3", "SELECT name FROM singer WHERE age >= 3"),
        ("SELECT name FROM singer WHERE age > 3", "SELECT name FROM singer WHERE id > 3"),
        ("SELECT name FROM singer WHERE age > 3", "SELECT name FROM singer WHERE 3 > age"),
        # An engine refuses the ambiguous name, whichever table comes first.
        (
            "SELECT singer.id FROM singer JOIN song ON singer.id = song.singer_id",
            "SELECT id FROM singer JOIN song ON singer.id = song.singer_id",
        ),
        # ORDER BY takes an output's name before a column's.
        (
            "SELECT name AS x, age FROM singer ORDER BY singer.age",
            "SELECT name AS age, age AS x FROM singer ORDER BY age",
        ),
        (
            "SELECT age FROM singer ORDER BY name",
            "SELECT age AS name FROM singer ORDER BY name",
        ),
        # A CTE with a table's name.
        (
            "SELECT name FROM singer",
            "WITH singer AS (SELECT title AS name FROM song) SELECT name FROM singer",
        ),
        ("SELECT x.a FROM (SELECT age AS a FROM singer) AS x", "SELECT age FROM singer"),
        (
            "SELECT a.name FROM singer a JOIN singer b ON a.id = b.age",
            "SELECT b.name FROM singer a JOIN singer b ON a.id = b.age",
        ),
        (
            "SELECT name FROM singer WHERE id IN (SELECT id FROM song)",
            "SELECT name FROM singer s WHERE id IN (SELECT s.id FROM song)",
        ),
        (
            "SELECT name FROM singer JOIN song ON singer.id = song.singer_id",
            "SELECT name FROM singer LEFT JOIN song ON singer.id = song.singer_id",
        ),
        ("SELECT name FROM singer LIMIT 1", "SELECT name FROM singer LIMIT 2"),
        ("SELECT name FROM singer ORDER BY age", "SELECT name FROM singer ORDER BY age DESC"),
    ],
)
def test_more_than_spelling(gold, predicted):
    assert not equal(gold, predicted)
    assert not equal(predicted, gold)


def test_a_prediction_is_never_changed():
    translated = translate("SELECT s.name AS n FROM singer s WHERE age > 3 AND id = age", SCHEMA)
    before = translated.tree.sql()
    gold = translate("SELECT name FROM singer WHERE id = age AND age > 3", SCHEMA)
    assert CanonicalGold(gold.sql, SCHEMA).equals(translated.sql, translated.tree)
    assert translated.tree.sql() == before


GOLDS = [
    "SELECT name FROM singer WHERE age > 30 AND country = 'France'",
    "SELECT country, COUNT(*) FROM singer WHERE age < 50 GROUP BY country HAVING COUNT(*) > 1",
    "SELECT T1.name, T2.title FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id"
    " WHERE T2.sales > 100 ORDER BY T2.sales DESC",
    "SELECT name FROM singer WHERE id NOT IN (SELECT singer_id FROM song WHERE sales > 5)",
    "SELECT name FROM singer WHERE age = 3 UNION SELECT title FROM song WHERE sales = 7",
    "SELECT AVG(age), MAX(age) FROM singer WHERE country = 'US' OR country = 'UK'",
]


def test_a_mutant_of_the_same_spelling_has_the_same_results():
    limits = MatchRules(column_order="fixed")
    with Sandbox(Limits(), workers=1) as sandbox:
        for gold_sql in GOLDS:
            gold = translate(gold_sql, SCHEMA)
            databases = tuple(build_report(SCHEMA, gold.source, "A question?").databases)
            canonical = CanonicalGold(gold.sql, SCHEMA)
            same = {}
            for mutant in generate_mutants(gold.source, SCHEMA, "sqlite"):
                translated = translate(mutant.sql, SCHEMA)
                guard.check_tree(translated.tree)
                if canonical.equals(translated.sql, translated.tree):
                    same[mutant.name] = translated.sql
            (result,) = sandbox.run([Job("j", SCHEMA, databases, {"gold": gold.sql, **same})])
            for name in same:
                for a, b in zip(result.results["gold"], result.results[name], strict=True):
                    assert a.status == b.status == ExecutionStatus.OK
                    ordered = is_ordered(gold.tree)
                    assert compare_results(a, b, ordered=ordered, rules=limits).equal, name
