"""Runs queued at once on one slot: served in order, none lost?

    python benchmarks/queued_runs.py [--runs 10] [--out result.json]

A stack of its own trains the small configuration of `tests/tiny_run.py` once. Then so many
runs are queued within a second, in turn for two deployments of the pool: `weekly`, which finds
nothing new, and `on-demand`, which judges again. Checked: every run completes at the first
attempt, runs begin in the order in which they were queued, no two overlap.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from deployed_stack import DeployedStack
from tiny_run import run_settings, write_inputs

DEPLOYMENTS = ("finetune/weekly", "finetune/on-demand")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        base, rows = write_inputs(folder)
        with DeployedStack(folder / "state") as stack:
            parameters = {"config": run_settings(base, rows, stack.state_dir, "queued")}
            first = stack.submit(DEPLOYMENTS[0], parameters)
            stack.wait_until_settled(first)
            names = [DEPLOYMENTS[number % 2] for number in range(options.runs)]
            ids = [stack.submit(name, parameters) for name in names]
            runs = [stack.wait_until_settled(run_id, 3600) for run_id in ids]
            slots = stack.busy_slots()
    problems = check(runs)
    if slots:
        problems.append(f"{slots} slots are taken afterwards")
    begun = moment(runs[0], "start_time")
    table = Table(title=f"{options.runs} runs queued at once on one slot")
    for column in ("queued", "deployment", "began_s", "ended_s", "state"):
        table.add_column(column)
    result = []
    for number, (name, run) in enumerate(zip(names, runs, strict=True), 1):
        began, ended = (moment(run, key) - begun for key in ("start_time", "end_time"))
        row = {
            "queued": number,
            "deployment": name,
            "began_s": round(began.total_seconds(), 1),
            "ended_s": round(ended.total_seconds(), 1),
            "state": run["state_name"],
        }
        result.append(row)
        table.add_row(*map(str, row.values()))
    console = Console()
    console.print(table)
    console.print("\n".join(problems) or "in order, none lost, none at the same time")
    if options.out:
        load = [round(value, 1) for value in os.getloadavg()]
        content = {"problems": problems, "load_average": load, "runs": result}
        options.out.write_text(json.dumps(content, indent=1) + "\n")
    return int(bool(problems))


def check(runs: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong; runs in the order in which they were queued."""
    problems = [
        f"run {number} ended {run['state_name']} after {run['run_count']} attempts"
        for number, run in enumerate(runs, 1)
        if run["state"]["type"] != "COMPLETED" or run["run_count"] != 1
    ]
    if problems:
        return problems
    for number, (one, other) in enumerate(itertools.pairwise(runs), 1):
        if moment(one, "start_time") > moment(other, "start_time"):
            problems.append(f"run {number + 1} began before run {number}")
    in_time = sorted(runs, key=lambda run: moment(run, "start_time"))
    for one, other in itertools.pairwise(in_time):
        if moment(one, "end_time") > moment(other, "start_time"):
            problems.append(f"{one['name']} and {other['name']} ran at the same time")
    return problems


def moment(run: dict[str, Any], key: str) -> datetime:
    """A time of the run."""
    return datetime.fromisoformat(run[key].replace("Z", "+00:00"))


if __name__ == "__main__":
    sys.exit(main())
