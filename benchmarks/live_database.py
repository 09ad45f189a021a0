"""A thousand questions to the agent while another process writes to the same database.

    python benchmarks/live_database.py --questions 1000 [--journal-mode DELETE]

The model is replaced by a script (valid queries, invented columns, bombs, writes), so that the
database is asked as often as possible; everything else is real: the agent, its child process,
the file, the writer. The writer is a process of its own with a busy time-out of zero: one lock
of ours and a commit fails. At the end the file must hold exactly what the writer wrote. With
``--writers 2`` two of them write; they lock each other, so they wait as sqlite3 does (5 s).
"""

from __future__ import annotations

import argparse
import collections
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sql_ft.assets.sample_databases.tables import shop_tables
from sql_ft.errors import SqlFtError
from sql_ft.serving.agent import Agent, AgentOptions
from sql_ft.serving.answers import Answer, Question
from sql_ft.serving.live_database import QueryLimits, open_database

QUERIES = (
    ("SELECT COUNT(*) FROM sale",),
    ("SELECT name FROM customer WHERE city = 'Porto'",),
    ("SELECT T1.name, SUM(T2.quantity) FROM customer AS T1 JOIN sale AS T2 "
     "ON T1.customer_id = T2.customer_id GROUP BY T1.name",),
    ("SELECT nmae FROM customer", "SELECT name FROM customer"),
    ("SELECT name FROM customer WHERE city = 'porto'",
     "SELECT name FROM customer WHERE city = 'Porto'"),
    ("DROP TABLE sale", "SELECT MAX(sale_id) FROM sale"),
    ("SELECT a.quantity FROM sale a, sale b, sale c, sale d ORDER BY 1",),
    ("SELECT product_name FROM product ORDER BY price DESC LIMIT 1",),
)  # fmt: skip

WRITER = """
import json, sqlite3, sys, time
path, pause_s, wait_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
connection = sqlite3.connect(path, timeout=wait_s)
written, failures = 0, []
print("ready", flush=True)
import select
while not select.select([sys.stdin], [], [], pause_s)[0]:
    try:
        with connection:
            connection.execute(
                "INSERT INTO sale (customer_id, product_id, quantity, sale_date) "
                "VALUES (1, 1, 1, '2024-07-01')"
            )
        written += 1
    except sqlite3.OperationalError as error:
        failures.append(str(error))
print(json.dumps({"written": written, "failures": failures}), flush=True)
"""


class Script:
    """Answers question number n with the n-th list of queries."""

    label = "scripted"
    prompt_room = 100_000

    def __init__(self) -> None:
        self._place = 0

    def predict(self, questions: Sequence[Question], *, n_best: int = 1) -> list[Answer]:
        answers = []
        for question in questions:
            found = QUERIES[int(question.question) % len(QUERIES)][:n_best]
            answers.append(Answer(found[0], found[0], True, "stop", 1, 1, found))
        return answers

    def count_tokens(self, question: Question) -> int:
        return len(question.context) // 4


def main() -> None:
    arguments = parse_arguments()
    modes = [arguments.journal_mode] if arguments.journal_mode else ["DELETE", "WAL", "PERSIST"]
    print(
        f"{'journal':<9}{'questions':>10}{'answered':>10}{'faults':>8}{'commits':>9}"
        f"{'locked':>8}{'rows as written':>17}{'integrity':>11}{'CPU s':>8}{'s':>7}"
    )
    for mode in modes:
        measure(mode, arguments.questions, arguments.pause_s, arguments.writers)


def measure(mode: str, questions: int, pause_s: float, writers: int) -> None:
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "shop.sqlite")
        before = make_shop(path, mode)
        processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    WRITER,
                    str(path),
                    str(pause_s),
                    "0" if writers == 1 else "5",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(writers)
        ]
        for writer in processes:
            assert writer.stdout is not None
            writer.stdout.readline()
        outcomes: collections.Counter[str] = collections.Counter()
        started, used = time.monotonic(), time.process_time()
        with open_database(path, QueryLimits(timeout_s=0.5)) as database:
            agent = Agent(Script(), database, AgentOptions(attempts=2))
            for number in range(questions):
                try:
                    outcomes["answered" if agent.ask(str(number)).ok else "failed"] += 1
                except SqlFtError as error:
                    outcomes["fault"] += 1
                    print(error)
        seconds, cpu = time.monotonic() - started, time.process_time() - used
        written, failures = 0, 0
        for writer in processes:
            done = json.loads(writer.communicate("stop\n")[0])
            written += done["written"]
            failures += len(done["failures"])
        with closing(sqlite3.connect(path)) as connection:
            (after,) = connection.execute("SELECT COUNT(*) FROM sale").fetchone()
            (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        as_written = after == before + written
        print(
            f"{mode:<9}{questions:>10}{outcomes['answered']:>10}{outcomes['fault']:>8}"
            f"{written:>9}{failures:>8}{as_written!s:>17}{integrity:>11}"
            f"{cpu:>8.1f}{seconds:>7.0f}"
        )


def make_shop(path: Path, mode: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        for table in shop_tables():
            connection.execute(table.ddl)
            marks = ", ".join("?" * len(table.rows[0]))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table.rows)
        connection.commit()
        (count,) = connection.execute("SELECT COUNT(*) FROM sale").fetchone()
    return int(count)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--journal-mode", choices=("DELETE", "WAL", "PERSIST", "TRUNCATE"))
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--pause-s", type=float, default=0.02, help="between two commits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
