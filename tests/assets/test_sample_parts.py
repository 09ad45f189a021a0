"""The bundled sample's parts: written schemas, intents, small pieces of English."""

from __future__ import annotations

import itertools

import pytest

from sql_ft.assets.sample import wording
from sql_ft.assets.sample.domain import parse_schemas
from sql_ft.assets.sample.intents import load_intents
from sql_ft.assets.sample.schemas import load_schemas

_SMALL = """
[tiny]
boats: boat/boats, ship/ships
  boat_id id
  boat_name name Ann, Bea, Cid
  hull cat steel, wood, iron -> hull type @ built of
  length_m rate 4.5..30.0 -> length ^ longest/shortest
  sold_on date? 2020..2024 @ sold
!sailors: sailor/sailors
  sailor_id id
  boat_id fk boats serving on
  = sailor_id * boat_id
"""


def test_written_form_is_read() -> None:
    (schema,) = parse_schemas(_SMALL)
    boats, sailors = schema.tables
    assert boats.nouns == (("boat", "boats"), ("ship", "ships"))
    assert boats.column("hull").says == ("hull type",)
    assert boats.column("hull").phrase == "built of"
    assert boats.column("length_m").superlatives == ("longest", "shortest")
    assert boats.column("length_m").decimals == 1
    assert boats.column("sold_on").nullable
    assert not boats.column("sold_on").superlatives
    assert sailors.is_people
    assert sailors.column("boat_id").relation == "serving on"
    assert len(sailors.calculations) == 1


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("hull cat steel, wood", "three values"),
        ("hull kind steel", "unknown role"),
        ("age num 3-9", "low..high"),
        ("boat_id fk boats", "no relation"),
    ],
)
def test_broken_written_form_is_refused(broken: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_schemas(f"[x]\nboats: boat/boats\n  boat_id id\n  {broken}\n")


def test_schema_sizes() -> None:
    schemas = load_schemas()
    assert len(schemas) >= 60
    assert all(2 <= len(schema.tables) <= 5 for schema in schemas)


def test_no_two_things_in_a_schema_share_a_name_in_questions() -> None:
    for schema in load_schemas():
        nouns = [
            word.lower()
            for table in schema.tables
            for word in {form for pair in table.nouns for form in pair}
        ]
        assert len(nouns) == len(set(nouns)), schema.db_id
        for table in schema.tables:
            says = [say.lower() for c in table.columns if c.role != "fk" for say in c.says]
            assert len(says) == len(set(says)), (schema.db_id, table.name)
            values = [v for c in table.columns for v in c.values if c.role == "cat"]
            assert len(values) == len(set(values)), (schema.db_id, table.name)


def test_schemas_are_all_different() -> None:
    column_sets = {
        schema.db_id: {f"{t.name}.{c.name}" for t in schema.tables for c in t.columns}
        for schema in load_schemas()
    }
    for (a, first), (b, second) in itertools.combinations(column_sets.items(), 2):
        assert len(first & second) <= 0.5 * min(len(first), len(second)), (a, b)


def test_calculations_use_numeric_columns() -> None:
    for schema in load_schemas():
        for table in schema.tables:
            for calculation in table.calculations:
                assert table.column(calculation.left).is_numeric
                assert table.column(calculation.right).is_numeric


def test_no_phrasing_serves_two_intents() -> None:
    texts = [p.text for intent in load_intents() for p in intent.phrasings]
    assert len(texts) >= 120
    assert len({text.lower() for text in texts}) == len(texts)
    assert all(len(intent.phrasings) >= 5 for intent in load_intents())


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("city", "cities"),
        ("number of seats", "numbers of seats"),
        ("weight in kg", "weights in kg"),
        ("ID", "IDs"),
        ("batch", "batches"),
        ("key", "keys"),
        ("price per cubic metre", "prices per cubic metre"),
    ],
)
def test_plurals(singular: str, plural: str) -> None:
    assert wording.pluralize(singular) == plural


def test_articles() -> None:
    assert wording.article("ID") == "an ID"
    assert wording.article("unit price") == "a unit price"
    assert wording.article("hour") == "an hour"
    assert wording.article("insurer") == "an insurer"


def test_stutter_is_removed() -> None:
    assert wording.finish_sentence("list all title titles now.") == "List all titles now."
    assert wording.finish_sentence("each farm farm name.") == "Each farm name."
