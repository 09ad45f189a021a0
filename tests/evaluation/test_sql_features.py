from __future__ import annotations

import pytest
import sqlglot

from sql_ft.evaluation.sql_features import find_clauses, slice_golds, spider_hardness
from sql_ft.records import Sample


def parse(sql):
    return sqlglot.parse_one(sql, dialect="sqlite")


@pytest.mark.parametrize(
    ("sql", "clauses"),
    [
        ("SELECT a FROM t", {"plain"}),
        ("SELECT a FROM t WHERE b = 1 OR c = 2", {"where", "or"}),
        ("SELECT DISTINCT a FROM t, u", {"distinct", "join"}),
        ("SELECT COUNT(DISTINCT a) FROM t", {"distinct", "aggregate"}),
        (
            "SELECT a, MAX(b) FROM t GROUP BY a HAVING COUNT(*) > 1 ORDER BY a LIMIT 3",
            {"aggregate", "group_by", "having", "order_by", "limit"},
        ),
        ("SELECT a FROM t WHERE b IN (SELECT c FROM u)", {"where", "in", "nested"}),
        ("SELECT a FROM (SELECT a FROM t) AS x", {"nested"}),
        ("SELECT a FROM t UNION SELECT b FROM u", {"set_operation"}),
        (
            "SELECT a FROM t EXCEPT SELECT b FROM u WHERE c = (SELECT 1)",
            {"set_operation", "where", "nested"},
        ),
        (
            "SELECT a FROM t WHERE b LIKE '%x' AND c BETWEEN 1 AND 2",
            {"where", "like", "between"},
        ),
        ("SELECT CASE WHEN a > 1 THEN 2 END FROM t", {"case"}),
        ("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t", {"window", "order_by", "aggregate"}),
    ],
)
def test_clauses(sql, clauses):
    found = set(find_clauses(parse(sql)))
    # Whether a ranking function is an aggregate is sqlglot's business.
    assert found - {"aggregate"} == clauses - {"aggregate"}
    if "OVER" not in sql:
        assert ("aggregate" in found) == ("aggregate" in clauses)


# Counted by hand with the rule in `evaluation.py`: (component 1, component 2, others).
@pytest.mark.parametrize(
    ("sql", "hardness"),
    [
        ("SELECT COUNT(*) FROM singer", "easy"),  # 0, 0, 0
        ("SELECT name FROM singer WHERE age > 3", "easy"),  # 1, 0, 0
        ("SELECT name, age FROM singer ORDER BY age DESC", "medium"),  # 1, 0, 1
        ("SELECT avg(a), min(a), max(a) FROM singer WHERE c = 'F'", "medium"),  # 1, 0, 2
        ("SELECT a FROM t JOIN u ON t.i = u.i WHERE b = 1", "medium"),  # 2, 0, 0
        ("SELECT name FROM t WHERE a = 1 OR b = 2", "medium"),  # 2, 0, 1
        ("SELECT a, b FROM t JOIN u ON t.i = u.i ORDER BY a LIMIT 1", "hard"),  # 3, 0, 1
        ("SELECT a FROM t WHERE b > (SELECT avg(b) FROM t)", "hard"),  # 1, 1, 0
        ("SELECT a FROM t EXCEPT SELECT b FROM u", "hard"),  # 0, 1, 0
        ("SELECT a FROM t UNION SELECT b FROM u UNION SELECT c FROM v", "hard"),  # 0, 1, 0
        ("SELECT a, b FROM t WHERE b > (SELECT avg(b) FROM t)", "extra"),  # 1, 1, 1
        ("SELECT a FROM t WHERE b IN (SELECT b FROM u) AND c IN (SELECT c FROM v)", "extra"),
        # An OR inside HAVING counts as an aggregate, and so does NOT: quirks of the original.
        ("SELECT a FROM t GROUP BY a HAVING b = 1 AND c = 2 AND d = 3", "medium"),  # 1, 0, 1
        ("SELECT a FROM t WHERE b NOT LIKE 'x'", "medium"),  # 2, 0, 0
        ("SELECT COUNT(a) FROM t GROUP BY b, c ORDER BY COUNT(a)", "extra"),  # 2, 0, 2
        ("VALUES (1)", "easy"),
    ],
)
def test_hardness(sql, hardness):
    assert spider_hardness(parse(sql)) == hardness


def test_golds_that_do_not_parse_have_no_slices():
    samples = [
        Sample("a", "q", "c", "SELECT a FROM t WHERE b = 1"),
        Sample("b", "q", "c", "SELECT FROM WHERE"),
        Sample("c", "q", "c", "DELETE FROM t"),
    ]
    assert slice_golds(samples, "sqlite") == {
        "a": {"clause": ("where",), "spider_hardness": ("easy",)}
    }
