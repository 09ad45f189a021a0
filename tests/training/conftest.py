from pathlib import Path

import pytest
import torch
from small_training import MemorySink, small_config, write_rows
from tiny_model import make_tiny_model

from sql_ft.training.core import run_training
from sql_ft.training.result import TrainResult


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Tests share the machine; results on one thread do not depend on how busy it is.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_training_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base") / "tiny-random")


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "train.jsonl")


@pytest.fixture(scope="session")
def finished(
    base: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainResult, MemorySink, Path]:
    """One uninterrupted training of eight steps."""
    out_dir = tmp_path_factory.mktemp("finished")
    sink = MemorySink()
    return run_training(small_config(base), rows, out_dir, sink), sink, out_dir
