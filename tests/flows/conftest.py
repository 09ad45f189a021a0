import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_model import make_tiny_model

from flows.logging_setup import configure_process
from sql_ft.config import RunConfig, parse_config


@pytest.fixture(scope="session")
def random_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model: quick to train, and never good enough to be promoted."""
    return make_tiny_model(tmp_path_factory.mktemp("base") / "random")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all flows of this process."""
    configure_process()
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


def small_settings(base: Path, state: Path) -> dict[str, Any]:
    """A chain of about ten seconds."""
    return {
        "name": "small",
        "state_dir": str(state),
        "model": {"name_or_path": str(base)},
        "data": {"train_rows": 32, "eval_rows": 24, "disjoint_columns": ["template"]},
        "train": {"num_train_epochs": 1.0, "save_steps": 2, "logging_steps": 1},
        "generation": {"max_new_tokens": 12, "few_shot_examples": 0},
        "promotion": {"min_samples": 10},
    }


@pytest.fixture(scope="session")
def chain_settings() -> Callable[[Path, Path], dict[str, Any]]:
    """Settings of a chain of about ten seconds, by base and state folder."""
    return small_settings


@pytest.fixture
def make_config(random_base: Path, tmp_path: Path) -> Callable[..., RunConfig]:
    """Build the small configuration with changes per section."""

    def make(**sections: dict[str, Any] | str) -> RunConfig:
        values = small_settings(random_base, tmp_path / "state")
        for name, change in sections.items():
            values[name] = (
                {**values.get(name, {}), **change} if isinstance(change, dict) else change
            )
        return parse_config(values)

    return make


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `sql-ft …` as a user would, with a Prefect home of its own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "COLUMNS": "120"},
        )

    return start
