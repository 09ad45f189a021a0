"""What scoring is held against: the official evaluator, and a stand-in of its access pattern."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Pair = tuple[str, str, str]
OFFICIAL_EXECUTIONS = 46_000
"""The fewest that the official test suite was seen to take for 972 pairs of one system."""


def open_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = lambda b: b.decode(errors="ignore")
    return connection


def database_path(folder: Path, db_id: str) -> Path:
    return folder / "database" / db_id / f"{db_id}.sqlite"


def execute(path: Path, sql: str) -> list[tuple[Any, ...]] | None:
    """One query on a connection of its own, as the official evaluator does it."""
    connection = open_file(path)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.Error:
        return None
    finally:
        connection.close()


def stand_in(pairs: Sequence[Pair], copies: dict[str, list[Path]]) -> tuple[float, int]:
    """(CPU seconds, queries executed)."""
    began = time.process_time()
    executed = 0
    for db_id, gold_sql, predicted_sql in pairs:
        same = True
        for path in copies[db_id]:
            gold, predicted = execute(path, gold_sql), execute(path, predicted_sql)
            executed += 2
            same = predicted is not None and (
                gold == predicted
                if "order by" in gold_sql.lower()
                else collections.Counter(gold or ()) == collections.Counter(predicted)
            )
            if not same:
                break
    return time.process_time() - began, executed


def copy_databases(
    pairs: Sequence[Pair], folder: Path, databases: int, target: str
) -> dict[str, list[Path]]:
    """Schema → so many copies of its shipped database, in a folder of their own."""
    copies: dict[str, list[Path]] = {}
    for db_id in sorted({p[0] for p in pairs}):
        Path(target, db_id).mkdir()
        copies[db_id] = [Path(target, db_id, f"{i}.sqlite") for i in range(databases)]
        for path in copies[db_id]:
            shutil.copyfile(database_path(folder, db_id), path)
    return copies


def time_stand_in(
    pairs: Sequence[Pair], copies: dict[str, list[Path]], processes: int
) -> tuple[float, float, int]:
    """(seconds, CPU seconds, queries executed)."""
    shares = [list(pairs[i::processes]) for i in range(processes)]
    with concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        # Processes start outside the measured time.
        list(pool.map(abs, range(processes)))
        began = time.perf_counter()
        results = list(pool.map(stand_in, shares, [copies] * processes))
        seconds = time.perf_counter() - began
    return seconds, sum(cpu for cpu, _ in results), sum(n for _, n in results)


def time_official(
    pairs: Sequence[Pair], copies: dict[str, list[Path]], checkout: Path
) -> dict[str, float]:
    """Seconds, CPU seconds, executions and right pairs of the official evaluator."""
    request = {
        "folder": str(checkout.resolve()),
        "pairs": [(str(copies[d][0]), predicted, gold) for d, gold, predicted in pairs],
    }
    script = Path(__file__).with_name("official_evaluator.py")
    done = subprocess.run(
        [sys.executable, str(script)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the official evaluator in {checkout} failed: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
