"""What must hold for any schema, any query and any rows.

`pytest --hypothesis-profile=full` runs 1,000 examples of each; the default is `quick`.
"""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from strategies import bags, cases, plain_names

from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    normalize_value,
    order_key_positions,
    values_equal,
)
from sql_ft.execution.databases import Database, build_report
from sql_ft.execution.dialect import translate
from sql_ft.execution.mutants import generate_mutants
from sql_ft.execution.probe import SqliteProbe
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import Schema, infer_types, quote_name
from sql_ft.records import ExecutionResult, ExecutionStatus

FREE, FIXED = MatchRules(column_order="free"), MatchRules(column_order="fixed")
PROPERTY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def ok(width, rows):
    return ExecutionResult(ExecutionStatus.OK, ("",) * width, tuple(rows))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(query_timeout_s=10.0), workers=1) as opened:
        yield opened


@PROPERTY
@given(bags(), st.randoms(use_true_random=False), st.sampled_from([FREE, FIXED]))
def test_row_order_does_not_matter_without_order_by(bag, rng, rules):
    width, rows = bag
    shuffled = rng.sample(rows, len(rows))
    assert compare_results(ok(width, rows), ok(width, shuffled), ordered=False, rules=rules).equal


@PROPERTY
@given(bags(), st.randoms(use_true_random=False))
def test_column_order_does_not_matter_where_it_is_free(bag, rng):
    width, rows = bag
    order = rng.sample(range(width), width)
    moved = [tuple(row[i] for i in order) for row in rng.sample(rows, len(rows))]
    assert compare_results(ok(width, rows), ok(width, moved), ordered=False, rules=FREE).equal


@PROPERTY
@given(bags(min_rows=1), st.data(), st.sampled_from([FREE, FIXED]))
def test_one_row_more_or_less_is_seen(bag, data, rules):
    width, rows = bag
    place = data.draw(st.integers(0, len(rows) - 1))
    more = [*rows, rows[place]]
    for a, b in ((rows, more), (more, rows)):
        assert not compare_results(ok(width, a), ok(width, b), ordered=False, rules=rules).equal


@PROPERTY
@given(bags(min_rows=2), st.data())
def test_the_same_rows_in_other_numbers_are_seen(bag, data):
    width, rows = bag
    first, second = data.draw(st.permutations(range(len(rows))))[:2]
    a, b = (tuple(map(normalize_value, rows[i])) for i in (first, second))
    assume(not all(values_equal(x, y, FIXED.float_relative_tolerance)
                   for x, y in zip(a, b, strict=True)))  # fmt: skip
    other = list(rows)
    other[first] = rows[second]
    assert not compare_results(ok(width, rows), ok(width, other), ordered=False, rules=FIXED).equal


@PROPERTY
@given(cases())
def test_generated_rows_satisfy_every_constraint(case):
    schema, source = _prepare(case, 0)
    report = build_report(schema, source, "more than 7 'amber'", count=6)
    for database in report.databases:
        with sqlite3.connect(":memory:") as connection:
            for statement in _strict_ddl(schema):
                connection.execute(statement)
            for table in schema.tables:
                marks = ", ".join("?" * len(table.columns))
                connection.executemany(
                    f"INSERT INTO {quote_name(table.name)} VALUES ({marks})",
                    database.rows[table.name],
                )
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()


@PROPERTY
@given(case=cases())
def test_the_gold_equals_itself_and_what_sqlite_says(case, sandbox):
    schema, source = _prepare(case, 0)
    gold = translate(case.sql(0, plain_names(schema)), schema)
    report = build_report(schema, source, "", count=2)
    assert report.error == ""
    queries = {"gold": gold.sql, "again": gold.sql}
    job = Job("gold", schema, tuple(report.databases), queries)
    results = sandbox.run([job])[0].results
    ordered, keys = is_ordered(source), order_key_positions(source)
    with SqliteProbe(schema) as probe:
        for place, database in enumerate(report.databases):
            first, second = results["gold"][place], results["again"][place]
            assert first.status == ExecutionStatus.OK, first.error
            same = compare_results(first, second, ordered=ordered, order_keys=keys, rules=FIXED)
            assert same.equal
            if report.deterministic:
                probe.load(database.rows)
                oracle = ok(len(first.columns), probe.run(source.sql("sqlite")))
                found = compare_results(
                    oracle, first, ordered=ordered, order_keys=keys, rules=FIXED
                )
                assert found.equal, found.detail
    event("deterministic" if report.deterministic else "left to chance")


NAMES = (
    *("order", "group", "select", "Table", "2nd leg", "a&b", "café", "with space", "Key", "desc"),
    *("INDEX", "values", 'quo"te', "x.y", "user", "primary", "%", "limit", "naïve", "0"),
)


@PROPERTY
@given(case=cases(), names=st.permutations(NAMES), data=st.data())
def test_the_verdict_does_not_depend_on_names(case, names, data, sandbox):
    schema, source = _prepare(case, 0)
    mutants = generate_mutants(source, schema)
    assume(mutants)
    predicted = data.draw(st.sampled_from(mutants)).sql
    old = plain_names(schema)
    new = dict(zip(old, names, strict=False))
    assume(len(new) == len(old))
    renamed = _renamed(schema, new)
    report = build_report(schema, source, "", count=2)
    assume(report.deterministic)
    tables = {t.name: r.name for t, r in zip(schema.tables, renamed.tables, strict=True)}
    moved = tuple(
        Database(d.name, {tables[n]: rows for n, rows in d.rows.items()}) for d in report.databases
    )
    verdicts = []
    for shape, databases, spelling in (
        (schema, tuple(report.databases), old),
        (renamed, moved, new),
    ):
        gold = translate(case.sql(0, spelling), shape)
        other = translate(_respell(predicted, old, spelling), shape)
        results = sandbox.run([Job("s", shape, databases, {"g": gold.sql, "p": other.sql})])[0]
        verdicts.append(
            [
                dataclasses.replace(
                    compare_results(
                        g,
                        p,
                        ordered=is_ordered(gold.source),
                        order_keys=order_key_positions(gold.source),
                        rules=FREE,
                    ),
                    detail="",
                )
                for g, p in zip(results.results["g"], results.results["p"], strict=True)
            ]
        )
    assert verdicts[0] == verdicts[1]
    event(verdicts[0][0].reason)


def _prepare(case, number):
    sql = case.sql(number, plain_names(case.schema))
    source = translate(sql, case.schema).source
    return infer_types(case.schema, source), source


def _renamed(schema: Schema, names: dict[str, str]) -> Schema:
    return Schema(
        tuple(
            dataclasses.replace(
                t,
                name=names[t.name],
                columns=tuple(dataclasses.replace(c, name=names[c.name]) for c in t.columns),
                primary_key=tuple(names[p] for p in t.primary_key),
                foreign_keys=tuple(
                    dataclasses.replace(
                        f,
                        columns=tuple(names[c] for c in f.columns),
                        ref_table=names[f.ref_table],
                        ref_columns=tuple(names[c] for c in f.ref_columns),
                    )
                    for f in t.foreign_keys
                ),
            )
            for t in schema.tables
        )
    )


def _respell(sql: str, old: dict[str, str], new: dict[str, str]) -> str:
    """All names of the schema are quoted in what `Case.sql` writes, and so in its mutants."""
    for key in sorted(old, key=len, reverse=True):
        sql = sql.replace(quote_name(old[key]), "\0" + key + "\0")
    for key in old:
        sql = sql.replace("\0" + key + "\0", quote_name(new[key]))
    return sql


def _strict_ddl(schema: Schema) -> list[str]:
    """SQLite's STRICT tables with every constraint of the schema."""
    types = {"BIGINT": "INTEGER", "DOUBLE": "REAL", "VARCHAR": "TEXT"}

    def listed(names):
        return "(" + ", ".join(map(quote_name, names)) + ")"

    made = []
    for table in schema.tables:
        parts = [
            f"{quote_name(c.name)} {types[c.type]}"
            + ("" if c.nullable else " NOT NULL")
            + (" UNIQUE" if c.unique else "")
            for c in table.columns
        ]
        if table.primary_key:
            parts.append(f"PRIMARY KEY {listed(table.primary_key)}")
        parts += [
            f"FOREIGN KEY {listed(f.columns)} REFERENCES {quote_name(f.ref_table)}"
            f" {listed(f.ref_columns)}"
            for f in table.foreign_keys
        ]
        made.append(f"CREATE TABLE {quote_name(table.name)} ({', '.join(parts)}) STRICT")
    return made
