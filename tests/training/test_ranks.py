"""Several processes train as one does: the same steps, losses and adapter; one death ends all."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.torch import load_file
from small_training import MemorySink, small_config

from sql_ft.config import load_config
from sql_ft.errors import ConfigError, TrainingError, TrainingInterruptedError
from sql_ft.training import launch
from sql_ft.training.core import run_training
from sql_ft.training.dataset import IGNORED
from sql_ft.training.ranks import Ranks, SharingCollator, divide_step, share_rows
from sql_ft.training.trainer import train_adapter

# 16 rows in steps of six: the last has four. Two processes share three rows, then two.
STEP = {
    "per_device_train_batch_size": 3,
    "gradient_accumulation_steps": 2,
    "lora_dropout": 0.0,
    "num_train_epochs": 1.0,
}


def _assert_same(one: Path, two: Path) -> None:
    expected, got = (load_file(folder / "adapter_model.safetensors") for folder in (one, two))
    for name, tensor in expected.items():
        assert (got[name] - tensor).abs().max() < 1e-5, name


@pytest.mark.slow
def test_two_processes_train_what_one_does(base: Path, rows: Path, tmp_path: Path) -> None:
    """Also after one of them was killed."""

    class Killing(MemorySink):
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            super().log_metrics(metrics, step)
            if step == 2:
                os.kill(_ranks()[-1], signal.SIGKILL)

    alone = MemorySink()
    one = run_training(small_config(base, train=STEP), rows, tmp_path / "one", alone)
    config = small_config(base, train={**STEP, "num_processes": 2, "save_steps": 1})
    with pytest.raises(TrainingInterruptedError, match=r"ended by SIGKILL.*run again"):
        train_adapter(config, rows, tmp_path / "two", Killing())
    assert not (tmp_path / "two" / "adapter").exists()
    assert not _ranks()

    sink = MemorySink()
    two = train_adapter(config, rows, tmp_path / "two", sink)
    assert sink.params["effective.processes"] == "2"
    assert two.resumed_from_step >= 1
    first = two.resumed_from_step
    assert [step for step, _ in sink.curve("train/loss")] == list(range(first + 1, one.steps + 1))
    expected = alone.curve("train/loss")[first:]
    for (_, got), (_, wanted) in zip(sink.curve("train/loss"), expected, strict=True):
        assert got == pytest.approx(wanted, abs=1e-5)
    _assert_same(Path(one.adapter_dir), Path(two.adapter_dir))


@pytest.mark.slow
def test_two_processes_train_packed_what_one_does(base: Path, rows: Path, tmp_path: Path) -> None:
    config = small_config(base, train={**STEP, "packing": True})
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    script = Path(__file__).with_name("packed_ranks.py")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
    for name, before in (("one", ()), ("two", launcher)):
        subprocess.run(
            [sys.executable, *before, str(script), str(path), str(rows), str(tmp_path / name)],
            check=True,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
    _assert_same(tmp_path / "one" / "adapter", tmp_path / "two" / "adapter")


def test_shares_are_even_and_complete() -> None:
    lengths = [100, 20, 30, 90, 5, 60, 60, 70]
    shares = share_rows(lengths, 3)
    assert sorted(index for share in shares for index in share) == list(range(8))
    tokens = [sum(lengths[index] for index in share) for share in shares]
    assert max(tokens) - min(tokens) <= 20
    assert share_rows(lengths, 1) == [list(range(8))]
    assert share_rows([7], 2) == [[0], []]


@pytest.mark.parametrize(
    ("batch", "accumulation", "processes", "expected"),
    [(4, 2, 1, (4, 2)), (4, 2, 2, (8, 1)), (4, 4, 2, (8, 2)), (8, 1, 2, (8, 1)), (4, 3, 2, (4, 3))],
)
def test_a_step_keeps_its_rows(
    batch: int, accumulation: int, processes: int, expected: tuple[int, int]
) -> None:
    assert divide_step(batch, accumulation, processes) == expected
    rows, times = expected
    assert rows * times == batch * accumulation
    assert -(-rows // processes) <= batch


def test_a_process_without_a_row_teaches_nothing() -> None:
    row = {"input_ids": [1, 2, 3], "labels": [IGNORED, 2, 3]}
    busy, idle = (
        SharingCollator(lambda rows: {"rows": rows}, Ranks(index, 2))([row])["rows"]
        for index in range(2)
    )
    assert busy == [row]
    assert idle == [{"input_ids": [1, 2, 3], "labels": [IGNORED] * 3}]


def test_how_many_processes(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(**train: Any) -> int:
        return launch.count_processes(small_config(base, train=train))

    # On a CPU one, unless asked for more.
    assert (count(), count(num_processes=2)) == (1, 2)
    monkeypatch.setattr(launch, "pick_device", lambda model: "cuda")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert count() == 3
    assert count(num_processes=1) == count(group_by_length=True) == 1
    assert count(per_device_train_batch_size=2) == 2
    with pytest.raises(TrainingError, match=r"4 training processes.*3 GPUs.*num_processes"):
        count(num_processes=4)
    with pytest.raises(TrainingError, match=r"a step of 2 rows cannot be shared by 3 processes"):
        count(num_processes=3, per_device_train_batch_size=2)
    with pytest.raises(ConfigError, match="group_by_length needs"):
        load_config(None, ["train.group_by_length=true", "train.num_processes=2"])


def test_an_error_of_every_process_is_told_once(base: Path, tmp_path: Path) -> None:
    empty = tmp_path / "train.jsonl"
    empty.write_text("")
    with pytest.raises(TrainingError, match="holds no rows") as caught:
        train_adapter(
            small_config(base, train={"num_processes": 2}), empty, tmp_path / "out", MemorySink()
        )
    assert caught.value.setting == "data.train_rows"


def _ranks() -> list[int]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "--launched" in child.cmdline():
                found.append(child.pid)
        except psutil.Error:
            continue
    return found
