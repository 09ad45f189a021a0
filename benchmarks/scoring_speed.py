"""How many pairs a second are scored, beside the official evaluator's way of doing it.

    python benchmarks/scoring_speed.py --data SPIDER_FOLDER [--context-file ROWS.jsonl]
        [--official CHECKOUT] [--repeats 3] [--out FILE.json]

Spider's layout: the pairs of one system in ``official_verdicts.csv``, with the generated
databases of each gold and the shipped database of each schema. The stand-in has the access
pattern of the official test-suite evaluator (a new sqlite connection per query per
database; gold and prediction both executed every time; the first difference ends a pair)
on copies of the shipped database; it does without that evaluator's event loop, its reading
of each text and its comparison under permuted columns, so it is faster than what it stands
for. With ``--official`` the evaluator itself runs on the same copies (a checkout of
`taoyds/test-suite-sql-eval`; its `exec_eval.py` and `parse.py` are enough). Copies never tell
a wrong prediction that the shipped database does not, so more queries are executed than on its
own test suite (46,000 to 60,000); the seconds of 46,000 stand beside. One schema a row: rows in
sql-create-context's form, with predictions made from their golds by simple changes.
"""

from __future__ import annotations

import argparse
import collections
import csv
import dataclasses
import gc
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from scoring_yardsticks import (
    OFFICIAL_EXECUTIONS,
    Pair,
    copy_databases,
    database_path,
    open_file,
    time_official,
    time_stand_in,
)

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.config import EvaluationConfig
from sql_ft.data.local_files import read_file
from sql_ft.evaluation.evalset import EvaluationSet, build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.rules import sandbox_limits
from sql_ft.execution.databases import Database
from sql_ft.execution.sandbox import Job, Sandbox
from sql_ft.records import ExecutionStatus, Prediction, Sample

YARDSTICKS = ("Spider: official evaluator, 1 process", "Spider: stand-in, 1 processes")


def read_pairs(folder: Path, system: str, count: int) -> list[Pair]:
    """(db_id, gold, prediction) of one system, every so-manieth of all."""
    with (folder / "official_verdicts.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["system"] == system]
    step = max(1, len(rows) // count)
    return [(r["db_id"], r["gold_sql"], r["predicted_sql"]) for r in rows[::step]]


def read_context(folder: Path, db_id: str) -> str:
    with open_file(database_path(folder, db_id)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    return ";\n".join(row[0] for row in rows)


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
    parser.add_argument("--official", type=Path, help="checkout of taoyds/test-suite-sql-eval")
    parser.add_argument("--repeats", type=int, default=1, help="of every timing but a build")
    parser.add_argument("--out", type=Path, help="the figures as JSON")
    options = parser.parse_args(arguments)
    rows = Rows()
    if options.data:
        measure_spider(options.data, options, rows)
    sources: list[tuple[str, list[dict[str, Any]]]] = []
    if options.sample or not options.data:
        sources.append(("bundled sample", list(generate_rows(n_rows=options.pairs))))
    if options.context_file:
        found = read_file(options.context_file)
        sources.append((options.context_file.name, found[:: max(1, len(found) // options.pairs)]))
    for name, samples in sources:
        measure_rows(name, samples, options, rows)
    rows.show(f"Scoring, {options.workers} workers, medians of {options.repeats}")
    if options.out:
        rows.write(options.out)
    return 0


class Rows:
    """Measurements in the order in which they were first made."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    def add(
        self,
        what: str,
        pairs: int,
        seconds: float,
        cpu_s: float,
        note: str | collections.Counter[str],
    ) -> None:
        """One timing of `what`."""
        if isinstance(note, collections.Counter):
            note = ", ".join(f"{k} {v}" for k, v in sorted(note.items()))
        row = self.found.setdefault(what, {"pairs": pairs, "seconds": [], "cpu_s": []})
        row["seconds"].append(round(seconds, 3))
        row["cpu_s"].append(round(cpu_s, 3))
        row["note"] = note
        print(what, f"{seconds:.2f} s", file=sys.stderr, flush=True)

    def show(self, title: str) -> None:
        """Print medians; ratios to the official evaluator, or else to the stand-in."""
        table = Table(title=title)
        for name in ("what", "pairs", "seconds", "range", "CPU s", "pairs/s", "ratio", "outcome"):
            table.add_column(name, justify="left" if name in ("what", "outcome") else "right")
        yardstick = next((r for w, r in self.found.items() if w in YARDSTICKS), None)
        for what, row in self.found.items():
            seconds = statistics.median(row["seconds"])
            ratio = ""
            if yardstick is not None and what.startswith("Spider") and "build" not in what:
                ratio = f"{statistics.median(yardstick['seconds']) / seconds:.1f}"
            table.add_row(
                what,
                str(row["pairs"]),
                f"{seconds:.2f}",
                f"{min(row['seconds']):.2f}-{max(row['seconds']):.2f}",
                f"{statistics.median(row['cpu_s']):.2f}",
                f"{row['pairs'] / seconds:.0f}",
                ratio,
                row["note"],
            )
        Console(width=150 if not sys.stdout.isatty() else None).print(table)

    def write(self, path: Path) -> None:
        """The same as JSON, with the machine."""
        machine = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
        versions = {name: metadata.version(name) for name in ("duckdb", "sqlglot")}
        figures = {"machine": machine | versions, "rows": self.found}
        path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure_spider(folder: Path, options: argparse.Namespace, rows: Rows) -> None:
    """The pairs of one system: the yardsticks, and ours on two kinds of databases."""
    config = EvaluationConfig(workers=options.workers)
    pairs = read_pairs(folder, options.system, options.pairs)
    count = len(pairs)
    contexts = {p[0]: read_context(folder, p[0]) for p in pairs}
    samples, texts = unique(
        [Sample("", f"question {i}", contexts[d], g, d) for i, (d, g, _) in enumerate(pairs)],
        [p[2] for p in pairs],
    )
    predictions = make_predictions(samples, texts)
    with tempfile.TemporaryDirectory() as target:
        generated, seconds, cpu = build(samples, config, target)
    rows.add("Spider: build the set", count, seconds, cpu, reasons(generated))
    shipped = add_real_databases(generated, folder, config)
    with tempfile.TemporaryDirectory() as target:
        copies = copy_databases(pairs, folder, options.databases, target)
        # Taken in turn, so that a busy moment of the machine falls on all of them.
        for _ in range(options.repeats):
            if options.official:
                found = time_official(pairs, copies, options.official)
                per_query = found["seconds"] / found["executions"]
                note = (
                    f"{found['executions']} queries, {found['right']} right; "
                    f"{OFFICIAL_EXECUTIONS} queries: {OFFICIAL_EXECUTIONS * per_query:.1f} s"
                )
                rows.add(YARDSTICKS[0], count, found["seconds"], found["cpu_s"], note)
            for workers in sorted({1, options.workers}):
                seconds, cpu, executed = time_stand_in(pairs, copies, workers)
                what = f"Spider: stand-in, {workers} processes"
                rows.add(what, count, seconds, cpu, f"{executed} queries")
                settings = config.model_copy(update={"workers": workers})
                for name, target_set in (("generated", generated), ("with shipped", shipped)):
                    seconds, cpu, outcomes = score(target_set, predictions, settings)
                    what = f"Spider: databases {name}, {workers} workers"
                    rows.add(what, count, seconds, cpu, outcomes)


def measure_rows(
    name: str,
    found: Sequence[Mapping[str, Any]],
    options: argparse.Namespace,
    rows: Rows,
) -> None:
    """One schema a row; predictions are made from the golds."""
    config = EvaluationConfig(workers=options.workers)
    samples, texts = unique(
        [Sample("", r["question"], r["context"], r["answer"], "g") for r in found],
        [perturb(r["answer"], i) for i, r in enumerate(found)],
    )
    with tempfile.TemporaryDirectory() as target:
        built, seconds, cpu = build(samples, config, target)
    rows.add(f"{name}: build the set", len(samples), seconds, cpu, reasons(built))
    for _ in range(options.repeats):
        seconds, cpu, outcomes = score(built, make_predictions(samples, texts), config)
        rows.add(f"{name}: {config.workers} workers", len(samples), seconds, cpu, outcomes)


def reasons(evaluation_set: EvaluationSet) -> collections.Counter[str]:
    return collections.Counter({k: len(v) for k, v in evaluation_set.excluded.items()})


if __name__ == "__main__":
    sys.exit(main())
