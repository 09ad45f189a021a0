"""A small data set and its answers, for the tests of this folder."""

from __future__ import annotations

import json
import sqlite3

SHOP = "CREATE TABLE item (name VARCHAR, price INTEGER, kind VARCHAR)"
ROWS = [
    ("How many items cost more than 10?", "SELECT COUNT(*) FROM item WHERE price > 10"),
    ("Names of tools", 'SELECT name FROM item WHERE kind = "tool"'),
    ("Kinds and their counts", "SELECT kind, COUNT(*) FROM item GROUP BY kind"),
    ("The dearest item", "SELECT name FROM item ORDER BY price DESC LIMIT 1"),
    ("An invented column", "SELECT wage FROM item"),
]
ANSWERS = [
    "SELECT COUNT(*) FROM item AS t WHERE 10 < t.price",
    "SELECT name FROM item",
    "SELECT kind, SUM(1) FROM item GROUP BY kind",
    "SELECT name FROM items ORDER BY price DESC LIMIT 1",
    "SELECT 1",
]
OUTCOMES = ["correct", "wrong_result", "correct", "error", "excluded"]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_layout(folder, gold_field="query"):
    """Two questions on one real database, in Spider's (or BIRD's) form."""
    place = folder / "database" / "shop"
    place.mkdir(parents=True)
    with sqlite3.connect(place / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE item (name TEXT, price INTEGER)")
        connection.executemany(
            "INSERT INTO item VALUES (?, ?)", [("saw", 12), ("nail", 1), ("axe", 30), ("axe", 7)]
        )
    connection.close()
    questions = [
        {"question": "How many?", gold_field: "SELECT count(*) FROM item", "db_id": "shop"},
        {
            "question": "Names above 10?",
            gold_field: "SELECT name FROM item WHERE price > 10",
            "db_id": "shop",
        },
    ]
    if gold_field == "SQL":
        questions = [{**q, "question_id": 40 + i} for i, q in enumerate(questions)]
    (folder / "dev.json").write_text(json.dumps(questions), encoding="utf-8")
    return folder
