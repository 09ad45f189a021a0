import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_model import make_tiny_model

from sql_ft.config import GenerationConfig, ModelConfig, RunConfig
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One SQLite store for all: creating one takes more than a second."""
    state = tmp_path_factory.mktemp("state")
    return prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random base model."""
    return make_tiny_model(tmp_path_factory.mktemp("base") / "tiny-random")


@pytest.fixture
def config(tiny_base: Path) -> RunConfig:
    return RunConfig(
        model=ModelConfig(name_or_path=str(tiny_base)),
        generation=GenerationConfig(max_new_tokens=12, batch_size=4),
    )


@pytest.fixture
def run_id(store: Store) -> Iterator[str]:
    with start_run(store, "registry", name="train") as run:
        yield run.run_id
