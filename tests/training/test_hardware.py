import subprocess
import sys
from pathlib import Path

import pytest

from sql_ft.config import load_config, parse_config
from sql_ft.hardware import pick_threads
from sql_ft.training.hardware import adapt_to_hardware

CONFIGS = Path(__file__).parents[2] / "deployments" / "configs"


def test_the_published_recipe_to_the_letter() -> None:
    config = load_config(CONFIGS / "write_up.yaml")
    train = config.train
    assert config.model.name_or_path == "Qwen/Qwen2.5-1.5B-Instruct"
    assert config.data.hub_id == "b-mc2/sql-create-context"
    assert (config.data.sampling, config.data.shuffle_seed) == ("sample_then_split", 42)
    assert (config.data.train_rows, config.data.max_length) == (1000, 512)
    assert (train.lora_r, train.lora_alpha, train.lora_dropout, train.bias) == (
        16,
        16,
        0.05,
        "none",
    )
    assert set(train.target_modules) == {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert (train.per_device_train_batch_size, train.gradient_accumulation_steps) == (4, 2)
    assert (train.learning_rate, train.num_train_epochs) == (2e-4, 1.0)
    assert (train.precision, train.optim) == ("fp16", "paged_adamw_32bit")
    assert (config.model.quantization, train.logging_steps) == ("nf4", 10)
    on_gpu, notes = adapt_to_hardware(config, "cuda")
    assert notes == []
    assert (on_gpu.optim, on_gpu.precision) == ("paged_adamw_32bit", "fp16")
    assert on_gpu.compute_dtype == "float16"


def test_each_replacement_on_a_cpu_is_said() -> None:
    config = load_config(CONFIGS / "write_up.yaml")
    effective, notes = adapt_to_hardware(config, "cpu")
    assert (effective.optim, effective.precision) == ("adamw_torch", "fp32")
    assert (effective.compute_dtype, effective.packing) == ("float32", False)
    assert len(notes) == 3
    for setting in ("train.optim", "train.precision", "model.compute_dtype"):
        assert sum(setting in note for note in notes) == 1


def test_the_laptop_preset_needs_no_replacement() -> None:
    config = load_config(CONFIGS / "tiny.yaml")
    effective, notes = adapt_to_hardware(config, "cpu")
    assert notes == []
    assert effective.to_params()["effective.optim"] == config.train.optim


def test_a_cpu_runs_a_pass_on_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    effective, _ = adapt_to_hardware(load_config(CONFIGS / "tiny.yaml"), "cpu")
    assert (effective.packing, effective.fused, effective.graphs) == (True, True, False)
    assert (effective.threads, effective.passes) == (2, 2)
    for override in ("train.lora_dropout=0.1", "train.fused_kernels=off", "train.packing=false"):
        changed, _ = adapt_to_hardware(load_config(CONFIGS / "tiny.yaml", [override]), "cpu")
        assert changed.passes == 1, override
    half = load_config(CONFIGS / "tiny.yaml", ["model.compute_dtype=bfloat16"])
    effective, notes = adapt_to_hardware(half, "cpu")
    assert (effective.packing, effective.fused) == (True, False)
    assert any("train.fused_kernels needs float32" in note for note in notes)


def test_auto_precision_follows_the_compute_dtype_on_a_gpu() -> None:
    for dtype, precision in (("bfloat16", "bf16"), ("float32", "fp32")):
        config = parse_config({"model": {"compute_dtype": dtype}})
        assert adapt_to_hardware(config, "cuda")[0].precision == precision


def test_threads_can_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert pick_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert pick_threads() >= 1


def test_peak_memory_is_this_process_alone() -> None:
    # A process of its own: this one's peak may be far above what it holds now.
    code = (
        "from sql_ft.hardware import peak_memory_bytes\n"
        "before = peak_memory_bytes('cpu')\n"
        "block = bytearray(300_000_000)\n"
        "block[::4096] = b'x' * len(block[::4096])\n"
        "del block\n"
        "print(before, peak_memory_bytes('cpu'))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = (int(number) for number in ended.stdout.split())
    assert 0 < before < 100_000_000
    assert 290_000_000 < after - before < 320_000_000
