import threading
import time
from pathlib import Path

import pytest

from sql_ft import stage_cache
from sql_ft.errors import ConfigError
from sql_ft.stage_cache import code_digest, open_stage, read_result, stage_key


def test_key_follows_content_not_order() -> None:
    assert stage_key(a=1, b=[2]) == stage_key(b=[2], a=1)
    assert stage_key(a=1) != stage_key(a=2)


def test_a_stage_is_complete_only_after_its_result_is_written(tmp_path: Path) -> None:
    with open_stage(tmp_path, "training", "k") as stage:
        assert stage.result is None
        (stage.path / "half").write_text("x", encoding="utf-8")
    assert read_result(tmp_path / "training" / "k") is None
    with open_stage(tmp_path, "training", "k") as stage:
        assert (stage.path / "half").exists()
        assert stage.complete({"n": 1}) == {"n": 1}
    assert read_result(tmp_path / "training" / "k") == {"n": 1}


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_torn_result_counts_as_absent(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content, encoding="utf-8")
    assert read_result(tmp_path) is None


def test_two_runs_of_one_stage_take_turns(tmp_path: Path) -> None:
    order: list[str] = []

    def work(name: str) -> None:
        with open_stage(tmp_path, "s", "k") as stage:
            if stage.result is None:
                order.append(f"{name} works")
                time.sleep(0.2)
                stage.complete({"by": name})
            else:
                order.append(f"{name} finds")

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.split()[1] for entry in order] == ["works", "finds"]


def test_state_dir_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="setting: state_dir"), open_stage(blocker, "s", "k"):
        pass


def test_code_digest_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "data"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(stage_cache, "__file__", str(tmp_path / "stage_cache.py"))
    before = code_digest("data")
    assert before == code_digest("data")
    (package / "a.py").write_text("x = 2\n", encoding="utf-8")
    assert code_digest("data") != before
