"""Everything a user can get wrong ends in one clear error, and the champion is untouched."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sql_ft.config import RunConfig
from sql_ft.errors import DataError, ModelError, SqlFtError, TrackingError
from sql_ft.tracking.registry import list_versions
from sql_ft.tracking.store import prepare_store

pytestmark = pytest.mark.usefixtures("prefect_server")
MakeConfig = Callable[..., RunConfig]


def write(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return {"source": "file", "path": str(path)}


def row(question: str = "How many?", answer: str = "SELECT COUNT(*) FROM t") -> str:
    return (
        f'{{"question": "{question}", "context": "CREATE TABLE t (a INTEGER)", '
        f'"answer": "{answer}"}}\n'
    )


def run_and_fail(config: RunConfig, expected: type[SqlFtError]) -> SqlFtError:
    """Run the chain; check the error's type, the run's status and the registry."""
    from flows.finetune import run_finetune

    with pytest.raises(expected) as caught:
        run_finetune(config)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    runs = store.client().search_runs([store.experiment_id(config.tracking.experiment)])
    assert [run.info.status for run in runs] == ["FAILED"]
    assert caught.value.message[:40] in runs[0].data.tags["error"]
    assert list_versions(store, config.tracking.registered_model_name) == []
    assert caught.value.exit_code != 0
    return caught.value


def test_missing_file(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(data={"source": "file", "path": str(tmp_path / "absent.jsonl")})
    error = run_and_fail(config, DataError)
    assert error.setting == "data.path"
    assert "absent.jsonl" in error.message


def test_missing_column(make_config: MakeConfig, tmp_path: Path) -> None:
    text = '{"question": "q", "context": "CREATE TABLE t (a INT)", "sql": "SELECT 1"}\n'
    error = run_and_fail(make_config(data=write(tmp_path / "d.jsonl", text)), DataError)
    assert "answer" in str(error)
    assert "data.answer_column" in str(error)


def test_empty_dataset(make_config: MakeConfig, tmp_path: Path) -> None:
    error = run_and_fail(make_config(data=write(tmp_path / "d.jsonl", "")), DataError)
    assert "data.path" in str(error)


def test_malformed_line_is_numbered(make_config: MakeConfig, tmp_path: Path) -> None:
    error = run_and_fail(
        make_config(data=write(tmp_path / "d.jsonl", row() + "{nonsense\n")), DataError
    )
    assert "2" in error.message


def test_every_row_too_long(make_config: MakeConfig) -> None:
    error = run_and_fail(make_config(data={"max_length": 32}), DataError)
    assert error.setting == "data.max_length"
    assert "shortest" in error.message


def test_model_not_found_while_offline(make_config: MakeConfig) -> None:
    config = make_config(model={"name_or_path": "Qwen/Qwen2.5-1.5B-Instruct"})
    error = run_and_fail(config, ModelError)
    assert error.setting == "model.name_or_path"
    assert "HF_HUB_OFFLINE" in str(error)


def test_model_folder_that_is_not_there(make_config: MakeConfig, tmp_path: Path) -> None:
    error = run_and_fail(make_config(model={"name_or_path": str(tmp_path / "no")}), ModelError)
    assert error.setting == "model.name_or_path"


def test_dataset_not_reachable_while_offline(make_config: MakeConfig) -> None:
    error = run_and_fail(make_config(data={"source": "hub"}), DataError)
    assert "data." in str(error.setting)


def test_registry_unreachable(make_config: MakeConfig) -> None:
    from flows.finetune import run_finetune

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = make_config(tracking={"tracking_uri": f"http://127.0.0.1:{port}"})
    with pytest.raises(TrackingError, match=f"127.0.0.1:{port}") as caught:
        run_finetune(config)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert not (config.state_path / "training").exists()
