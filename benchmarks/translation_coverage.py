"""How many golds that run in SQLite run in DuckDB after translation, with the same result.

For each row of a file in sql-create-context's form: merge the DDL, infer types, build
databases, run the gold as written in SQLite (the oracle) and translated in the sandbox.
Prints the tables of `mutation_score.py` for the same databases, too.

    python benchmarks/translation_coverage.py --data-file FILE.jsonl [--every 20]
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import sqlite3
import time
from pathlib import Path
from typing import Any

from mutation_score import print_scores, read_rows, score_mutants
from rich.console import Console
from rich.table import Table

from sql_ft.errors import SchemaError, SqlTranslationError
from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.databases import DatabaseReport, build_report
from sql_ft.execution.dialect import quote_odd_names, translate
from sql_ft.execution.probe import SqliteProbe
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import infer_types, parse_schema
from sql_ft.records import ExecutionResult, ExecutionStatus


def runs_in_sqlite(context: str, answer: str) -> str:
    """Error of the gold on its own empty merged tables, "" if it runs."""
    schema = parse_schema(context)
    with SqliteProbe(schema) as probe:
        probe.load({})
        return "" if probe.run(quote_odd_names(answer, schema)) is not None else probe.error


def prepare(task: tuple[int, dict[str, Any], int]) -> dict[str, Any]:
    number, row, count = task
    out: dict[str, Any] = {"number": number, "gold": row["answer"]}
    try:
        out["sqlite_error"] = runs_in_sqlite(row["context"], row["answer"])
        if out["sqlite_error"]:
            return {**out, "reason": "gold fails in SQLite"}
        schema = parse_schema(row["context"])
        first = translate(row["answer"], schema)
        schema = infer_types(schema, first.source)
        translated = translate(row["answer"], schema)
    except SchemaError as error:
        return {**out, "reason": "schema", "detail": str(error)}
    except SqlTranslationError as error:
        return {**out, "reason": f"translation: {error.status}", "detail": str(error)}
    started = time.process_time()
    report = build_report(schema, translated.source, row.get("question", ""), count=count)
    build_s = time.process_time() - started
    results = []
    with SqliteProbe(schema) as probe:
        for database in report.databases:
            probe.load(database.rows)
            try:
                rows = probe.run(quote_odd_names(row["answer"], schema))
            except sqlite3.Warning as error:
                return {**out, "reason": "oracle", "detail": str(error)}
            results.append(rows)
    return {
        **out,
        "schema": schema,
        "translated": translated,
        "report": report,
        "score": score_mutants(number, row["answer"], schema, report, translated.source, build_s),
        "oracle": results,
    }


def judge(item: dict[str, Any], results: tuple[ExecutionResult, ...]) -> tuple[str, str]:
    """Reason and detail; "same" if every database agrees."""
    source = item["translated"].source
    for expected, got in zip(item["oracle"], results, strict=True):
        if expected is None:
            return "oracle fails on rows", ""
        if got.status != ExecutionStatus.OK:
            return f"duckdb: {got.status}", got.error
        width = len(expected[0]) if expected else len(got.columns)
        oracle = ExecutionResult(ExecutionStatus.OK, ("",) * width, tuple(expected))
        comparison = compare_results(
            oracle,
            got,
            ordered=is_ordered(source),
            rules=MatchRules(column_order="fixed"),
            order_keys=order_key_positions(source),
        )
        if not comparison.equal:
            return comparison.reason, comparison.detail
    return "same", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-file", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take every n-th row")
    parser.add_argument("--databases", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", type=int, default=10, help="examples of each reason")
    options = parser.parse_args()
    console = Console()
    started = time.monotonic()
    tasks = [
        (i, r, options.databases)
        for i, r in enumerate(read_rows(options.data_file))
        if i % options.every == 0
    ]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        items = pool.map(prepare, tasks, chunksize=20)
    built_s = time.monotonic() - started
    runnable = [i for i in items if "translated" in i]
    jobs = [
        Job(
            str(i["number"]),
            i["schema"],
            tuple(i["report"].databases),
            {"gold": i["translated"].sql},
        )
        for i in runnable
    ]
    with Sandbox(Limits(), options.workers) as sandbox:
        outcomes = sandbox.run(jobs)
    reasons: collections.Counter[str] = collections.Counter()
    examples: dict[str, list[str]] = collections.defaultdict(list)
    for item in items:
        if "reason" in item:
            reasons[item["reason"]] += 1
            detail = item.get("detail") or item.get("sqlite_error", "")
            examples[item["reason"]].append(f"{item['number']}: {detail} | {item['gold']}")
    for item, outcome in zip(runnable, outcomes, strict=True):
        reason, detail = judge(item, outcome.results["gold"])
        reasons[reason] += 1
        if reason != "same":
            examples[reason].append(f"{item['number']}: {detail} | {item['gold']}")
    table = Table(title=f"{len(items)} golds, {built_s:.0f} s to build")
    table.add_column("outcome")
    table.add_column("golds", justify="right")
    for reason, count in reasons.most_common():
        table.add_row(reason, str(count))
    console.print(table)
    in_scope = len(items) - reasons["gold fails in SQLite"]
    console.print(f"same result: {reasons['same']}/{in_scope} = {reasons['same'] / in_scope:.4f}")
    reports: list[DatabaseReport] = [i["report"] for i in runnable]
    filtered = [r for r in reports if r.where_matters is not None]
    telling = sum(bool(r.non_empty and r.where_matters) for r in filtered)
    console.print(f"non-empty: {sum(r.non_empty for r in reports)}/{len(reports)}")
    console.print(f"non-empty and WHERE matters: {telling}/{len(filtered)}")
    console.print(f"result independent of row order: {sum(r.deterministic for r in reports)}")
    for reason, lines in examples.items():
        console.print(f"\n{reason}", style="bold")
        for line in lines[: options.show]:
            console.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    console.print()
    print_scores([i["score"] for i in runnable], console, options.show)


if __name__ == "__main__":
    main()
