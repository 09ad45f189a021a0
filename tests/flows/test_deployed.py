"""The printed commands, on real servers and a real worker: up, run, skip, check, status, down."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sql_ft.config import RunConfig
from sql_ft.stack.processes import recorded
from sql_ft.stack.services import STACK_FOLDER

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**env, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.slow
def test_up_weekly_unchanged_status_down(make_config, tmp_path: Path) -> None:
    config: RunConfig = make_config()
    state = config.state_path
    prefect_port, mlflow_port = free_port(), free_port()
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ports = ("--prefect-port", str(prefect_port), "--mlflow-port", str(mlflow_port))
    try:
        up = call("flows.cli", "up", "--state-dir", str(state), *ports, env=env)
        assert up.returncode == 0, up.stdout + up.stderr
        assert f"http://127.0.0.1:{prefect_port}" in up.stdout
        env["PREFECT_API_URL"] = f"http://127.0.0.1:{prefect_port}/api"
        env["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{mlflow_port}"

        run = ("prefect", "deployment", "run", "finetune/weekly")
        bad = call(*run, "--param", 'config={"train": {"lora_r": 0}}', env=env)
        assert bad.returncode != 0
        assert "config.train.lora_r" in bad.stdout + bad.stderr

        values = json.dumps(config.model_dump(mode="json"))
        first = call(*run, "--param", f"config={values}", "--watch", env=env)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "'Completed'" in first.stdout
        assert "sql_ft.adapter.kept" in first.stdout
        again = call(*run, "--param", f"config={values}", "--watch", env=env)
        assert "'NothingNew'" in again.stdout, again.stdout + again.stderr

        # The same pool serves the nightly check; a random model is no champion.
        check = ("prefect", "deployment", "run", "evaluate/evaluate-champion", "--watch")
        night = call(*check, "--param", f"config={values}", env=env)
        assert "'Completed'" in night.stdout, night.stdout + night.stderr

        name = config.tracking.registered_model_name
        status = call(
            "flows.cli", "status", "--set", f"tracking.registered_model_name={name}", env=env
        )
        assert status.returncode == 0, status.stdout + status.stderr
        assert "nothing new since v1" in status.stdout
        assert "has no champion yet: nothing to check" in status.stdout
        # The scheduler has made the runs of the coming Mondays and nights.
        assert "weekly at" in status.stdout
        assert "evaluate-champion at" in status.stdout
    finally:
        processes = [psutil.Process(p.pid) for p in recorded(state / STACK_FOLDER) if p.alive]
        family = [*processes, *(c for p in processes for c in p.children(recursive=True))]
        down = call("flows.cli", "down", "--state-dir", str(state), env=env)
    assert down.stdout.startswith("stopped worker, "), down.stdout + down.stderr
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
