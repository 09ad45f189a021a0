"""A training process that was started before it was needed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_training import MemorySink, small_config

from sql_ft.errors import ModelError
from sql_ft.training import standby, trainer
from sql_ft.training.result import TrainResult
from sql_ft.training.trainer import train_adapter

Finished = tuple[TrainResult, MemorySink, Path]


@pytest.fixture(autouse=True)
def _nobody_left() -> Iterator[None]:
    yield
    standby.end_standby()


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Process numbers of the trainings that were started."""
    pids: list[int] = []
    start = standby.start_child

    def remember(*arguments: Any) -> Any:
        process = start(*arguments)
        pids.append(process.pid)
        return process

    monkeypatch.setattr(trainer, "start_child", remember)
    return pids


def waiting() -> Any:
    (found,) = standby._waiting
    return found[0]


def test_it_trains_the_same_adapter(
    finished: Finished,
    base: Path,
    rows: Path,
    tmp_path: Path,
    used: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = small_config(base)
    trainer.start_ahead(config)
    trainer.start_ahead(config)
    process = waiting()
    # What a run sets meanwhile reaches it too, and keeps nobody from using it.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "set later")
    result = train_adapter(config, rows, tmp_path, MemorySink())
    assert used == [process.pid]
    assert result.adapter_hash == finished[0].adapter_hash
    assert (tmp_path / trainer.LOG_FILE).exists()
    assert process.returncode == 0


def test_its_errors_are_those_of_any_training(tmp_path: Path, rows: Path, used: list[int]) -> None:
    config = small_config(tmp_path / "nowhere")
    trainer.start_ahead(config)
    process = waiting()
    with pytest.raises(ModelError, match="does not exist"):
        train_adapter(config, rows, tmp_path / "out", MemorySink())
    assert used == [process.pid]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """In place of training: a process that reads a line, or was given arguments."""
    script = (
        "import sys\n"
        "if '--stand-by' in sys.argv: print('ordered', bool(sys.stdin.readline()))\n"
        "else: print('at once', *sys.argv[1:3])\n"
    )
    monkeypatch.setattr(standby, "_COMMAND", (sys.executable, "-c", script))
    return ["--config", "x"]


def said(process: Any) -> str:
    with process.stdout as stream:
        text: str = stream.read()
    process.wait()
    return text.strip()


def test_one_that_died_is_replaced(quick: list[str], tmp_path: Path) -> None:
    standby.stand_by({})
    waiting().kill()
    waiting().wait()
    assert said(standby.start_child(quick, {}, tmp_path / "log")) == "at once --config x"
    assert standby._waiting == []


@pytest.mark.parametrize(
    ("later", "said_then"),
    [
        ({"CUDA_VISIBLE_DEVICES": "1"}, "at once --config x"),
        ({"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "2"}, "at once --config x"),
        ({}, "at once --config x"),
        ({"CUDA_VISIBLE_DEVICES": "0", "MLFLOW_RUN_ID": "r"}, "ordered True"),
    ],
)
def test_what_libraries_read_early_must_be_the_same(
    quick: list[str], tmp_path: Path, later: dict[str, str], said_then: str
) -> None:
    standby.stand_by({"CUDA_VISIBLE_DEVICES": "0"})
    process = waiting()
    assert said(standby.start_child(quick, later, tmp_path / "log")) == said_then
    assert process.poll() is not None


def test_it_ends_when_nobody_asks(base: Path) -> None:
    trainer.start_ahead(small_config(base))
    process = waiting()
    process.stdin.close()
    assert process.wait(120) == 0


def test_arguments_are_still_required(capsys: pytest.CaptureFixture[str]) -> None:
    from sql_ft.training.__main__ import main

    with pytest.raises(SystemExit) as left:
        main(["--config", "x"])
    assert left.value.code == 2
    assert "--train-path" in capsys.readouterr().err
