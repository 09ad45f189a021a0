"""Training on one GPU and on several, through the task's own child process, in one run.

Qwen2.5-1.5B's exact shape with random weights and real rows, `fast_large.yaml`: the same rows
in the same order and the same rows a step, so that the loss must be the same up to dropout
and rounding. Then the bundled tiny base without dropout, where the losses can be held against
each other to the last digits. Tokens/s is the median over logging intervals after the first
`--warm-up` (shapes are captured there). Prints a table and writes JSON.

    python benchmarks/several_gpus.py --data rows.jsonl --tokenizer-dir tokenizer/ --out two.json
    python benchmarks/several_gpus.py --data rows.jsonl --tokenizer-dir tokenizer/ --tiny  # CPU
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qwen_shape_gpu import QWEN_SHAPE, TINY_SHAPE, _machine, build_base

from sql_ft.base_model import load_tokenizer
from sql_ft.config import RunConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.training.trainer import train_adapter

PRESETS = Path(__file__).parents[1] / "deployments" / "configs"


class Curve:
    """Keeps loss and speed of every logging interval."""

    def __init__(self) -> None:
        self.loss: list[tuple[int, float]] = []
        self.tokens_per_s: list[float] = []

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None and "train/loss" in metrics:
            self.loss.append((step, metrics["train/loss"]))
            self.tokens_per_s.append(metrics["train/tokens_per_second"])

    def log_params(self, params: Mapping[str, str]) -> None:
        self.processes = params.get("effective.processes")


def train(name: str, config: RunConfig, rows: Path, out_dir: Path, warm_up: int) -> dict[str, Any]:
    curve = Curve()
    started = time.monotonic()
    result = train_adapter(config, rows, out_dir, curve)
    timed = curve.tokens_per_s[warm_up:]
    return {
        "variant": name,
        "processes": int(curve.processes or 1),
        "rows_a_step": config.train.per_device_train_batch_size
        * config.train.gradient_accumulation_steps,
        "tokens_per_s": statistics.median(timed),
        "tokens_per_s_min": min(timed),
        "tokens_per_s_max": max(timed),
        "intervals": len(timed),
        "steps": result.steps,
        "loss_curve": curve.loss,
        "peak_gib_first_process": result.peak_memory_bytes / 2**30,
        "adapter_hash": result.adapter_hash,
        "wall_s": time.monotonic() - started,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="rows: question, context, answer")
    parser.add_argument("--tokenizer-dir", type=Path, required=True, help="Qwen2.5's files")
    parser.add_argument("--rows", type=int, default=3500)
    parser.add_argument("--batches", type=int, nargs="*", default=[192, 384], help="rows a step")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=4, help="intervals of five steps")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--skip-tiny-base", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("sql_ft").setLevel(logging.INFO)
    figures: dict[str, Any] = {"machine": _machine(), "rows": []}

    def add(row: dict[str, Any]) -> None:
        figures["rows"].append(row)
        print(json.dumps(row), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="several-gpus-") as folder:
        work = Path(folder)
        build_base(
            work / "base", arguments.tokenizer_dir, TINY_SHAPE if arguments.tiny else QWEN_SHAPE
        )
        common = [
            "data.source=file",
            f"data.path={arguments.data.resolve()}",
            "data.sampling=split_then_sample",
            f"data.train_rows={arguments.rows}",
            "data.eval_rows=100",
            f"state_dir={work / 'state'}",
            "train.num_train_epochs=50",
            f"train.max_steps={arguments.steps}",
            "train.logging_steps=5",
            "train.save_steps=100000",
        ]
        for bundled in (False, True):
            if bundled and arguments.skip_tiny_base:
                continue
            model = "bundled:tiny" if bundled else str(work / "base")
            extra = [f"model.name_or_path={model}"]
            if bundled:
                extra += ["train.lora_dropout=0.0", "train.learning_rate=3e-3"]
            data = work / f"data-{bundled}"
            config = load_config(PRESETS / "fast_large.yaml", [*common, *extra])
            prepared = prepare_dataset(config, load_tokenizer(config.model), data)
            for batch in (48,) if bundled else arguments.batches:
                for processes in arguments.processes:
                    name = f"{'tiny base' if bundled else 'Qwen shape'}, {batch} rows, {processes}"
                    changed = load_config(
                        PRESETS / "fast_large.yaml",
                        [
                            *common,
                            *extra,
                            f"train.per_device_train_batch_size={batch}",
                            f"train.num_processes={processes}",
                        ],
                    )
                    out_dir = work / name.replace(" ", "-")
                    try:
                        add(
                            train(
                                name, changed, Path(prepared.train_path), out_dir, arguments.warm_up
                            )
                        )
                    except Exception as error:
                        logging.exception("%s", name)
                        log = out_dir / "training.log"
                        print(log.read_text(errors="replace")[-3000:] if log.exists() else "no log")
                        add({"variant": name, "failed": str(error)[:500]})
    print("| | processes | tokens/s | x | largest difference of the loss |")
    print("|---|---|---|---|---|")
    first: dict[str, Any] = {}
    for row in figures["rows"]:
        if "failed" in row:
            print(f"| {row['variant']} | failed: {row['failed']} |")
            continue
        if row["processes"] == 1:
            first = row
        difference = max(
            (
                abs(a - b)
                for (_, a), (_, b) in zip(
                    row["loss_curve"], first.get("loss_curve", []), strict=False
                )
            ),
            default=float("nan"),
        )
        print(
            f"| {row['variant']} | {row['processes']} | {row['tokens_per_s']:,.0f} "
            f"| {row['tokens_per_s'] / first.get('tokens_per_s', float('nan')):.2f} "
            f"| {difference:.2g} |"
        )


if __name__ == "__main__":
    main()
