"""Three fixed questions that every report answers with every arm.

They are asked besides the evaluation set and are never scored: a reader sees at a
glance what kind of answers stands behind the figures. The first is the write-up's own;
the others add grouping and a join.
"""

from __future__ import annotations

from sql_ft.records import Sample

EXAMPLES: tuple[Sample, ...] = (
    Sample(
        id="example-1",
        question="How many heads of the departments are older than 56?",
        context="CREATE TABLE head (age INTEGER)",
        gold_sql="SELECT COUNT(*) FROM head WHERE age > 56",
        schema_group="example-1",
        tags={"kind": "count"},
    ),
    Sample(
        id="example-2",
        question="Show each cuisine and the number of restaurants that serve it.",
        context="CREATE TABLE restaurant (name VARCHAR, cuisine VARCHAR, rating INTEGER)",
        gold_sql="SELECT cuisine, COUNT(*) FROM restaurant GROUP BY cuisine",
        schema_group="example-2",
        tags={"kind": "group_by"},
    ),
    Sample(
        id="example-3",
        question="What are the names of the pilots who fly from the airport in Lisbon?",
        context=(
            "CREATE TABLE pilot (name VARCHAR, airport_id INTEGER); "
            "CREATE TABLE airport (id INTEGER, city VARCHAR)"
        ),
        gold_sql=(
            "SELECT T1.name FROM pilot AS T1 JOIN airport AS T2 ON T1.airport_id = T2.id "
            "WHERE T2.city = 'Lisbon'"
        ),
        schema_group="example-3",
        tags={"kind": "join"},
    ),
)
"""Fixed: a change makes reports of different weeks incomparable."""
