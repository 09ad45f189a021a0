"""A pass that is left out would have changed nothing."""

import pytest
from test_translation import QUERIES, SCHEMA

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.nodes import find_nodes, kinds_of, nodes_of
from sql_ft.execution.passes import SQLITE_PASSES
from sql_ft.execution.schema import parse_schema

BUNDLED = [(row["answer"], parse_schema(row["context"])) for row in generate_rows(n_rows=150)]
CASES = [(sql, SCHEMA) for sql in QUERIES] + BUNDLED


@pytest.mark.parametrize(
    ("change", "needs"), SQLITE_PASSES, ids=lambda p: getattr(p, "__name__", "")
)
def test_without_what_it_needs_a_pass_changes_nothing(change, needs):
    left_out = 0
    for sql, schema in CASES:
        tree = parse_query(sql, schema)
        if kinds_of(tree).isdisjoint(needs):
            left_out += 1
            before = tree.sql()
            assert change(tree, schema).sql() == before, sql
    assert left_out > 0


def test_some_query_needs_each_pass():
    for change, needs in SQLITE_PASSES:
        assert any(
            not kinds_of(parse_query(sql, schema)).isdisjoint(needs) for sql, schema in CASES
        ), change.__name__


@pytest.mark.parametrize("sql", QUERIES)
def test_nodes_come_as_sqlglot_walks_them(sql):
    tree = parse_query(sql, SCHEMA)
    walked = list(tree.walk())
    assert [id(n) for n in nodes_of(tree)] == [id(n) for n in walked]
    kind = type(walked[-1])
    assert find_nodes(tree, kind) == list(tree.find_all(kind))
