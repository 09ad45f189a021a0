"""Hostile statements straight into the worker, as if translation had let them through."""

from __future__ import annotations

import pytest
from hostile import DATABASES, hostile_predictions

from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import ExecutionStatus

SCHEMA = parse_schema("CREATE TABLE t (a INTEGER, b VARCHAR)")
LIMITS = Limits(query_timeout_s=0.5, max_result_rows=1_000)
# Everything that could outlive a query: rows, settings, macros, sequences, variables,
# prepared statements, attached databases, the default schema, the seed.
STATE = """
SELECT (SELECT list((a, b)) FROM t),
  (SELECT md5(string_agg(name || '=' || coalesce(value, ''), ';' ORDER BY name))
     FROM duckdb_settings()),
  (SELECT count(*) FROM duckdb_functions() WHERE NOT internal),
  (SELECT count(*) FROM duckdb_sequences()), (SELECT count(*) FROM duckdb_variables()),
  (SELECT count(*) FROM duckdb_prepared_statements()), (SELECT count(*) FROM duckdb_databases()),
  (SELECT list(table_name ORDER BY table_name) FROM duckdb_tables()),
  (SELECT count(*) FROM duckdb_views() WHERE NOT internal),
  (SELECT count(*) FROM duckdb_logs()),
  current_schema(), current_database(), abs(-1), upper('x'), random()
"""


@pytest.mark.slow
def test_nothing_survives_in_the_worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    canary = tmp_path / "canary.csv"
    canary.write_text("a\nthe canary sings\n")
    # Those that exhaust the clock or the memory pass translation: they reach the worker in
    # tests/evaluation/test_hostile_predictions.py.
    statements = [
        s
        for s in hostile_predictions(str(canary), str(tmp_path / "out.csv"))
        if not s.exhausting and s.kind not in ("long texts", "deep nesting", "many columns")
    ]
    jobs = [Job("before", SCHEMA, DATABASES[:1], {"state": STATE}, vetted=True)]
    for number, statement in enumerate(statements):
        queries = {"hostile": statement.sql, "state": STATE}
        jobs.append(Job(str(number), SCHEMA, DATABASES[:1], queries, vetted=True))
    with Sandbox(LIMITS, workers=1) as sandbox:
        before, *results = sandbox.run(jobs)
    (clean,) = before.results["state"]
    assert clean.status == ExecutionStatus.OK, clean.error
    changed = [
        (statement.sql[:80], result.results["state"])
        for statement, result in zip(statements, results, strict=True)
        if result.results["state"] != (clean,)
    ]
    assert not changed
    answers = [result.results["hostile"][0] for result in results]
    assert not any("sings" in str(answer) for answer in answers)
    changing = ("not_a_query", "empty", "syntax")
    ran = {
        statement.sql
        for statement, answer in zip(statements, answers, strict=True)
        if answer.status == ExecutionStatus.OK and set(statement.statuses) <= set(changing)
    }
    # DuckDB calls these SELECT, and they only read.
    assert all(s.split()[0] in ("DESCRIBE", "DESC", "SHOW", "SUMMARIZE") or "\x00" in s
               or "(DESCRIBE" in s for s in ran), ran  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["canary.csv"]
    assert canary.read_text() == "a\nthe canary sings\n"
