"""A long schema, cut to the tables that a question is about."""

from __future__ import annotations

from sql_ft.data.ddl_names import split_statements
from sql_ft.data.schema_cut import cut_schema

SCHEMA = """CREATE TABLE "employee" (id INTEGER, name TEXT, shop_id INTEGER REFERENCES shop(id));
-- where they work
CREATE TABLE shop (id INTEGER, city TEXT);
CREATE TABLE invoices (id INTEGER, amount REAL);
CREATE TABLE auditLog (id INTEGER, entry TEXT);"""


def at_most(tables: int):
    return lambda context: context.upper().count("CREATE TABLE") <= tables


def test_what_fits_is_left_as_it_is():
    cut = cut_schema(SCHEMA, "anything", lambda _: True)
    assert cut.context == SCHEMA
    assert cut.left_out == ()


def test_tables_named_in_the_question_stay_in_the_schemas_order():
    cut = cut_schema(SCHEMA, "Total amount of invoices by city of the shop?", at_most(2))
    assert cut.context.split("\n") == [
        "CREATE TABLE shop (id INTEGER, city TEXT);",
        "CREATE TABLE invoices (id INTEGER, amount REAL);",
    ]
    assert cut.left_out == ("employee", "auditlog")


def test_a_table_that_a_kept_one_refers_to_comes_before_strangers():
    cut = cut_schema(SCHEMA, "Names of employees?", at_most(2))
    assert cut.left_out == ("invoices", "auditlog")


def test_plurals_and_camel_case_are_words():
    assert cut_schema(SCHEMA, "entries of the audit log", at_most(1)).left_out == (
        "employee", "shop", "invoices",
    )  # fmt: skip


def test_one_table_is_kept_even_if_nothing_fits():
    cut = cut_schema(SCHEMA, "invoice", lambda _: False)
    assert "invoices" in cut.context
    assert len(cut.left_out) == 3


def test_statements_keep_every_character():
    parts = split_statements(SCHEMA)
    assert len(parts) == 4
    assert parts[0].endswith("-- where they work")
    assert "\n".join(parts) == SCHEMA
