"""The training process and its parent: relays, errors, kills."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_training import MemorySink, small_config
from tiny_model import make_tiny_tokenizer

from sql_ft.errors import ConfigError, ModelError, TrainingError, TrainingInterruptedError
from sql_ft.training import standby, trainer
from sql_ft.training.events import EventWriter, rebuild_error
from sql_ft.training.result import TrainResult
from sql_ft.training.trainer import train_adapter

Finished = tuple[TrainResult, MemorySink, Path]


class _KillingSink(MemorySink):
    """Kills the training process (this process's only child) at a step."""

    def __init__(self, at_step: int, number: int) -> None:
        super().__init__()
        self._at_step = at_step
        self._number = number

    def log_metrics(self, metrics, step=None) -> None:
        super().log_metrics(metrics, step)
        if step == self._at_step:
            for pid in _children(os.getpid()):
                os.kill(pid, self._number)


def _children(parent: int) -> list[int]:
    import psutil

    found = []
    for child in psutil.Process(parent).children(recursive=True):
        # Other tests of this process may have left zombies, whose command cannot be read.
        with contextlib.suppress(psutil.Error):
            if "sql_ft.training" in child.cmdline():
                found.append(child.pid)
    return found


def test_killed_and_interrupted_training_continues_to_the_same_adapter(
    finished: Finished, base: Path, rows: Path, tmp_path: Path
) -> None:
    config = small_config(base)
    with pytest.raises(TrainingInterruptedError, match=r"ended by SIGKILL.*run again"):
        train_adapter(config, rows, tmp_path, _KillingSink(3, signal.SIGKILL))
    with pytest.raises(TrainingInterruptedError, match="interrupted"):
        train_adapter(config, rows, tmp_path, _KillingSink(5, signal.SIGINT))
    assert not (tmp_path / "adapter").exists()

    sink, progress = MemorySink(), []
    result = train_adapter(config, rows, tmp_path, sink, lambda *args: progress.append(args))
    first = result.resumed_from_step
    assert first in (2, 4)
    assert progress == [(step, 8) for step in range(first, 9)]
    assert [step for step, _ in sink.curve("train/loss")] == list(range(first + 1, 9))
    assert sink.params["effective.device"] == "cpu"
    assert sink.summary["train/trainable_parameters"] == result.trainable_parameters
    expected = load_file(Path(finished[0].adapter_dir) / "adapter_model.safetensors")
    got = load_file(Path(result.adapter_dir) / "adapter_model.safetensors")
    for name, tensor in expected.items():
        assert (got[name] - tensor).abs().max() < 1e-4


def test_replacements_are_reported_and_errors_keep_their_type(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No rows: the child says so after it has said what it replaced."""
    empty = tmp_path / "train.jsonl"
    empty.write_text("")
    config = small_config(base, train={"optim": "paged_adamw_32bit", "precision": "fp16"})
    sink = MemorySink()
    with pytest.raises(TrainingError, match="holds no rows") as caught:
        train_adapter(config, empty, tmp_path, sink)
    assert caught.value.setting == "data.train_rows"
    assert "paged_adamw_32bit pages GPU memory: adamw_torch instead" in caplog.text
    assert "fp16 is mixed precision for GPUs: fp32 instead" in caplog.text
    assert sink.params["effective.optim"] == "adamw_torch"


def test_missing_base_model(tmp_path: Path, rows: Path) -> None:
    make_tiny_tokenizer(tmp_path / "model")
    with pytest.raises(ModelError, match=r"no config\.json.*model\.name_or_path"):
        train_adapter(small_config(tmp_path / "model"), rows, tmp_path, MemorySink())


def test_crash_in_an_import_is_reported_with_its_log(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "site"
    broken.mkdir()
    (broken / "torch.py").write_text("raise RuntimeError('torch is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(TrainingError, match="torch is broken here"):
        train_adapter(small_config(base), rows, tmp_path / "out", MemorySink())


def test_an_error_in_the_parent_leaves_no_child(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenSink(MemorySink):
        def log_params(self, params) -> None:
            raise ConnectionError("the store is gone")

    pids = _fake_training(
        monkeypatch, tmp_path, 'say({"event": "params", "params": {}}); time.sleep(600)'
    )
    with pytest.raises(ConnectionError):
        train_adapter(small_config(base), rows, tmp_path, BrokenSink())
    assert not _alive(pids())


def test_hung_training_is_killed(
    base: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_HANG_MARGIN_S", 0.2)
    pids = _fake_training(monkeypatch, tmp_path, "time.sleep(600)")
    config = small_config(base, train={"timeout_s": 1})
    with pytest.raises(TrainingError, match=r"did not end within 1 s.*train\.timeout_s"):
        train_adapter(config, rows, tmp_path, MemorySink())
    assert not _alive(pids())


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("os.kill(os.getpid(), 11)", TrainingInterruptedError, "ended by SIGSEGV: last words"),
        ("sys.exit(3)", TrainingError, "ended with code 3: last words"),
        ("pass", TrainingError, "ended with code 0: last words"),
        ('print("{half a li", end="")', TrainingError, "ended with code 0"),
    ],
)
def test_strange_ends(
    body: str,
    kind: type[Exception],
    text: str,
    base: Path,
    rows: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _fake_training(monkeypatch, tmp_path, f"print('last words', file=sys.stderr); {body}")
    with pytest.raises(kind, match=text) as caught:
        train_adapter(small_config(base), rows, tmp_path, MemorySink())
    assert type(caught.value) is kind


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_child_dies_with_a_killed_parent(base: Path, rows: Path, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from small_training import MemorySink, small_config\n"
        "from sql_ft.training.trainer import train_adapter\n"
        "class Sink(MemorySink):\n"
        "    def log_params(self, params): print('training', flush=True)\n"
        "base, rows, out = map(pathlib.Path, sys.argv[1:])\n"
        "config = small_config(base, train={'num_train_epochs': 100.0})\n"
        "train_adapter(config, rows, out, Sink())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(base), str(rows), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "training\n"
    children = _children(parent.pid)
    assert len(children) == 1
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _wait_until(lambda: not _alive(children[0]))


@pytest.mark.parametrize(
    "error",
    [
        TrainingError("a", setting="train.optim", expected="b"),
        ConfigError("unicode ü", setting="x"),
        ModelError("plain"),
    ],
)
def test_errors_survive_the_pipe(error: Exception, tmp_path: Path) -> None:
    path = tmp_path / "events"
    with path.open("w") as stream:
        EventWriter(stream).error(error)
    rebuilt = rebuild_error(json.loads(path.read_text()))
    assert type(rebuilt) is type(error)
    assert str(rebuilt) == str(error)


def test_unknown_error_types_become_training_errors() -> None:
    assert type(rebuild_error({"type": "os", "message": "m"})) is TrainingError
    assert type(rebuild_error({"type": "SqlFtError2", "message": "m"})) is TrainingError


def _fake_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Callable[[], int]:
    """Run `body` in place of the training process; the result tells its pid."""
    pid_file = tmp_path / "pid"
    script = (
        "import json, os, pathlib, sys, time\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "say = lambda event: print(json.dumps(event), flush=True)\n"
        f"{body}\n"
    )
    monkeypatch.setattr(standby, "_COMMAND", (sys.executable, "-c", script))
    return lambda: int(pid_file.read_text())


def _alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
