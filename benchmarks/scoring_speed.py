"""How many pairs a second are scored, beside the official evaluator's way of doing it.

    python benchmarks/scoring_speed.py --data SPIDER_FOLDER [--context-file ROWS.jsonl]

Spider's layout: the pairs of one system in ``official_verdicts.csv``, with the generated
databases of each gold and the shipped database of each schema. The stand-in has the access
pattern of the official test-suite evaluator (a new sqlite connection per query per
database; gold and prediction both executed every time; the first difference ends a pair)
on copies of the shipped database; it does without that evaluator's event loop and
temporary files, so it is faster than what it stands for. One schema a row: rows in
sql-create-context's form, with predictions made from their golds by simple changes.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import csv
import dataclasses
import gc
import multiprocessing
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.config import EvaluationConfig
from sql_ft.data.local_files import read_file
from sql_ft.evaluation.evalset import EvaluationSet, build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.rules import sandbox_limits
from sql_ft.execution.databases import Database
from sql_ft.execution.sandbox import Job, Sandbox
from sql_ft.records import ExecutionStatus, Prediction, Sample

Pair = tuple[str, str, str]


def read_pairs(folder: Path, system: str, count: int) -> list[Pair]:
    """(db_id, gold, prediction) of one system, every so-manieth of all."""
    with (folder / "official_verdicts.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["system"] == system]
    step = max(1, len(rows) // count)
    return [(r["db_id"], r["gold_sql"], r["predicted_sql"]) for r in rows[::step]]


def open_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = lambda b: b.decode(errors="ignore")
    return connection


def database_path(folder: Path, db_id: str) -> Path:
    return folder / "database" / db_id / f"{db_id}.sqlite"


def read_context(folder: Path, db_id: str) -> str:
    with open_file(database_path(folder, db_id)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    return ";\n".join(row[0] for row in rows)


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


def time_stand_in(
    pairs: Sequence[Pair], folder: Path, databases: int, processes: int
) -> tuple[float, float, int]:
    """(seconds, CPU seconds, queries executed)."""
    with tempfile.TemporaryDirectory() as target:
        copies: dict[str, list[Path]] = {}
        for db_id in sorted({p[0] for p in pairs}):
            copies[db_id] = [Path(target, f"{db_id}{i}.sqlite") for i in range(databases)]
            for path in copies[db_id]:
                shutil.copyfile(database_path(folder, db_id), path)
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


def make_predictions(samples: Sequence[Sample], texts: Sequence[str]) -> list[Prediction]:
    return [
        Prediction(s.id, "measured", text, text, True, 0, 0, "stop")
        for s, text in zip(samples, texts, strict=True)
    ]


def perturb(gold_sql: str, number: int) -> str:
    """A prediction as a model might write it: in ten, 4 as the gold, 2 right, 3 wrong, 1 void."""
    gold_sql = gold_sql.strip().rstrip(";")
    kind = number % 10
    if kind < 4:
        return gold_sql
    if kind < 6:
        return f"WITH answer AS ({gold_sql}) SELECT * FROM answer"
    if kind < 8:
        return f"SELECT * FROM ({gold_sql}) AS x LIMIT 0"
    if kind == 8:
        return f"{gold_sql} LIMIT 1" if "limit" not in gold_sql.lower() else f"{gold_sql} OFFSET 1"
    return gold_sql.replace("FROM ", "FROM no_such_", 1)


def build(
    samples: Sequence[Sample], config: EvaluationConfig, folder: str
) -> tuple[EvaluationSet, float, float]:
    began, cpu = time.perf_counter(), cpu_seconds()
    built = build_evaluation_set(samples, config, Path(folder, f"set{len(samples)}"))
    return built, time.perf_counter() - began, cpu_seconds() - cpu


def score(
    evaluation_set: EvaluationSet, predictions: Sequence[Prediction], config: EvaluationConfig
) -> tuple[float, float, collections.Counter[str]]:
    """(seconds, CPU seconds of this process and its workers, verdicts)."""
    gc.collect()
    began, cpu = time.perf_counter(), cpu_seconds()
    verdicts = score_predictions(evaluation_set, predictions, config)
    outcomes = collections.Counter(
        "same_sql" if v.reason == "same_sql" else v.outcome.value for v in verdicts
    )
    return time.perf_counter() - began, cpu_seconds() - cpu, outcomes


def cpu_seconds() -> float:
    """Of this process and of those that it started and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def add_real_databases(
    evaluation_set: EvaluationSet, folder: Path, config: EvaluationConfig
) -> EvaluationSet:
    """The shipped rows first, one object for all questions of a schema; golds run on them."""
    shipped: dict[str, Database] = {}
    entries = []
    for item in evaluation_set.entries:
        db_id = item.sample.schema_group
        if item.schema is None or item.exclusion:
            entries.append(item)
            continue
        if db_id not in shipped:
            with open_file(database_path(folder, db_id)) as connection:
                shipped[db_id] = Database(
                    "shipped",
                    {
                        t.name: connection.execute(f'SELECT * FROM "{t.name}"').fetchall()
                        for t in item.schema.tables
                    },
                )
        entries.append(dataclasses.replace(item, databases=(shipped[db_id], *item.databases)))
    jobs = [
        Job(e.sample.id, e.schema, e.databases[:1], {"gold": e.gold_sql}, vetted=True)
        for e in entries
        if e.schema is not None and not e.exclusion
    ]
    with Sandbox(sandbox_limits(config), config.workers) as sandbox:
        found = {r.id: r.results["gold"] for r in sandbox.run(jobs)}
    done = []
    for item in entries:
        gold = found.get(item.sample.id)
        if gold is None:
            done.append(item)
        elif gold[0].status != ExecutionStatus.OK:
            done.append(dataclasses.replace(item, databases=item.databases[1:]))
        else:
            done.append(dataclasses.replace(item, gold_results=gold + item.gold_results))
    return dataclasses.replace(evaluation_set, entries=tuple(done))


def unique(samples: Sequence[Sample], texts: Sequence[str]) -> tuple[list[Sample], list[str]]:
    """Ids are made unique; nothing is left out."""
    return [dataclasses.replace(s, id=f"s{i}") for i, s in enumerate(samples)], list(texts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="Spider's folder with official_verdicts.csv")
    parser.add_argument("--system", default="supersql_nl2sql360")
    parser.add_argument("--context-file", type=Path, help="rows in sql-create-context's form")
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of each measurement")
    parser.add_argument("--databases", type=int, default=40, help="of the stand-in, a schema")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", action="store_true", help="also the bundled sample")
    options = parser.parse_args(arguments)
    table = Table(title=f"Scoring, {options.workers} processes")
    for name in ("what", "pairs", "seconds", "CPU s", "pairs/s", "ratio", "outcome"):
        table.add_column(name, justify="left" if name in ("what", "outcome") else "right")

    def row(
        what: str,
        pairs: int,
        seconds: float,
        cpu: float,
        note: str | collections.Counter[str],
        yardstick_s: float = 0.0,
    ) -> None:
        if isinstance(note, collections.Counter):
            note = ", ".join(f"{k} {v}" for k, v in sorted(note.items()))
        ratio = f"{yardstick_s / seconds:.1f}" if yardstick_s else ""
        table.add_row(
            what, str(pairs), f"{seconds:.2f}", f"{cpu:.2f}", f"{pairs / seconds:.0f}", ratio, note
        )
        print(what, f"{seconds:.2f} s", file=sys.stderr, flush=True)

    if options.data:
        measure_spider(options.data, options, row)
    sources: list[tuple[str, list[dict[str, Any]]]] = []
    if options.sample or not options.data:
        sources.append(("bundled sample", list(generate_rows(n_rows=options.pairs))))
    if options.context_file:
        rows = read_file(options.context_file)
        sources.append((options.context_file.name, rows[:: max(1, len(rows) // options.pairs)]))
    for name, rows in sources:
        measure_rows(name, rows, EvaluationConfig(workers=options.workers), row)
    Console(width=150 if not sys.stdout.isatty() else None).print(table)
    return 0


def measure_spider(folder: Path, options: argparse.Namespace, row: Callable[..., None]) -> None:
    """The pairs of one system: the stand-in, and ours on two kinds of databases."""
    config = EvaluationConfig(workers=options.workers)
    pairs = read_pairs(folder, options.system, options.pairs)
    contexts = {p[0]: read_context(folder, p[0]) for p in pairs}
    samples, texts = unique(
        [Sample("", f"question {i}", contexts[d], g, d) for i, (d, g, _) in enumerate(pairs)],
        [p[2] for p in pairs],
    )
    predictions = make_predictions(samples, texts)
    with tempfile.TemporaryDirectory() as target:
        generated, seconds, cpu = build(samples, config, target)
    row("Spider: build the set", len(samples), seconds, cpu, reasons(generated))
    shipped = add_real_databases(generated, folder, config)
    yardsticks = {}
    for workers in sorted({1, options.workers}):
        seconds, cpu, executed = time_stand_in(pairs, folder, options.databases, workers)
        yardsticks[workers] = seconds
        note = f"{executed} queries"
        row(f"Spider: stand-in, {workers} processes", len(pairs), seconds, cpu, note, yardsticks[1])
        settings = config.model_copy(update={"workers": workers})
        for name, target_set in (("generated", generated), ("shipped + generated", shipped)):
            seconds, cpu, outcomes = score(target_set, predictions, settings)
            what = f"Spider: {name} databases, {workers} workers"
            row(what, len(pairs), seconds, cpu, outcomes, yardsticks[1])


def measure_rows(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    config: EvaluationConfig,
    row: Callable[..., None],
) -> None:
    """One schema a row; predictions are made from the golds."""
    samples, texts = unique(
        [Sample("", r["question"], r["context"], r["answer"], "g") for r in rows],
        [perturb(r["answer"], i) for i, r in enumerate(rows)],
    )
    with tempfile.TemporaryDirectory() as target:
        built, seconds, cpu = build(samples, config, target)
    row(f"{name}: build the set", len(samples), seconds, cpu, reasons(built))
    seconds, cpu, outcomes = score(built, make_predictions(samples, texts), config)
    row(f"{name}: {config.workers} workers", len(samples), seconds, cpu, outcomes)


def reasons(evaluation_set: EvaluationSet) -> collections.Counter[str]:
    return collections.Counter({k: len(v) for k, v in evaluation_set.excluded.items()})


if __name__ == "__main__":
    sys.exit(main())
