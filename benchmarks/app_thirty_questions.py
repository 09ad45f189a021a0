"""Thirty questions on three example databases: through the page's server and `sql-ft ask`.

    python benchmarks/app_thirty_questions.py --config deployments/configs/tiny.yaml \\
        --set state_dir=STATE

Starts `sql-ft app` on a free port, asks it with gradio_client, and asks the command line the
same on the same files. One table: how many answers have the same SQL, status and rows.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gradio_client import Client

from sql_ft.assets.sample_databases.write import DATABASES, QUESTIONS_FILE, write_examples

SQL_FT = str(Path(sys.executable).parent / "sql-ft")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    settings = ["--config", arguments.config]
    settings += [part for value in arguments.set for part in ("--set", value)]
    with tempfile.TemporaryDirectory() as work:
        write_examples(Path(work))
        rows = [json.loads(line) for line in Path(work, QUESTIONS_FILE).read_text().splitlines()]
        through_page = ask_page(settings, rows)
        print(f"{'database':<18}{'n':>4}{'same SQL':>10}{'same rows':>11}{'ran':>6}")
        totals = [0, 0, 0, 0]
        for name in DATABASES.values():
            mine = [q["question"] for q in rows if q["database"] == name]
            cli = ask_command_line(settings, Path(work, name), mine)
            pages = [through_page[q] for q in mine]
            counts = [
                len(mine),
                sum(a["sql"] == b["sql"] for a, b in zip(cli, pages, strict=True)),
                sum(outcome(a) == outcome(b) for a, b in zip(cli, pages, strict=True)),
                sum(b["status"] == "ok" for b in pages),
            ]
            print(f"{name:<18}{counts[0]:>4}{counts[1]:>10}{counts[2]:>11}{counts[3]:>6}")
            totals = [t + c for t, c in zip(totals, counts, strict=True)]
    print(f"{'all':<18}{totals[0]:>4}{totals[1]:>10}{totals[2]:>11}{totals[3]:>6}")
    if not totals[0] == totals[1] == totals[2]:
        raise SystemExit(1)


def ask_page(settings: list[str], rows: list[dict[str, str]]) -> dict[str, Any]:
    """Answers by question, through one client."""
    process = subprocess.Popen(
        [SQL_FT, "app", *settings, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = next(line.split()[1] for line in process.stdout if line.startswith("page "))
        client = Client(address, verbose=False, analytics_enabled=False)
        started = time.monotonic()
        answers = {
            q["question"]: client.predict(q["question"], Path(q["database"]).stem, api_name="/ask")
            for q in rows
        }
        print(f"page: {time.monotonic() - started:.1f} s for {len(rows)} questions")
        client.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    return answers


def ask_command_line(settings: list[str], path: Path, questions: list[str]) -> list[Any]:
    """Answers in order, from one `sql-ft ask` that reads its questions."""
    done = subprocess.run(
        [SQL_FT, "ask", "--db", str(path), "--json", *settings],
        input="\n".join(questions) + "\n",
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(answers) != len(questions):
        raise SystemExit(f"{len(answers)} answers to {len(questions)} questions\n{done.stderr}")
    return answers


def outcome(answer: dict[str, Any]) -> tuple[Any, ...]:
    """What must be equal; values that JSON does not know are compared as text."""
    return (answer["status"], answer["columns"], [[str(v) for v in row] for row in answer["rows"]])


if __name__ == "__main__":
    main()
