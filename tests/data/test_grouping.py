"""Groups inferred from table names."""

import random

import pytest

from sql_ft.data import grouping
from sql_ft.data.ddl_names import read_tables, table_names
from sql_ft.data.grouping import (
    AMBIGUOUS,
    ISOLATED,
    NO_TABLE,
    PLACEHOLDER_GROUP,
    assign_schema_groups,
    infer_schema_groups,
)


def ddl(*tables, column="x"):
    return "; ".join(f"CREATE TABLE {table} ({column} VARCHAR)" for table in tables)


def databases(count, rows=20, hub=None):
    """Contexts of `count` databases of three chained tables, each row its own columns."""
    contexts, truth = [], []
    for db in range(count):
        for row in range(rows):
            tables = [f"db{db}_a", f"db{db}_b"] if row % 2 else [f"db{db}_b", f"db{db}_c"]
            if hub and row % 5 == 0:
                tables.append(hub)
            contexts.append(ddl(*tables, column=f"c{row}"))
            truth.append(db)
    return contexts, truth


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("CREATE TABLE Head (age INTEGER, Name VARCHAR)", [("head", {"age", "name"})]),
        ('create table if not exists "My T" ("a b" INT, `c` TEXT)', [("my t", {"a b", "c"})]),
        ("CREATE TABLE main.t([x] DECIMAL(10, 2), y TEXT)", [("t", {"x", "y"})]),
        (
            "CREATE TABLE t (a INT, PRIMARY KEY (a), FOREIGN KEY (b) REFERENCES u (b), b INT)",
            [("t", {"a", "b"})],
        ),
        ("CREATE TABLE t (a INT DEFAULT 'x,(y', b INT)", [("t", {"a", "b"})]),
        ("CREATE TEMP TABLE a (x INT); CREATE TABLE A (y INT)", [("a", {"x"}), ("a", {"y"})]),
        ('CREATE TABLE t ("primary" INT)', [("t", {"primary"})]),
        ("CREATE TABLE t", [("t", set())]),
        ("CREATE TABLE ", []),
        ("CREATE TABLE t (a INT", [("t", {"a"})]),
        ("no ddl at all", []),
    ],
)
def test_read_tables(text, tables):
    assert [(t.name, set(t.columns)) for t in read_tables(text)] == tables


def test_rows_of_one_database_are_one_group():
    contexts, truth = databases(6)
    groups = assign_schema_groups(contexts)
    assert len(set(groups)) == 6
    assert len(set(zip(groups, truth, strict=True))) == 6


def test_a_shared_name_chains_nothing(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_GROUP_FLOOR", 30)
    contexts, truth = databases(8, hub="customers")
    contexts.append(ddl("customers"))
    found = infer_schema_groups(contexts)
    assert found.tables["customers"] == ""
    assert (found.groups[-1], found.reasons[-1]) == ("", AMBIGUOUS)
    assert len(set(found.groups[:-1])) == 8
    assert len(set(zip(found.groups[:-1], truth, strict=True))) == 8


def test_no_group_exceeds_the_limit():
    rng = random.Random(0)
    contexts = [
        ddl(f"t{rng.randrange(120)}", f"t{rng.randrange(120)}", column=f"c{i}") for i in range(1500)
    ]
    found = infer_schema_groups(contexts)
    sizes = [found.groups.count(group) for group in set(found.groups) - {""}]
    assert max(sizes, default=0) <= max(grouping.MAX_GROUP_FLOOR, 150)


def test_row_between_two_groups_is_ambiguous(monkeypatch):
    contexts, _ = databases(2)
    known = infer_schema_groups(contexts).tables
    found = infer_schema_groups([*contexts, ddl("db0_a", "db1_a")], known)
    assert (found.groups[-1], found.reasons[-1]) == ("", AMBIGUOUS)


def test_fragments_are_left_out_but_small_data_is_not():
    contexts, _ = databases(4, rows=60)
    found = infer_schema_groups([*contexts, ddl("mailshots")])
    assert (found.groups[-1], found.reasons[-1]) == ("", ISOLATED)
    assert "mailshots" not in found.tables
    tiny = infer_schema_groups([ddl("a"), ddl("b"), ddl("c")])
    assert tiny.reasons == ["", "", ""]


def test_invented_names_form_no_schema():
    contexts = [ddl("table_name_3"), ddl("table_name_7"), ddl("table_12_1"), "nothing"]
    found = infer_schema_groups([*contexts, ddl("table_name_3", "real")])
    assert found.groups == [PLACEHOLDER_GROUP, PLACEHOLDER_GROUP, "tables:table_12_1", "", ""]
    assert found.reasons == ["", "", "", NO_TABLE, AMBIGUOUS]


def test_order_and_repetition_do_not_matter():
    contexts, _ = databases(8, hub="customers")
    once = dict(zip(contexts, assign_schema_groups(contexts), strict=True))
    shuffled = contexts * 2
    random.Random(1).shuffle(shuffled)
    assert assign_schema_groups(shuffled) == [once[text] for text in shuffled]


def test_added_rows_never_move_a_group():
    contexts, _ = databases(12, hub="customers")
    rng = random.Random(2)
    rng.shuffle(contexts)
    early = infer_schema_groups(contexts[:150])
    bridge = [ddl(f"db{i}_a", f"db{i + 1}_b", column="z") for i in range(11)]
    late = infer_schema_groups([*contexts, *bridge, ddl("db3_a", "fresh")], early.tables)
    for before, after in zip(early.groups, late.groups, strict=False):
        if before:
            assert after == before
    assert early.tables.items() <= late.tables.items()
    assert late.tables["fresh"] == early.tables["db3_a"]


def test_table_between_two_earlier_groups_is_shared():
    known = {"a": "tables:a", "b": "tables:b"}
    found = infer_schema_groups([ddl("a", "new"), ddl("b", "new"), ddl("new")], known)
    assert found.groups == ["tables:a", "tables:b", ""]
    assert found.tables["new"] == ""


def test_table_names_ignores_columns():
    assert table_names("CREATE TABLE T (x INT); CREATE TABLE u (y INT)") == {"t", "u"}
