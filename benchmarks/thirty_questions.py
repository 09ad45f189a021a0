"""Thirty questions on three example databases, through the library and through `sql-ft ask`.

    python benchmarks/thirty_questions.py --config deployments/configs/tiny.yaml \
        --set state_dir=STATE [--base] [--attempts 3] [--candidates 1] [--cli]

Accuracy is measured on the file itself: the gold runs through the same read-only access, and
its result is compared as the evaluation compares. One table; `--cli` asks the command line
the same questions and counts equal answers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flows.ask_command import load_predictor
from sql_ft.assets.sample_databases.write import DATABASES, QUESTIONS_FILE, write_examples
from sql_ft.config import load_config
from sql_ft.execution.compare import MatchRules, compare_results, is_ordered, order_key_positions
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.tables import Schema
from sql_ft.records import ExecutionResult
from sql_ft.serving.agent import Agent, AgentOptions
from sql_ft.serving.live_database import LiveDatabase, QueryResult, open_database


def main() -> None:
    arguments = parse_arguments()
    settings = load_config(arguments.config, arguments.set)
    options = AgentOptions(
        attempts=arguments.attempts,
        candidates=arguments.candidates,
        repair=arguments.repair,
        sample_values=arguments.sample_values,
    )
    predictor = load_predictor(settings, alias="champion", version=None, base=arguments.base)
    predictor.warm_up()
    print(f"{predictor.label}, {options}")
    with tempfile.TemporaryDirectory() as work:
        write_examples(Path(work))
        lines = Path(work, QUESTIONS_FILE).read_text(encoding="utf-8").splitlines()
        questions = [json.loads(line) for line in lines]
        totals = [0, 0, 0, 0.0, 0.0]
        print(f"{'database':<16}{'n':>4}{'correct':>9}{'ran':>6}{'repaired':>10}{'CPU s':>8}")
        for name in DATABASES.values():
            rows = [q for q in questions if q["database"] == name]
            started = time.process_time()
            with open_database(Path(work, name)) as database:
                agent = Agent(predictor, database, options)
                answers = [agent.ask(q["question"]) for q in rows]
                correct = [
                    is_correct(database, q["gold_sql"], a.result)
                    for q, a in zip(rows, answers, strict=True)
                ]
            seconds = time.process_time() - started
            figures = [
                sum(correct),
                sum(a.ok for a in answers),
                sum(a.repaired for a in answers),
                seconds,
            ]
            print(
                f"{name:<16}{len(rows):>4}{figures[0]:>9}{figures[1]:>6}{figures[2]:>10}"
                f"{seconds:>8.1f}"
            )
            totals = [t + f for t, f in zip(totals, [len(rows), *figures], strict=True)]
            if arguments.show:
                for q, a, right in zip(rows, answers, correct, strict=True):
                    print(" ok " if right else " -- ", q["question"], "|", a.sql, "|", a.attempts)
            if arguments.cli:
                same = ask_command_line(arguments, Path(work, name), [q["question"] for q in rows])
                equal = sum(a.sql == sql for a, sql in zip(answers, same, strict=True))
                print(f"  sql-ft ask: {equal} of {len(rows)} the same SQL")
        print(
            f"{'all':<16}{totals[0]:>4}{totals[1]:>9}{totals[2]:>6}{totals[3]:>10}{totals[4]:>8.1f}"
        )


def is_correct(database: LiveDatabase, gold_sql: str, answered: QueryResult) -> bool:
    gold = database.run(gold_sql)
    if not gold.ok:
        raise SystemExit(f"the gold fails: {gold_sql}: {gold.error}")
    tree = parse_query(gold_sql, database.schema().schema or Schema(()))
    return compare_results(
        plain(gold),
        plain(answered),
        ordered=is_ordered(tree),
        order_keys=order_key_positions(tree),
        rules=MatchRules(),
    ).equal


def plain(result: QueryResult) -> ExecutionResult:
    return ExecutionResult(result.status, result.columns, result.rows, result.error)


def ask_command_line(
    arguments: argparse.Namespace, database: Path, questions: list[str]
) -> list[str]:
    """SQL that `sql-ft ask` answers with, all questions in one process."""
    command = [sys.executable, "-m", "flows.cli", "ask", "--db", str(database), "--json"]
    command += ["--attempts", str(arguments.attempts), "--candidates", str(arguments.candidates)]
    command += ["--base"] if arguments.base else []
    command += ["--config", str(arguments.config)] if arguments.config else []
    for override in arguments.set:
        command += ["--set", override]
    done = subprocess.run(
        command, input="\n".join(questions) + "\n", capture_output=True, text=True, check=False
    )
    return [json.loads(line)["sql"] for line in done.stdout.splitlines()]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--base", action="store_true")
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=1)
    parser.add_argument("--repair", choices=("feedback", "next_best"), default="next_best")
    parser.add_argument("--sample-values", type=int, default=0)
    parser.add_argument("--cli", action="store_true", help="also ask through sql-ft ask")
    parser.add_argument("--show", action="store_true", help="print every question")
    return parser.parse_args()


if __name__ == "__main__":
    main()
