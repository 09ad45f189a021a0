"""Completion → statement: (completion, expected sql, expected strict)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_ft.generation.extract import extract_sql

S = "SELECT name FROM employee WHERE age > 56"

STRICT = [
    (S, S),
    ("select", "select"),
    (S + ";", S),
    (f"\n  {S} ;\n", S),
    (S.lower(), S.lower()),
    ("SELECT COUNT(*) FROM t", "SELECT COUNT(*) FROM t"),
    ("SELECT a\nFROM t\nWHERE b = 1\nORDER BY a", "SELECT a\nFROM t\nWHERE b = 1\nORDER BY a"),
    ("SELECT a\n\nFROM t\n\nWHERE b = 1", "SELECT a\n\nFROM t\n\nWHERE b = 1"),
    (
        "SELECT a FROM t\nUNION ALL\n\nSELECT a FROM u",
        "SELECT a FROM t\nUNION ALL\n\nSELECT a FROM u",
    ),
    ("(SELECT a FROM t) UNION (SELECT a FROM u)", "(SELECT a FROM t) UNION (SELECT a FROM u)"),
    ("VALUES (1), (2)", "VALUES (1), (2)"),
    (
        "WITH x AS (SELECT 1 AS a)\n\nSELECT a FROM x",
        "WITH x AS (SELECT 1 AS a)\n\nSELECT a FROM x",
    ),
    (
        "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c",
        "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c",
    ),
    ("SELECT a FROM t WHERE b = 'x;y'", "SELECT a FROM t WHERE b = 'x;y'"),
    ("SELECT a FROM t WHERE b = 'it''s; so'", "SELECT a FROM t WHERE b = 'it''s; so'"),
    ('SELECT a FROM t WHERE b = "x;y";', 'SELECT a FROM t WHERE b = "x;y"'),
    ("SELECT `a;b` FROM t", "SELECT `a;b` FROM t"),
    ("SELECT a -- all; of them\nFROM t", "SELECT a -- all; of them\nFROM t"),
    ("SELECT a /* ; */ FROM t", "SELECT a /* ; */ FROM t"),
    ("SELECT $$a;b$$", "SELECT $$a;b$$"),
    ("SELECT a FROM t WHERE b = '```'", "SELECT a FROM t WHERE b = '```'"),
    (
        "SELECT a FROM t WHERE b IN (\n\nSELECT b FROM u)",
        "SELECT a FROM t WHERE b IN (\n\nSELECT b FROM u)",
    ),
    ("SELECT a FROM t\nWhere name LIKE 'x%'", "SELECT a FROM t\nWhere name LIKE 'x%'"),
    ("SELECT answer,\n question\nFROM t", "SELECT answer,\n question\nFROM t"),
    # Cut at max_new_tokens: still the model's statement, and nothing but it.
    ("SELECT a FROM t WHERE b = 'unfin", "SELECT a FROM t WHERE b = 'unfin"),
    ("SELECT a FROM t WHERE (b", "SELECT a FROM t WHERE (b"),
    # A write is an answer in strict format; the sandbox refuses it.
    ("DELETE FROM employee", "DELETE FROM employee"),
    ("DROP TABLE employee;", "DROP TABLE employee"),
    (
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
    ),
    ("DELETE FROM t; SELECT 1", "DELETE FROM t; SELECT 1"),
    ("CREATE TABLE x AS SELECT 1", "CREATE TABLE x AS SELECT 1"),
    ("UPDATE employee SET age = 1", "UPDATE employee SET age = 1"),
    ("INSERT OR REPLACE INTO t VALUES (1)", "INSERT OR REPLACE INTO t VALUES (1)"),
    ("EXPLAIN SELECT 1", "EXPLAIN SELECT 1"),
    ("PRAGMA table_info(t)", "PRAGMA table_info(t)"),
    ("COPY t TO 'x.csv'", "COPY t TO 'x.csv'"),
    ("ATTACH 'x.db'", "ATTACH 'x.db'"),
]

LOOSE = [
    (f"```sql\n{S}\n```", S),
    (f"```sql\n{S};\n```", S),
    (f"```SQL\n{S}\n```", S),
    (f"```sqlite\n{S}```", S),
    (f"```\n{S}\n```", S),
    (f"```sql {S} ```", S),
    (f"```sql\n{S}", S),
    (f"Here's the query you need:\n\n```sql\n{S}\n```\nIt doesn't use a join.", S),
    (f"```sql\n-- employees over 56\n{S}\n```", S),
    (f"First the schema:\n```\nemployee(name, age)\n```\nThen:\n```sql\n{S}\n```", S),
    ("```python\nprint(1)\n```\n```sql\nSELECT 1\n```", "SELECT 1"),
    (f"SQL: {S}", S),
    (f"SQL:\n{S}", S),
    (f"**SQL:** {S}", S),
    (f"Answer: {S};", S),
    (f"SQL query = {S}", S),
    (f"[SQL] {S} [/SQL]", S),
    (f"<sql>{S}</sql>", S),
    (f"{S}</s>", S),
    (f"{S}<|im_end|>\n<|im_start|>user", S),
    (f"{S}\n```", S),
    (f"Sure! Here's the SQL query:\n{S}", S),
    (f"The answer is: {S}", S),
    (f"You can use this query: `{S}`", S),
    ("Use `SELECT `name` FROM `employee`` here", "SELECT `name` FROM `employee`"),
    ('{"sql": "SELECT a FROM t WHERE b = \\"x\\""}', 'SELECT a FROM t WHERE b = "x"'),
    (f"'{S}'", S),
    (f'"{S}"', S),
    (f'The query is "{S}".', S),
    ('"SELECT a FROM t WHERE b = "x""', 'SELECT a FROM t WHERE b = "x"'),
    ("The query is 'SELECT a FROM t WHERE b = ''x'''", "SELECT a FROM t WHERE b = ''x''"),
    (f"{S}; This returns the names.", S),
    (f"{S}\n\nThis query returns the names of employees who're older.", S),
    (f"{S}\nThis query returns the names.", S),
    (f"{S}\nThe query doesn't need a join.", S),
    (f"{S}\n\nExplanation: it's simple", S),
    (f"{S}\nNote: ages are in years", S),
    (f"{S}\n\n### Explanation\nfoo", S),
    (f"{S}; SELECT 2", S),
    (f"{S};\nDELETE FROM employee", S),
    (f"{S}\n\nSELECT 2", S),
    (f"{S}\nSELECT 2", S),
    (f"{S};\n{S};\n{S}", S),
    (f"1. {S}", S),
    (f"- {S}", S),
    (f"<think>I could SELECT x FROM y</think>\n{S}", S),
    (f"Select the names of the employees:\n{S}", S),
    (f"With this query you get the names:\n{S}", S),
    (f"Update: here is the query.\n{S}", S),
    (f"Create a query that works.\n\n{S}", S),
    (f"I would write {S}", S),
    (
        "I would write select name from employee where age > 56",
        S.lower().replace("select", "select"),
    ),
    ("-- a comment\nSELECT 1", "SELECT 1"),
    ("Sure:\n```sql\nDROP TABLE t;\nSELECT 1;\n```", "DROP TABLE t;\nSELECT 1"),
    ("Sure, first\n\nDELETE FROM t;\n\nSELECT 1", "DELETE FROM t;\n\nSELECT 1"),
    ("I will run DELETE FROM t WHERE a = 1", "DELETE FROM t WHERE a = 1"),
    ("I will DROP TABLE t and then\nSELECT 1", "SELECT 1"),
]

NOTHING = [
    "",
    "   \n",
    "I do not know.",
    "The schema has no such column.",
    "```\n```",
    "```sql",
    "With pleasure!",
    "employee",
]


@pytest.mark.parametrize(("completion", "expected"), STRICT)
def test_bare_statement_is_strict(completion: str, expected: str) -> None:
    extracted = extract_sql(completion)
    assert extracted.sql == expected
    assert extracted.strict


@pytest.mark.parametrize(("completion", "expected"), LOOSE)
def test_wrapped_statement_is_found_and_not_strict(completion: str, expected: str) -> None:
    extracted = extract_sql(completion)
    assert extracted.sql == expected
    assert not extracted.strict


@pytest.mark.parametrize("completion", NOTHING)
def test_no_statement(completion: str) -> None:
    extracted = extract_sql(completion)
    assert extracted.sql == ""
    assert not extracted.strict


@given(st.text(max_size=400))
def test_any_text_gives_a_piece_of_itself(text: str) -> None:
    extracted = extract_sql(text)
    if '"' not in text:
        assert extracted.sql in text.replace("\r\n", "\n")
    if extracted.strict:
        assert text.replace("\r\n", "\n").strip().startswith(extracted.sql)


_SQL_PIECES = st.lists(
    st.sampled_from(
        [
            "SELECT",
            "a",
            "FROM",
            "t",
            "WHERE",
            "b",
            "=",
            "'x;y'",
            '"q"',
            "(",
            ")",
            "\n",
            "-- c\n",
            ",",
        ]
    ),
    max_size=20,
)


@given(_SQL_PIECES)
def test_extraction_of_an_extracted_statement_changes_nothing(pieces: list[str]) -> None:
    once = extract_sql("SELECT " + " ".join(pieces))
    again = extract_sql(once.sql)
    assert again.sql == once.sql


@pytest.mark.parametrize(
    "write",
    ["DELETE FROM t", "DROP TABLE t", "UPDATE t SET a = 1", "INSERT INTO t VALUES (1)"],
)
@pytest.mark.parametrize(
    "wrapper", ["{}", "```sql\n{}\n```", "SQL: {}", "Sure:\n{}; SELECT 1", "{};\nSELECT 1"]
)
def test_a_leading_write_is_never_turned_into_a_query(write: str, wrapper: str) -> None:
    assert extract_sql(wrapper.format(write)).sql.startswith(write)
