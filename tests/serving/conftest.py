from collections.abc import Iterator
from pathlib import Path

import pytest
from live_files import make_duckdb, make_sqlite

from sql_ft.assets.sample_databases.write import write_examples
from sql_ft.serving.live_database import LiveDatabase, open_database


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder)
    return folder


@pytest.fixture(params=["delete", "wal", "duckdb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same small database in three forms."""
    if request.param == "duckdb":
        return make_duckdb(tmp_path / "shop.duckdb")
    return make_sqlite(tmp_path / "shop.sqlite", journal_mode=request.param)


@pytest.fixture
def database(shop: Path) -> Iterator[LiveDatabase]:
    with open_database(shop) as database:
        yield database
