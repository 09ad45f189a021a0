"""Small folders in the layouts of Spider and BIRD, made by the tests themselves."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

SHOP = """
CREATE TABLE author (author_id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE, score);
CREATE TABLE book (
  isbn VARCHAR(20) PRIMARY KEY, title TEXT, author_id INT REFERENCES author(author_id),
  pages INTEGER, price DECIMAL(6,2), stars TEXT, UNIQUE (title, author_id)
);
"""
AUTHORS = [
    (1, "Ada", "1980-02-03", 4),
    (2, "Ben", "1990-05-06", 2.5),
    (3, "Cyd", "1990-05-06", "n/a"),
]
BOOKS = [
    ("a", "North", 1, 120, 9.5, "5"),
    ("b", "South", 1, 80, 12, "10"),
    ("c", "East", 2, "", 7.25, "9"),
    ("d", "West", None, 300, None, None),
]
QUESTIONS = [
    ("How many books have more than 100 pages?",
     "SELECT count(*) FROM book WHERE pages > 100"),
    ("Names of authors and their titles, by title",
     "SELECT T1.name, T2.title FROM author AS T1 JOIN book AS T2 "
     "ON T1.author_id = T2.author_id ORDER BY T2.title"),
    ("Who wrote North?",
     'SELECT name FROM author WHERE author_id IN '
     '(SELECT author_id FROM book WHERE title = "North")'),
]  # fmt: skip


def make_shop(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.executescript(SHOP)
    connection.executemany("INSERT INTO author VALUES (?, ?, ?, ?)", AUTHORS)
    connection.executemany("INSERT INTO book VALUES (?, ?, ?, ?, ?, ?)", BOOKS)
    connection.commit()
    connection.close()


def make_spider(folder: Path) -> Path:
    make_shop(folder / "database" / "shop" / "shop.sqlite")
    rows = [{"question": q, "query": sql, "db_id": "shop"} for q, sql in QUESTIONS]
    (folder / "dev.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


def make_bird(folder: Path) -> Path:
    make_shop(folder / "dev_databases" / "shop" / "shop.sqlite")
    rows = [
        {
            "question_id": 40 + number,
            "question": q,
            "SQL": sql,
            "db_id": "shop",
            "evidence": "long means pages > 250" if number else "",
            "difficulty": "simple",
        }
        for number, (q, sql) in enumerate(QUESTIONS)
    ]
    (folder / "dev.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder
