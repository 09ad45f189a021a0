"""Our verdicts beside those of Spider's official evaluator.

    python benchmarks/official_agreement.py --data SPIDER_FOLDER --out DIFFERENCES.csv

The folder holds ``dev.json``, ``database/`` and ``official_verdicts.csv`` (columns system,
idx, db_id, gold_sql, predicted_sql, ex, ts). Two comparisons, both with DISTINCT left out as
in the official default:

* **real**: on the one real database, against ``ex``. Pairs whose result in SQLite changes
  under ``PRAGMA reverse_unordered_selects`` are listed and set aside.
* **generated**: through an evaluation set as users build it, against ``ts``.

Each difference gets a cause. "theirs: witness" means that one of the databases that decided
satisfies every constraint of the original DDL (SQLite checks it) and that SQLite's own
results of the two queries differ on it, with the rows read in either direction.
"""

from __future__ import annotations

import argparse
import collections
import csv
import dataclasses
import re
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sql_ft.config import EvaluationConfig
from sql_ft.data.layouts import LayoutSource, read_spider
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.evalset import EvaluationItem, EvaluationSet, build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.databases import REAL, Database, build_report
from sql_ft.execution.dialect import Translated, translate
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import Schema, quote_name
from sql_ft.execution.ties import tie_variants
from sql_ft.records import ExecutionResult, ExecutionStatus, Prediction, Verdict

Rows = list[tuple[Any, ...]]
MAX_RESULT_ROWS = 100_000
SEARCH_SEEDS = range(1, 6)
SEARCH_DATABASES = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    system: str
    idx: int
    db_id: str
    gold_sql: str
    predicted_sql: str
    ex: bool
    ts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    part: str
    pair: Pair
    ours: str
    theirs: str
    cause: str
    detail: str


def read_pairs(path: Path, every: int, offset: int) -> list[Pair]:
    with path.open(encoding="utf-8", newline="") as lines:
        pairs = [
            Pair(
                row["system"],
                int(row["idx"]),
                row["db_id"],
                row["gold_sql"],
                row["predicted_sql"],
                row["ex"] == "true",
                row["ts"] == "true",
            )
            for row in csv.DictReader(lines)
        ]
    wanted = set(sorted({p.idx for p in pairs})[offset::every])
    return [p for p in pairs if p.idx in wanted]


def drop_distinct_text(sql: str) -> str:
    """What the official evaluator executes."""
    return re.sub(r"\bdistinct\b", " ", sql, flags=re.IGNORECASE)


def run_sqlite(connection: sqlite3.Connection, sql: str) -> Rows | None:
    try:
        return connection.execute(drop_distinct_text(sql)).fetchall()
    except (sqlite3.Error, sqlite3.Warning):
        return None


def run_both_ways(connection: sqlite3.Connection, sql: str) -> tuple[Rows | None, Rows | None]:
    """Results with rows visited forwards and, where no order is asked for, backwards."""
    forwards = run_sqlite(connection, sql)
    connection.execute("PRAGMA reverse_unordered_selects = 1")
    backwards = run_sqlite(connection, sql)
    connection.execute("PRAGMA reverse_unordered_selects = 0")
    return forwards, backwards


def is_stable(results: tuple[Rows | None, Rows | None], ordered: bool) -> bool:
    """The same rows both ways; sums may differ in their last digits."""
    first, second = results
    if first is None or second is None:
        return first is second
    if not first or not second:
        return len(first) == len(second)
    rules = MatchRules(column_order="fixed")
    return compare_results(as_result(first), as_result(second), ordered=ordered, rules=rules).equal


def as_result(rows: Rows) -> ExecutionResult:
    width = len(rows[0]) if rows else 0
    return ExecutionResult(ExecutionStatus.OK, ("",) * width, tuple(rows))


def rows_equal(gold: Rows, predicted: Rows, tree: Any) -> bool:
    """Our rule on SQLite's rows; SQLite names no columns of an empty result here."""
    if not gold or not predicted:
        return len(gold) == len(predicted)
    return compare_results(
        as_result(gold),
        as_result(predicted),
        ordered=is_ordered(tree),
        order_keys=order_key_positions(tree),
        rules=MatchRules(),
    ).equal


def open_real(folder: Path, db_id: str) -> sqlite3.Connection:
    path = folder / "database" / db_id / f"{db_id}.sqlite"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.text_factory = lambda data: data.decode("utf-8", "ignore")
    return connection


def compare_real(
    source: LayoutSource, pairs: list[Pair], folder: Path, workers: int, console: Console
) -> list[Difference]:
    queries: dict[str, dict[str, str]] = collections.defaultdict(dict)
    golds: dict[int, Translated] = {}
    refused: dict[int, str] = {}
    for number, pair in enumerate(pairs):
        schema = source.databases[pair.db_id].schema
        golds[number] = translate(pair.gold_sql, schema, distinct="official")
        queries[pair.db_id][f"{number} gold"] = golds[number].sql
        try:
            predicted = translate(pair.predicted_sql, schema, distinct="official")
            queries[pair.db_id][f"{number} predicted"] = predicted.sql
        except SqlTranslationError as error:
            refused[number] = error.message
    jobs = [
        Job(db_id, source.databases[db_id].schema, (source.databases[db_id].database,), asked)
        for db_id, asked in queries.items()
    ]
    found: dict[str, ExecutionResult] = {}
    with Sandbox(Limits(max_result_rows=MAX_RESULT_ROWS, query_timeout_s=30), workers) as sandbox:
        for result in sandbox.run(jobs):
            found |= {key: results[0] for key, results in result.results.items()}
    connections = {db_id: open_real(folder, db_id) for db_id in queries}
    differences, unstable, equal = [], [], 0
    for number, pair in enumerate(pairs):
        gold, predicted = found[f"{number} gold"], found.get(f"{number} predicted")
        tree = golds[number].source
        if predicted is None:
            ours, detail = False, refused[number]
        else:
            comparison = compare_results(
                gold,
                predicted,
                ordered=is_ordered(tree),
                order_keys=order_key_positions(tree),
                rules=MatchRules(),
            )
            ours, detail = comparison.equal, f"{comparison.reason} {comparison.detail}"
        both = [
            run_both_ways(connections[pair.db_id], sql)
            for sql in (pair.gold_sql, pair.predicted_sql)
        ]
        texts = (pair.gold_sql, pair.predicted_sql)
        stable = all(
            is_stable(results, "order by" in text.lower())
            for results, text in zip(both, texts, strict=True)
        )
        if not stable:
            unstable.append(
                Difference("real", pair, word(ours), word(pair.ex), "unstable in SQLite", detail)
            )
        elif ours == pair.ex:
            equal += 1
        else:
            differences.append(Difference("real", pair, word(ours), word(pair.ex), "ours", detail))
    stable_count = len(pairs) - len(unstable)
    table = Table(title="Real databases only, against ex")
    for name in ("pairs", "unstable", "of these differ", "stable", "equal", "share"):
        table.add_column(name, justify="right")
    table.add_row(
        str(len(pairs)),
        str(len(unstable)),
        str(sum(d.ours != d.theirs for d in unstable)),
        str(stable_count),
        str(equal),
        f"{equal / stable_count:.4f}",
    )
    console.print(table)
    return unstable + differences


def word(value: bool) -> str:
    return "true" if value else "false"


def open_generated(ddl: str, schema: Schema, database: Database) -> sqlite3.Connection | None:
    """SQLite with the original DDL and these rows; None if they break a constraint."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.executescript(ddl)
        for table in schema.tables:
            names = ", ".join(quote_name(c.name) for c in table.columns)
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(
                f"INSERT INTO {quote_name(table.name)} ({names}) VALUES ({marks})",
                database.rows.get(table.name, ()),
            )
        for table in schema.tables:
            try:
                broken = connection.execute(
                    f"PRAGMA foreign_key_check({quote_name(table.name)})"
                ).fetchall()
            except sqlite3.OperationalError:
                # "foreign key mismatch": the parent has no such key, so nothing is enforced.
                broken = []
            if broken:
                return None
    except sqlite3.IntegrityError:
        return None
    return connection


def explain_agreement(pair: Pair, item: EvaluationItem, gold: Translated) -> tuple[str, str]:
    """Cause of a pair that is right for us and wrong for them.

    More databases are generated, from other seeds and with NULLs wherever they are allowed;
    one that tells the two apart is one that our set should have had.
    """
    assert item.schema is not None
    for seed in SEARCH_SEEDS:
        report = build_report(
            item.schema,
            gold.source,
            item.sample.question,
            count=SEARCH_DATABASES,
            seed=seed,
            real=next((d for d in item.databases if d.name == REAL), None),
        )
        for database in report.databases if report.deterministic else ():
            if database.name != REAL and sqlite_tells(pair, item, gold, database):
                return "ours: missed", f"seed {seed}, {database.name}"
    if tie_variants(gold.source, item.schema):
        return "convention: ties", "told apart only by rows that leave the gold to chance"
    return "ours: not told apart", ""


def sqlite_tells(
    pair: Pair, item: EvaluationItem, gold: Translated, database: Database
) -> bool | None:
    """SQLite's results differ, whichever way rows are read; None: a constraint is broken."""
    assert item.schema is not None
    connection = open_generated(item.sample.context, item.schema, database)
    if connection is None:
        return None
    golds = run_both_ways(connection, pair.gold_sql)
    predicted = run_both_ways(connection, pair.predicted_sql)
    connection.close()
    return all(
        g is not None and (p is None or not rows_equal(g, p, gold.source))
        for g in golds
        for p in predicted
    )


def explain(pair: Pair, verdict: Verdict, evaluation_set: EvaluationSet) -> tuple[str, str]:
    """Cause of a difference on generated databases, and what shows it."""
    item = next(i for i in evaluation_set.entries if i.sample.id == verdict.sample_id)
    assert item.schema is not None
    gold = translate(pair.gold_sql, item.schema, distinct="official")
    if verdict.correct:
        return explain_agreement(pair, item, gold)
    broken = 0
    for database in item.databases:
        if database.name == REAL:
            continue
        told = sqlite_tells(pair, item, gold, database)
        broken += told is None
        if told:
            return "theirs: witness", f"{database.name}: {verdict.gold_head} | {verdict.detail}"
    detail = f"{verdict.reason} {verdict.detail}"
    return ("ours: constraint broken" if broken else "ours: SQLite sees no difference"), detail


def compare_generated(
    source: LayoutSource, pairs: list[Pair], config: EvaluationConfig, console: Console
) -> list[Difference]:
    indexes = sorted({p.idx for p in pairs})
    samples = {index: source.samples[index] for index in indexes}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        built = build_evaluation_set(
            list(samples.values()), config, Path(folder) / "set", databases=source.databases
        )
    built_s = time.monotonic() - started
    differences: list[Difference] = []
    equal = scored = 0
    started = time.monotonic()
    for system in sorted({p.system for p in pairs}):
        own = {samples[p.idx].id: p for p in pairs if p.system == system}
        predictions = [
            Prediction(key, system, p.predicted_sql, p.predicted_sql, True, 0, 0, "stop")
            for key, p in own.items()
        ]
        for verdict in score_predictions(built, predictions, config):
            pair = own[verdict.sample_id]
            if verdict.outcome == "excluded":
                differences.append(
                    Difference(
                        "generated",
                        pair,
                        "excluded",
                        word(pair.ts),
                        f"excluded: {verdict.reason}",
                        verdict.detail,
                    )
                )
                continue
            scored += 1
            if verdict.correct == pair.ts:
                equal += 1
                continue
            cause, detail = explain(pair, verdict, built)
            differences.append(
                Difference("generated", pair, word(verdict.correct), word(pair.ts), cause, detail)
            )
    scored_s = time.monotonic() - started
    causes = collections.Counter(d.cause for d in differences)
    table = Table(
        title=f"Generated and real databases, against ts ({config.databases_per_sample} generated "
        f"a question; set built in {built_s:.0f} s, scored in {scored_s:.0f} s)"
    )
    table.add_column("")
    table.add_column("pairs", justify="right")
    table.add_column("share", justify="right")
    differing = scored - equal
    left = differing - causes["theirs: witness"]
    single = sum(p.ex != p.ts for p in pairs)
    for name, count, whole in (
        ("pairs", len(pairs), len(pairs)),
        ("scored", scored, len(pairs)),
        ("one real database instead (ex against ts)", single, len(pairs)),
        ("raw disagreement", differing, scored),
        ("after witnesses", left, scored),
        *((f"  {cause}", count, scored) for cause, count in causes.most_common()),
    ):
        table.add_row(name, str(count), f"{count / whole:.4f}")
    console.print(table)
    return differences


def write_differences(path: Path, differences: list[Difference]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(
            ["part", "system", "idx", "db_id", "ours", "official", "cause", "detail",
             "gold_sql", "predicted_sql"]
        )  # fmt: skip
        for d in differences:
            p = d.pair
            writer.writerow(
                [d.part, p.system, p.idx, p.db_id, d.ours, d.theirs, d.cause, d.detail,
                 p.gold_sql, p.predicted_sql]
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Spider's folder")
    parser.add_argument("--out", type=Path, help="CSV for every difference")
    parser.add_argument("--part", choices=("real", "generated", "both"), default="both")
    parser.add_argument("--every", type=int, default=1, help="take every n-th question")
    parser.add_argument("--offset", type=int, default=0, help="first question taken")
    parser.add_argument("--databases", type=int, default=4, help="generated ones a question")
    parser.add_argument("--nulls", choices=("observed", "declared"), default="observed")
    parser.add_argument("--seed", type=int, default=0, help="of the generated databases")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    console = Console(width=120)
    source = read_spider(options.data)
    pairs = read_pairs(options.data / "official_verdicts.csv", options.every, options.offset)
    differences: list[Difference] = []
    if options.part != "generated":
        differences += compare_real(source, pairs, options.data, options.workers, console)
    if options.part != "real":
        config = EvaluationConfig(
            distinct="official",
            nulls=options.nulls,
            databases_per_sample=options.databases,
            database_seed=options.seed,
            max_result_rows=MAX_RESULT_ROWS,
            workers=options.workers,
        )
        differences += compare_generated(source, pairs, config, console)
    if options.out is not None:
        write_differences(options.out, differences)
        console.print(f"{len(differences)} differences in {options.out}")


if __name__ == "__main__":
    main()
