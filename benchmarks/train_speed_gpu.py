"""QLoRA training speed on one GPU, variants side by side in one run.

Qwen2.5-1.5B's exact shape with random weights, rows of random tokens with log-normal lengths
(median 155), the last third of each supervised. Each variant goes through
`sql_ft.training.core.build_trainer` and TRL's own loop; after `--warm-up` steps (shapes are
captured there) blocks of steps are timed with the GPU synchronised at their ends. Useful
tokens only: padding is not counted. Prints a table and writes JSON.

    python benchmarks/train_speed_gpu.py --tokenizer-dir tokenizer/ --out speed.json
    python benchmarks/train_speed_gpu.py --tokenizer-dir tokenizer/ --tiny   # same path, CPU
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from qwen_shape_gpu import QWEN_SHAPE, TINY_SHAPE, _machine, build_base
from transformers import TrainerCallback, set_seed

from sql_ft.base_model import known_deprecations_ignored, load_tokenizer
from sql_ft.config import load_config
from sql_ft.training.core import build_trainer
from sql_ft.training.dataset import IGNORED, TokenisedRows
from sql_ft.training.hardware import adapt_to_hardware, fix_determinism

PRESETS = Path(__file__).parents[1] / "deployments" / "configs"
GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    preset: str
    settings: tuple[str, ...]
    steps: int
    warm_up: int


OFF = ("train.fused_kernels=off", "train.unpack_base=off")
VARIANTS = (
    Variant("recipe: write_up.yaml (4 x 2, fp16, padded)", "write_up", (), 12, 4),
    Variant(
        "padded, batch 32, bf16, fused AdamW",
        "fast",
        ("train.packing=false", "train.per_device_train_batch_size=32"),
        10,
        4,
    ),
    Variant("packed, batch 8, PEFT's layers, autocast", "fast", OFF, 20, 8),
    Variant(
        "packed, batch 48, PEFT's layers, autocast",
        "fast",
        (*OFF, "train.per_device_train_batch_size=48"),
        10,
        4,
    ),
    Variant("fast.yaml, batch 8, no graphs", "fast", ("train.cuda_graphs=off",), 30, 10),
    Variant("fast.yaml, batch 8", "fast", (), 120, 60),
    Variant(
        "fast.yaml, batch 8, not deterministic", "fast", ("train.deterministic=false",), 90, 60
    ),
    Variant("fast.yaml, batch 8, NF4 kept packed", "fast", ("train.unpack_base=off",), 90, 60),
    Variant("fast_large.yaml, batch 192", "fast_large", (), 70, 20),
    Variant(
        "fast_large.yaml, not deterministic", "fast_large", ("train.deterministic=false",), 13, 3
    ),
    Variant("fast_large.yaml, NF4 kept packed", "fast_large", ("train.unpack_base=off",), 13, 3),
    Variant("fast_large.yaml within 40 GiB", "fast_large", ("train.memory_limit_gb=40",), 50, 20),
    Variant("fast_large.yaml within 16 GiB", "fast_large", ("train.memory_limit_gb=16",), 50, 20),
    Variant("consumer_8gb.yaml", "consumer_8gb", (), 90, 60),
    Variant("consumer_4gb.yaml", "consumer_4gb", (), 90, 60),
)


class BlockTimes(TrainerCallback):
    """Seconds and tokens of blocks of steps after the warm-up."""

    def __init__(self, warm_up: int, block: int) -> None:
        self.warm_up = warm_up
        self.block = block
        self.trainer: Any = None
        self.blocks: list[tuple[float, int]] = []
        self.started = time.monotonic()
        self.warm_up_s = 0.0
        self._mark = (0.0, 0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        done = state.global_step - self.warm_up
        if done < 0 or done % self.block:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now, tokens = time.monotonic(), int(self.trainer._total_train_tokens)
        if done == 0:
            self.warm_up_s = now - self.started
        else:
            self.blocks.append((now - self._mark[0], tokens - self._mark[1]))
        self._mark = (now, tokens)


def make_rows(count: int, vocabulary: int, median: float, seed: int = 0) -> TokenisedRows:
    generator = random.Random(seed)
    rows = []
    supervised = 0
    for _ in range(count):
        length = int(min(512, max(24, generator.lognormvariate(math.log(median), 0.35))))
        ids = [generator.randrange(vocabulary) for _ in range(length)]
        answer = length // 3
        supervised += answer
        labels = [IGNORED] * (length - answer) + ids[length - answer :]
        rows.append({"input_ids": ids, "labels": labels})
    lengths = [len(row["input_ids"]) for row in rows]
    return TokenisedRows(rows, sum(lengths), supervised, max(lengths))


def measure(variant: Variant, base: Path, work: Path, arguments: argparse.Namespace) -> dict:
    config = load_config(
        PRESETS / f"{variant.preset}.yaml",
        [
            f"model.name_or_path={base}",
            f"train.max_steps={variant.steps}",
            "train.save_steps=100000",
            "train.logging_steps=10",
            *variant.settings,
        ],
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    effective, notes = adapt_to_hardware(config, device)
    if config.train.deterministic:
        fix_determinism(device, strict=effective.fused)
    if arguments.tiny:
        effective = dataclasses.replace(effective, packing=config.train.packing)
    batch = config.train.per_device_train_batch_size * config.train.gradient_accumulation_steps
    rows = make_rows(
        batch * variant.steps,
        600 if arguments.tiny else 150_000,
        12 if arguments.tiny else arguments.median,
    )
    set_seed(config.train.seed)
    started = time.monotonic()
    times = BlockTimes(variant.warm_up, max(1, (variant.steps - variant.warm_up) // 5))
    tokenizer = load_tokenizer(config.model)
    with known_deprecations_ignored():
        trainer = build_trainer(config, effective, tokenizer, rows, work)
        times.trainer = trainer
        trainer.add_callback(times)
        load_s = time.monotonic() - started
        output = trainer.train()
    rates = [tokens / seconds for seconds, tokens in times.blocks]
    seconds = sum(s for s, _ in times.blocks)
    steps = times.block * len(times.blocks)
    step = getattr(trainer, "packed_step", None)
    memory = {
        "peak_allocated_gib": torch.cuda.max_memory_allocated() / GIB if device == "cuda" else 0,
        "peak_reserved_gib": torch.cuda.max_memory_reserved() / GIB if device == "cuda" else 0,
    }
    graphs = step.graphs_captured if step else 0
    return {
        "variant": variant.name,
        "tokens_per_s": statistics.median(rates),
        "tokens_per_s_min": min(rates),
        "tokens_per_s_max": max(rates),
        "blocks": len(rates),
        "steps_timed": steps,
        "ms_per_step": 1000 * seconds / steps,
        "samples_per_s": batch * steps / seconds,
        **memory,
        "load_s": load_s,
        "warm_up_s": times.warm_up_s,
        "warm_up_steps": variant.warm_up,
        "graphs": graphs,
        "loss": output.training_loss,
        "notes": notes,
        "batch": batch,
    }


def measure_apart(variant: Variant, base: Path, arguments: argparse.Namespace) -> dict:
    """Measure in a process of its own: what a variant's graphs hold, the next does not find."""
    command = [
        *(sys.executable, __file__, "--base", str(base), "--only", variant.name),
        *("--tokenizer-dir", str(arguments.tokenizer_dir), "--median", str(arguments.median)),
        *(["--tiny"] if arguments.tiny else []),
    ]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = child.stdout.splitlines()
    if child.returncode or not lines:
        return {"variant": variant.name, "failed": f"exit code {child.returncode}, see the log"}
    found: dict = json.loads(lines[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokenizer-dir", type=Path, required=True, help="Qwen2.5's files")
    parser.add_argument("--median", type=float, default=155.0, help="tokens of a row")
    parser.add_argument(
        "--only", action="append", default=[], help="a variant's name or part of it"
    )
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--base", type=Path, help="(a variant's own process)")
    parser.add_argument("--out", type=Path, help="also write JSON here")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("sql_ft").setLevel(logging.INFO)
    figures: dict[str, Any] = {"machine": _machine(), "median_row": arguments.median, "rows": []}
    names = {variant.name for variant in VARIANTS}
    if arguments.base:
        (chosen,) = (variant for variant in VARIANTS if variant.name == arguments.only[0])
        if arguments.tiny:
            chosen = dataclasses.replace(chosen, steps=6, warm_up=2)
        print(json.dumps(measure(chosen, arguments.base, arguments.base / "work", arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="train-speed-") as folder:
        base = Path(folder) / "base"
        build_base(base, arguments.tokenizer_dir, TINY_SHAPE if arguments.tiny else QWEN_SHAPE)
        torch.cuda.empty_cache()
        for variant in VARIANTS:
            if arguments.only and not any(
                part == variant.name if part in names else part in variant.name
                for part in arguments.only
            ):
                continue
            row = measure_apart(variant, base, arguments)
            figures["rows"].append(row)
            print(json.dumps(row), flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print_table(figures)


def print_table(figures: dict[str, Any]) -> None:
    print("| variant | tokens/s | x | ms/step | samples/s | peak GiB | graphs |")
    print("|---|---|---|---|---|---|---|")
    done = [row for row in figures["rows"] if "failed" not in row]
    first = done[0]["tokens_per_s"] if done else 1.0
    for row in figures["rows"]:
        if "failed" in row:
            print(f"| {row['variant']} | failed: {row['failed']} |")
            continue
        print(
            f"| {row['variant']} | {row['tokens_per_s']:,.0f} | {row['tokens_per_s'] / first:.1f} "
            f"| {row['ms_per_step']:.1f} | {row['samples_per_s']:.0f} "
            f"| {row['peak_allocated_gib']:.1f} | {row['graphs']} |"
        )


if __name__ == "__main__":
    main()
