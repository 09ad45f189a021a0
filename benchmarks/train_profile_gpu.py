"""Where a training step's GPU time goes: kernels of one preset, by kind and by name.

python benchmarks/train_profile_gpu.py --tokenizer-dir tokenizer/ --preset fast_large
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from qwen_shape_gpu import QWEN_SHAPE, build_base
from train_speed_gpu import PRESETS, make_rows
from transformers import set_seed

from sql_ft.base_model import load_tokenizer
from sql_ft.config import load_config
from sql_ft.training.core import build_trainer
from sql_ft.training.hardware import adapt_to_hardware, fix_determinism

KINDS = (
    ("attention", ("flash", "fmha")),
    ("matrix products", ("gemm", "cutlass", "nvjet", "cublas", "splitk", "s16816", "xmma", "gemv")),
    ("dropout", ("dropout", "masked_scale")),
    ("norm", ("rms_norm", "rmsnorm")),
    ("swiglu", ("swiglu", "silu")),
    ("rotary", ("rope",)),
    ("loss", ("softmax_minus",)),
    ("copies and casts", ("copy", "memcpy", "memset", "fill")),
)


def kind_of(name: str) -> str:
    lowered = name.lower()
    for kind, parts in KINDS:
        if any(part in lowered for part in parts):
            return kind
    return "elementwise and other"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer-dir", type=Path, required=True)
    parser.add_argument("--preset", default="fast_large")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--top", type=int, default=25)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        base = Path(folder) / "base"
        build_base(base, arguments.tokenizer_dir, QWEN_SHAPE)
        config = load_config(
            PRESETS / f"{arguments.preset}.yaml",
            [f"model.name_or_path={base}", "train.save_steps=100000", *arguments.set],
        )
        effective, _ = adapt_to_hardware(config, "cuda")
        fix_determinism("cuda", strict=effective.fused)
        batch = config.train.per_device_train_batch_size
        rows = make_rows(4 * batch, 150_000, 155.0)
        set_seed(0)
        tokenizer = load_tokenizer(config.model)
        trainer = build_trainer(config, effective, tokenizer, rows, Path(folder) / "work")
        loader = list(trainer.get_train_dataloader())
        for number in range(3):
            trainer.training_step(trainer.model, loader[number % len(loader)])
        torch.cuda.synchronize()
        started = time.monotonic()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
            trainer.training_step(trainer.model, loader[0])
            torch.cuda.synchronize()
        wall_ms = 1000 * (time.monotonic() - started)
    kernels = [e for e in profiler.key_averages() if e.self_device_time_total > 0]
    total = sum(e.self_device_time_total for e in kernels) / 1000
    kinds: dict[str, float] = defaultdict(float)
    for event in kernels:
        kinds[kind_of(event.key)] += event.self_device_time_total / 1000
    tokens = loader[0]["tokens"]
    print(f"{tokens} tokens, wall {wall_ms:.0f} ms, GPU {total:.1f} ms")
    for kind, ms in sorted(kinds.items(), key=lambda item: -item[1]):
        print(f"| {kind} | {ms:.1f} ms | {100 * ms / total:.0f} % |")
    named: list[dict[str, Any]] = [
        {"name": e.key[:110], "ms": round(e.self_device_time_total / 1000, 2), "calls": e.count}
        for e in sorted(kernels, key=lambda e: -e.self_device_time_total)[: arguments.top]
    ]
    for row in named:
        print(f"{row['ms']:8.2f} ms {row['calls']:6d}  {row['name']}")
    if arguments.out:
        arguments.out.write_text(
            json.dumps({"tokens": tokens, "gpu_ms": total, "kinds": kinds, "top": named}, indent=1)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
