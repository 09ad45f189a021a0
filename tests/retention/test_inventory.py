import os
from pathlib import Path

from sql_ft.retention.inventory import Kind, list_items
from sql_ft.stage_cache import open_stage, read_result


def write(path: Path, size: int, at: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    if at is not None:
        os.utime(path, (at, at))
    return path


def found(state: Path) -> dict[str, Kind]:
    return {item.path: item.kind for item in list_items(state)}


def test_an_empty_or_absent_folder_holds_nothing(tmp_path: Path):
    assert list_items(tmp_path / "none") == []
    assert list_items(tmp_path) == []


def test_only_what_can_be_made_again_is_listed(tmp_path: Path):
    for kept in (
        "mlflow.db",
        "history.duckdb",
        "artifacts/sql-ft/r/artifacts/report/report.html",
        "manifests/m.json",
        "manifests/m.questions-1.json",
        "locks/a.lock",
        "stack/worker.log",
        "own/notes.txt",
        "predictions/readme.md",
    ):
        write(tmp_path / kept, 3)
    assert found(tmp_path) == {}


def test_every_byte_belongs_to_one_item(tmp_path: Path):
    with open_stage(tmp_path, "training", "done") as stage:
        write(stage.path / "adapter" / "weights", 100)
        write(stage.path / "checkpoints" / "checkpoint-2" / "state", 1000)
        stage.complete({"hash": "h"})
    with open_stage(tmp_path, "training", "half") as stage:
        write(stage.path / "checkpoints" / "checkpoint-2" / "state", 50, at=5.0)
        write(stage.path / "training.log", 7, at=9.0)
    with open_stage(tmp_path, "evaluation_sets", "set") as stage:
        stage.complete({"hash": "e" * 64})
    write(tmp_path / "predictions" / "k.jsonl", 20)
    write(tmp_path / "predictions" / "k.stats.json", 2)
    write(tmp_path / "predictions" / "k.stats.partial", 2)
    write(tmp_path / "verdicts" / "v.jsonl", 30)
    write(tmp_path / "reports" / "r.html", 40)
    write(tmp_path / "registry" / "m" / "version-3" / "w", 60)
    write(tmp_path / "registry" / "m" / "version-4.k3x" / "w", 61)
    items = {item.path: item for item in list_items(tmp_path)}
    assert found(tmp_path) == {
        "training/done": Kind.STAGE,
        "training/done/checkpoints": Kind.FINISHED_CHECKPOINTS,
        "training/half": Kind.UNFINISHED_TRAINING,
        "evaluation_sets/set": Kind.STAGE,
        "predictions/k.jsonl": Kind.ANSWERS,
        "predictions/k.stats.partial": Kind.STAGING,
        "verdicts/v.jsonl": Kind.VERDICTS,
        "reports/r.html": Kind.REPORT,
        "registry/m/version-3": Kind.FETCHED,
        "registry/m/version-4.k3x": Kind.STAGING,
    }
    on_disk = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    assert sum(item.size_bytes for item in items.values()) == on_disk
    assert items["training/done/checkpoints"].size_bytes == 1000
    # An unfinished training is as old as its last step.
    assert items["training/half"].used_at == 9.0
    assert items["evaluation_sets/set"].content_hash == "e" * 64


def test_reading_a_result_is_a_use_of_it_and_looking_is_not(tmp_path: Path):
    with open_stage(tmp_path, "datasets", "k") as stage:
        stage.complete({"n": 1})
    result = tmp_path / "datasets" / "k" / "result.json"
    os.utime(result, (5.0, 5.0))
    (before,) = list_items(tmp_path)
    assert before.used_at == 5.0
    assert read_result(tmp_path / "datasets" / "k") == {"n": 1}
    (after,) = list_items(tmp_path)
    assert after.used_at > 1e9
