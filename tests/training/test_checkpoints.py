from pathlib import Path

import pytest

from sql_ft.training.checkpoints import COMPLETE_FILE, find_checkpoint, seal_checkpoint


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    for step in (2, 10, 8):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_bytes(b"w" * step)
        seal_checkpoint(folder, "run")
    return tmp_path


def test_newest_by_step_not_by_name(checkpoints: Path) -> None:
    assert find_checkpoint(checkpoints, "run") == checkpoints / "checkpoint-10"


def test_unsealed_torn_and_foreign_ones_are_passed_over_and_removed(checkpoints: Path) -> None:
    (checkpoints / "checkpoint-10" / COMPLETE_FILE).unlink()
    (checkpoints / "checkpoint-8" / "weights").write_bytes(b"w")
    assert find_checkpoint(checkpoints, "run") == checkpoints / "checkpoint-2"
    assert [c.name for c in checkpoints.iterdir()] == ["checkpoint-2"]
    assert find_checkpoint(checkpoints, "another run") is None


def test_damaged_seal_and_missing_file(checkpoints: Path) -> None:
    (checkpoints / "checkpoint-10" / COMPLETE_FILE).write_text("{")
    (checkpoints / "checkpoint-8" / "weights").unlink()
    assert find_checkpoint(checkpoints, "run") == checkpoints / "checkpoint-2"


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-x").mkdir()
    (tmp_path / "checkpoint-3").write_text("a file")
    assert find_checkpoint(tmp_path, "run") is None
    assert find_checkpoint(tmp_path / "absent", "run") is None
