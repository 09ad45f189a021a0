from pathlib import Path

import pytest
import torch
from small_training import MemorySink, small_config, write_rows
from tiny_model import make_tiny_model

from sql_ft.training.core import run_training


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base") / "tiny-random")


@pytest.fixture(scope="session")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter trained far enough to change what the model says."""
    folder = tmp_path_factory.mktemp("adapter")
    config = small_config(base, train={"learning_rate": 0.05, "num_train_epochs": 6.0})
    result = run_training(config, write_rows(folder / "train.jsonl"), folder, MemorySink())
    return Path(result.adapter_dir)
