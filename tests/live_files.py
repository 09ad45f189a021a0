"""Databases on disk, and a model that answers from a function, for tests of serving."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from sql_ft.serving.answers import Answer, Question

SHOP = """
    CREATE TABLE shop (id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR);
    CREATE TABLE sale (id INTEGER, shop_id INTEGER REFERENCES shop (id), amount REAL);
    INSERT INTO shop VALUES (1, 'Nord', 'Paris'), (2, 'Sud', 'Rome'), (3, 'Est', NULL);
    INSERT INTO sale VALUES (1, 1, 2.5), (2, 1, 3.0), (3, 2, 4.0);
"""


def make_sqlite(path: Path, script: str = SHOP, *, journal_mode: str = "DELETE") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.executescript(script)
    return path


def make_duckdb(path: Path, script: str = SHOP) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(script)
    return path


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class ScriptedAnswerer:
    """Answers from a function; keeps what it was asked.

    Args:
        answer: Question and how many candidates → statements, best first.
        room: Tokens (words here) of a prompt.
    """

    label = "scripted"

    def __init__(
        self, answer: Callable[[Question, int], Sequence[str]], room: int = 10_000
    ) -> None:
        self._answer = answer
        self.prompt_room = room
        self.asked: list[Question] = []

    def predict(self, questions: Sequence[Question], *, n_best: int = 1) -> list[Answer]:
        self.asked.extend(questions)
        return [self._to_answer(q, n_best) for q in questions]

    def count_tokens(self, question: Question) -> int:
        return len(question.question.split()) + len(question.context.split())

    def _to_answer(self, question: Question, n_best: int) -> Answer:
        found = tuple(s for s in self._answer(question, n_best) if s)[:n_best]
        sql = found[0] if found else ""
        return Answer(sql, sql, True, "stop", 1, 1, found)
