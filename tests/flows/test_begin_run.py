"""What every deployed flow does first: it outlives its worker, and repeats no run that ended."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.concurrency import _sync
from prefect.states import Completed
from rich.console import Console

from flows import repetition
from flows.logging_setup import _discard_output
from sql_ft.config import parse_config

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))
ENTRYPOINTS = sorted({d["entrypoint"] for d in DEPLOYMENTS["deployments"]})


def load_flow(entrypoint: str) -> Flow[..., Any]:
    file, _, name = entrypoint.partition(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    found = getattr(module, name)
    assert isinstance(found, Flow)
    return found


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_a_run_that_has_ended_does_nothing_and_ends_as_before(
    entrypoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Completed(name="NothingNew", message="so it was")
    monkeypatch.setattr(repetition, "find_earlier_end", lambda: before)
    monkeypatch.setattr(Console, "on_broken_pipe", Console.on_broken_pipe)
    monkeypatch.setattr(
        _sync,
        "acquire_concurrency_slots_with_lease",
        _sync.acquire_concurrency_slots_with_lease,
    )
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "a-deployment")
    flow = load_flow(entrypoint)
    parameters: dict[str, Any] = {"config": parse_config({"state_dir": str(tmp_path / "state")})}
    if "input_file" in flow.parameters.properties:
        parameters |= {"input_file": "absent.jsonl", "output_file": str(tmp_path / "out.jsonl")}
    assert flow.fn(**parameters) is before
    assert not list(tmp_path.iterdir())
    assert Console.on_broken_pipe is _discard_output
    assert hasattr(_sync.acquire_concurrency_slots_with_lease, "__wrapped__")


def test_a_run_by_command_keeps_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "on_broken_pipe", Console.on_broken_pipe)
    assert repetition.begin_run() is None
    assert Console.on_broken_pipe is not _discard_output
