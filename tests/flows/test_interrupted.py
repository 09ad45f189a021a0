"""Killed in the middle of training: nothing half-done, and the next run carries on."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from sql_ft.config import RetentionConfig, RunConfig, load_config
from sql_ft.retention.prune import prune_state
from sql_ft.tracking.registry import list_versions
from sql_ft.tracking.store import prepare_store

Command = Callable[..., subprocess.Popen[str]]
MakeConfig = Callable[..., RunConfig]


@pytest.fixture
def config_path(make_config: MakeConfig, tmp_path: Path) -> Path:
    """A training long enough to be hit, with a checkpoint every other step."""
    config = make_config(
        data={"train_rows": 32, "eval_rows": 24, "disjoint_columns": ["template"]},
        train={"num_train_epochs": 60.0, "save_steps": 2, "logging_steps": 1},
    )
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    return path


def wait_for_checkpoint(state: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if list(state.glob("training/*/checkpoints/checkpoint-*/trainer_state.json")):
            return
        if process.poll() is not None:
            pytest.fail(f"ended before a checkpoint:\n{process.communicate()[0]}")
        time.sleep(0.1)
    process.kill()
    pytest.fail("no checkpoint within 240 s")


def left_behind(run: int, state: Path) -> list[str]:
    """Command lines of the training process and the temporary server of the run `run`."""
    lines = [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"], ad_value=None)
    ]
    return [
        line
        for line in lines
        if ("sql_ft.training" in line and str(state) in line)
        or f"flows.temporary_server {run} " in line
    ]


def run_statuses(config: RunConfig) -> list[str]:
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    experiment = store.experiment_id(config.tracking.experiment)
    assert list_versions(store, config.tracking.registered_model_name) == []
    return [run.info.status for run in store.client().search_runs([experiment])]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signal_name", "to_group"), [("SIGINT", True), ("SIGTERM", True), ("SIGTERM", False)]
)
def test_asked_to_stop(
    command: Command, config_path: Path, signal_name: str, to_group: bool
) -> None:
    """Ctrl-C reaches the whole process group, a scheduler's SIGTERM the process alone."""
    config = load_config(config_path)
    process = command("run", "--config", str(config_path))
    wait_for_checkpoint(config.state_path, process)
    send = os.killpg if to_group else os.kill
    send(process.pid, getattr(signal, signal_name))
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    assert "the champion is untouched" in output
    assert run_statuses(config) == ["KILLED"]
    assert left_behind(process.pid, config.state_path) == []


@pytest.mark.slow
def test_killed_outright_then_run_again(command: Command, config_path: Path) -> None:
    config = load_config(config_path)
    process = command("run", "--config", str(config_path))
    wait_for_checkpoint(config.state_path, process)
    assert len(left_behind(process.pid, config.state_path)) == 2
    process.kill()
    # Nobody keeps the run's output open.
    process.communicate(timeout=60)
    assert run_statuses(config) == ["RUNNING"]
    deadline = time.monotonic() + 60
    while (left := left_behind(process.pid, config.state_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []

    # The harshest pruning leaves what the next run continues from; a dead run locks nothing.
    policy = RetentionConfig(keep_last_runs=1, cache_days=0, cache_max_gb=0, run_files_days=0)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    pruned = prune_state(store, config.model_copy(update={"retention": policy}))
    assert pruned is not None
    assert pruned.removals == ()

    again = command("run", "--config", str(config_path))
    output, _ = again.communicate(timeout=400)
    assert again.returncode == 0, output
    experiment = store.experiment_id(config.tracking.experiment)
    runs = store.client().search_runs([experiment])
    # The interrupted run was continued, not repeated beside it.
    assert [run.info.status for run in runs] == ["FINISHED"]
    (result_path,) = config.state_path.glob("training/*/result.json")
    result = json.loads(result_path.read_text(encoding="utf-8"))
    assert result["resumed_from_step"] >= 2
    # Its own end pruned what nobody continues from any more.
    assert list(config.state_path.glob("training/*/checkpoints")) == []
    assert len(list_versions(store, config.tracking.registered_model_name)) == 1
