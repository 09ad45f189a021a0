"""The flow that answers a file, on a registered version."""

import csv
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lora_folder import make_lora_folder

from sql_ft.config import RunConfig
from sql_ft.data.local_files import read_file
from sql_ft.serving.predictor import Predictor, Question
from sql_ft.tracking.registry import register_adapter
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import set_alias

pytestmark = pytest.mark.usefixtures("prefect_server")

ROWS = [
    {"id": "007", "question": 'How many "heads",\nolder than 56?', "context": "CREATE TABLE h (a)"},
    {"id": "8", "question": "List the names.", "context": "CREATE TABLE d (name TEXT)"},
    {"id": "9", "question": "How many names?", "context": "CREATE TABLE d (name TEXT)"},
]


@pytest.fixture
def config(make_config: Callable[..., RunConfig], random_base: Path, tmp_path: Path) -> RunConfig:
    """A registry with one version, which is the candidate."""
    config = make_config()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    with start_run(store, "registry", name="train") as run:
        adapter = make_lora_folder(tmp_path / "adapter", random_base, seed=1)
        register_adapter(store, run.run_id, adapter, name, config=config, verify=False)
    set_alias(store, name, "candidate", "1")
    return config


def test_a_file_is_answered_as_the_predictor_answers(config: RunConfig, tmp_path: Path) -> None:
    from flows.batch import batch_predict

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "q.parquet")
    with (tmp_path / "q.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    predictor = Predictor.from_alias("candidate", config)
    expected = [predictor.predict([Question(r["question"], r["context"])])[0] for r in ROWS]
    for source, output, version in (
        ("q.parquet", "a.csv", "candidate"),
        ("q.csv", "a.parquet", "1"),
    ):
        found = batch_predict(
            config=config,
            input_file=str(tmp_path / source),
            output_file=str(tmp_path / output),
            version=version,
        )
        assert found["rows"] == len(ROWS)
        rows = read_file(tmp_path / output)
        assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS
        assert [row["completion"] for row in rows] == [a.completion for a in expected]
        assert [row["predicted_sql"] for row in rows] == [a.sql for a in expected]
        assert "version 1" in rows[0]["model"]
