"""`sql-ft ask`, cold and warm: for an idle machine.

    python benchmarks/ask_speed.py --config deployments/configs/tiny.yaml --set state_dir=STATE

Cold is a whole process for one question; warm is a further question of the same process, as
`sql-ft ask` reads them from standard input, its own `duration_s`. One attempt a question.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sql_ft.assets.sample_databases.questions import QUESTIONS
from sql_ft.assets.sample_databases.write import write_examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--cold", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        write_examples(Path(work))
        command = [sys.executable, "-m", "flows.cli", "ask", "--json", "--attempts", "1"]
        command += ["--db", str(Path(work, "shop.sqlite")), "--config", str(arguments.config)]
        for override in arguments.set:
            command += ["--set", override]
        questions = [question for question, _ in QUESTIONS["shop"]]
        walls, cpus = [], []
        for _ in range(arguments.cold):
            started, used = time.monotonic(), children_cpu_s()
            ask(command, questions[:1])
            walls.append(time.monotonic() - started)
            cpus.append(children_cpu_s() - used)
        answers = ask(command, questions * 3)
    warm = [answer["duration_s"] for answer in answers[1:]]
    print(f"{'':<6}{'n':>4}{'median s':>10}{'worst s':>9}{'CPU s':>8}")
    print(
        f"{'cold':<6}{len(walls):>4}{statistics.median(walls):>10.2f}{max(walls):>9.2f}"
        f"{statistics.median(cpus):>8.2f}"
    )
    print(f"{'warm':<6}{len(warm):>4}{statistics.median(warm):>10.2f}{max(warm):>9.2f}")


def ask(command: list[str], questions: list[str]) -> list[dict[str, float]]:
    # A query that fails is an answer here; only a missing one is an error.
    done = subprocess.run(
        command, input="\n".join(questions) + "\n", capture_output=True, text=True, check=False
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(questions):
        raise SystemExit(done.stderr[-2000:])
    return answers


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
