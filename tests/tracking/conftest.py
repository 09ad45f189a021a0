import os

import pytest

from sql_ft.tracking.store import Store, prepare_store

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One SQLite store a module: creating one takes more than a second."""
    state = tmp_path_factory.mktemp("state")
    return prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)
