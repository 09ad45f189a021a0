"""Years of history in both servers: does `sql-ft status` still answer in two seconds?

    python benchmarks/long_history.py [--runs 500] [--out result.json]

A stack of its own gets so many finished flow runs and so many MLflow runs, each with 60 points
of loss and a registered version, through the servers' APIs. Then `sql-ft status` is timed, and
what the servers' own pages ask for when they are opened.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from deployed_stack import DeployedStack

from sql_ft.stack.api import get_json, post_json

MODEL, EXPERIMENT = "history", "history"
REPEATS = 5
BAR_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, DeployedStack(Path(folder, "state")) as stack:
        write_mlflow(stack.mlflow_url, options.runs)
        write_prefect(stack, options.runs)
        rows = measure(stack, options.runs)
    load = [round(value, 1) for value in os.getloadavg()]
    table = Table(title=f"{options.runs} runs in each server, median of {REPEATS}, load {load[0]}")
    for column in ("what", "seconds", "CPU seconds"):
        table.add_column(column)
    for what, (seconds, cpu) in rows.items():
        table.add_row(what, f"{seconds:.2f}", f"{cpu:.2f}" if cpu else "")
    Console().print(table)
    if options.out:
        content = {
            "runs": options.runs,
            "load_average": load,
            "seconds": {what: round(s, 3) for what, (s, _) in rows.items()},
            "cpu_seconds": {what: round(c, 3) for what, (_, c) in rows.items() if c},
        }
        options.out.write_text(json.dumps(content, indent=1) + "\n")
    return int(rows["sql-ft status"][0] > BAR_S)


def write_mlflow(url: str, runs: int) -> None:
    """Runs with a loss curve, and a version of each; the last one is live."""
    api = f"{url}/api/2.0/mlflow"
    experiment = post_json(f"{api}/experiments/create", {"name": EXPERIMENT})["experiment_id"]
    post_json(f"{api}/registered-models/create", {"name": MODEL})
    start_ms = int(time.time() * 1000) - runs * 604_800_000
    for number in range(runs):
        begun = start_ms + number * 604_800_000
        run = post_json(
            f"{api}/runs/create",
            {"experiment_id": experiment, "start_time": begun, "run_name": f"week-{number}"},
        )["run"]["info"]
        loss = [
            {"key": "train/loss", "value": 1 / step, "timestamp": begun + step, "step": step}
            for step in range(1, 61)
        ]
        params = [{"key": f"train.setting_{i}", "value": str(number)} for i in range(40)]
        post_json(
            f"{api}/runs/log-batch",
            {"run_id": run["run_id"], "metrics": loss, "params": params},
        )
        post_json(
            f"{api}/model-versions/create",
            {
                "name": MODEL,
                "source": f"{run['artifact_uri']}/adapter",
                "run_id": run["run_id"],
                "tags": [{"key": "decision_reason", "value": f"promoted in week {number}"}],
            },
        )
        post_json(
            f"{api}/runs/update",
            {"run_id": run["run_id"], "status": "FINISHED", "end_time": begun + 3_600_000},
        )
    alias = {"name": MODEL, "alias": "champion", "version": str(runs)}
    post_json(f"{api}/registered-models/alias", alias)


def write_prefect(stack: DeployedStack, runs: int) -> None:
    """Finished flow runs of the weekly deployment; the API dates them all today."""
    api = stack.api_url
    deployment = get_json(f"{api}/deployments/name/finetune/weekly")
    create = f"{api}/deployments/{deployment['id']}/create_flow_run"
    for number in range(runs):
        name = f"week-{number}"
        body = {"name": name, "idempotency_key": name, "state": {"type": "PENDING"}}
        run = stack.ask(functools.partial(post_json, create, body))
        for kind in ("RUNNING", "COMPLETED"):
            state = {"type": kind, "message": f"week {number}"}
            url = f"{api}/flow_runs/{run['id']}/set_state"
            stack.ask(functools.partial(post_json, url, {"state": state, "force": True}))


def measure(stack: DeployedStack, runs: int) -> dict[str, tuple[float, float]]:
    """Seconds and, for the command, CPU seconds of everything that a person opens."""
    api, mlflow = stack.api_url, f"{stack.mlflow_url}/api/2.0/mlflow"
    experiment = get_json(f"{mlflow}/experiments/get-by-name", {"experiment_name": EXPERIMENT})
    newest = {"experiment_ids": [experiment["experiment"]["experiment_id"]], "max_results": 100}

    def status() -> None:
        done = stack.call("flows.cli", "status", "--set", f"tracking.registered_model_name={MODEL}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{MODEL} v{runs}" in done.stdout, done.stdout
        assert f"week-{runs - 1}" in done.stdout, done.stdout

    def page(url: str) -> None:
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.status == 200

    opened: dict[str, Callable[[], object]] = {
        "sql-ft status": status,
        "Prefect: page of runs": lambda: post_json(
            f"{api}/flow_runs/paginate", {"sort": "START_TIME_DESC", "limit": 50, "page": 1}
        ),
        "Prefect: last page of runs": lambda: post_json(
            f"{api}/flow_runs/paginate",
            {"sort": "START_TIME_DESC", "limit": 50, "page": max(1, runs // 50)},
        ),
        "Prefect: count of runs": lambda: post_json(f"{api}/flow_runs/count", {}),
        "Prefect: HTML": lambda: page(stack.settings.prefect_url),
        "MLflow: newest 100 runs": lambda: post_json(f"{mlflow}/runs/search", newest),
        "MLflow: registered models": lambda: get_json(f"{mlflow}/registered-models/search"),
        "MLflow: versions": lambda: get_json(
            f"{mlflow}/model-versions/search",
            {"filter": f"name='{MODEL}'", "max_results": "100"},
        ),
        "MLflow: HTML": lambda: page(stack.mlflow_url),
    }
    return {what: timed(action) for what, action in opened.items()}


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Median seconds, and median CPU seconds of child processes."""
    seconds, cpu = [], []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seconds), statistics.median(cpu)


if __name__ == "__main__":
    sys.exit(main())
