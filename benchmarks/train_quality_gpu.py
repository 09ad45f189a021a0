"""Does speed cost anything? Held-out loss on a task that can be learned, over seeds.

The bundled tiny base and bundled rows, trained through the chain's own `build_trainer`: the
write-up's recipe (padded, 4 x 2 rows a step, fp16, paged AdamW) against the fast layout with
the same rows a step and the same rate, and against large batches with other rates, all for
the same number of tokens. The held-out loss is computed in float32 without packing.

    python benchmarks/train_quality_gpu.py --rows 800 --seeds 3 --out quality.json

A data set of the large preset's size needs rows beyond the bundled ones: `--generate 30000` draws
them from the bundled rows' own generator. Seeds can run side by side (`--first-seed`), over rows
prepared once (`--prepared`); times say nothing then.

    python benchmarks/train_quality_gpu.py --generate 30000 --rows 20000 --eval-rows 500 \
        --eval-share 0.15 --scheduler linear --warmup 0 --rates 1.5e-3 3e-3 6e-3 --large-batch 192 \
        --large-rates 6e-3 1.2e-2 2.4e-2 --skip-recipe --skip-again --out quality.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from qwen_shape_gpu import PRESET, _machine
from transformers import set_seed

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.base_model import (
    known_deprecations_ignored,
    load_base,
    load_tokenizer,
    resolve_model,
)
from sql_ft.config import ModelConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.generation.apply_adapter import adapter_applied
from sql_ft.training.adapter import hash_adapter, save_adapter
from sql_ft.training.core import build_trainer
from sql_ft.training.dataset import IGNORED, TokenisedRows, tokenise_rows
from sql_ft.training.hardware import adapt_to_hardware, fix_determinism

FAST = PRESET.with_name("fast.yaml")


def held_out_loss(model: Any, rows: TokenisedRows) -> float:
    """Mean negative log-likelihood per supervised token, row by row groups, padded, float32."""
    device = next(model.parameters()).device
    total = count = 0.0
    with torch.inference_mode():
        for first in range(0, len(rows.rows), 32):
            some = rows.rows[first : first + 32]
            width = max(len(row["input_ids"]) for row in some)
            ids = torch.tensor([r["input_ids"] + [0] * (width - len(r["input_ids"])) for r in some])
            mask = torch.tensor(
                [[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in some]
            )
            labels = torch.tensor(
                [r["labels"] + [IGNORED] * (width - len(r["labels"])) for r in some]
            )
            logits = model(
                input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False
            ).logits[:, :-1]
            wanted = labels[:, 1:].to(device)
            total += torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(),
                wanted.flatten(),
                ignore_index=IGNORED,
                reduction="sum",
            ).item()
            count += int((wanted != IGNORED).sum())
    return total / count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--eval-rows", type=int, default=300)
    parser.add_argument("--eval-share", type=float, help="of databases and of templates")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--generate", type=int, default=0, help="rows drawn; 0: the bundled ones")
    parser.add_argument("--prepared", type=Path, help="rows are kept here, or taken from here")
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--scheduler", default="cosine")
    parser.add_argument("--warmup", type=float, nargs="*", default=[0.03], help="large batches'")
    parser.add_argument("--rates", type=float, nargs="*", default=[3e-3], help="of 8 rows a step")
    parser.add_argument("--large-batch", type=int, default=48)
    parser.add_argument("--large-rates", type=float, nargs="*", default=[3e-3, 6e-3, 1.2e-2])
    parser.add_argument("--skip-recipe", action="store_true")
    parser.add_argument("--skip-again", action="store_true", help="not twice with the same seeds")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    scratch = tempfile.TemporaryDirectory(prefix="quality-")
    folder = Path(scratch.name)
    source = ["data.source=bundled"]
    if arguments.generate:
        drawn = folder / "drawn.jsonl"
        source = ["data.source=file", f"data.path={drawn}"]
        if not (arguments.prepared and arguments.prepared.exists()):
            drawn.write_text(
                "".join(json.dumps(row) + "\n" for row in generate_rows(11, arguments.generate))
            )
    if arguments.eval_share:
        source += [f"data.eval_group_share={arguments.eval_share}"]
        source += [f"data.eval_value_share={arguments.eval_share}"]
    common = [
        *source,
        "data.disjoint_columns=[template]",
        "data.sampling=split_then_sample",
        f"data.train_rows={arguments.rows}",
        f"data.eval_rows={arguments.eval_rows}",
        "model.name_or_path=bundled:tiny",
        f"train.num_train_epochs={arguments.epochs}",
        "train.save_steps=100000",
        "train.learning_rate=3e-3",
        f"train.lr_scheduler_type={arguments.scheduler}",
    ]
    variants: list[tuple[str, Path, list[str], range]] = []
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    if not arguments.skip_recipe:
        variants.append(("recipe (padded, fp16), 8 rows, 3e-3", PRESET, [], seeds))
    for rate in arguments.rates:
        settings = [f"train.learning_rate={rate}"]
        variants.append((f"fast.yaml, 8 rows, {rate:g}", FAST, settings, seeds))
    if not arguments.skip_again:
        variants.append(("fast.yaml again: the same seeds", FAST, [], seeds))
    for warmup in arguments.warmup:
        for rate in arguments.large_rates:
            variants.append(
                (
                    f"fast.yaml, {arguments.large_batch} rows, {rate:g}, warm-up {warmup:g}",
                    FAST,
                    [
                        f"train.per_device_train_batch_size={arguments.large_batch}",
                        f"train.learning_rate={rate}",
                        f"train.warmup_ratio={warmup}",
                    ],
                    seeds,
                )
            )
    figures: dict[str, Any] = {"machine": _machine(), "arguments": vars(arguments), "rows": []}
    with scratch:
        config = load_config(FAST, common)
        tokenizer = load_tokenizer(config.model)
        data = arguments.prepared or folder / "data"
        if not (data / "train.jsonl").exists():
            prepare_dataset(config, tokenizer, data)
        if arguments.prepare_only:
            return
        rows = tokenise_rows(data / "train.jsonl", tokenizer, max_length=512)
        held_out = tokenise_rows(data / "eval.jsonl", tokenizer, max_length=512)
        judge = load_base(
            ModelConfig(quantization="nf4", compute_dtype="float32"), purpose="generate"
        )
        figures["train_rows"], figures["train_tokens"] = len(rows.rows), rows.total_tokens
        figures["before"] = held_out_loss(judge, held_out)
        print(json.dumps({k: figures[k] for k in ("train_rows", "train_tokens", "before")}))
        for title, preset, settings, these in variants:
            losses, seconds, hashes = [], [], []
            for seed in these:
                config = load_config(preset, [*common, *settings, f"train.seed={seed}"])
                effective, _ = adapt_to_hardware(config, device)
                torch.use_deterministic_algorithms(False)
                fix_determinism(device, strict=effective.fused)
                set_seed(seed)
                with known_deprecations_ignored():
                    trainer = build_trainer(config, effective, tokenizer, rows, folder / "work")
                    started = time.monotonic()
                    trainer.train()
                if device == "cuda":
                    torch.cuda.synchronize()
                seconds.append(time.monotonic() - started)
                base = resolve_model(config.model)
                save_adapter(
                    trainer.model,
                    tokenizer,
                    folder / "adapter",
                    label=base.label,
                    revision=base.revision,
                )
                hashes.append(hash_adapter(folder / "adapter"))
                torch.use_deterministic_algorithms(False)
                with adapter_applied(judge, folder / "adapter", base=base, merge=False) as armed:
                    losses.append(held_out_loss(armed, held_out))
                del trainer
            row = {
                "variant": title,
                "held_out_loss": losses,
                "mean": statistics.mean(losses),
                "sd": statistics.stdev(losses) if len(losses) > 1 else 0.0,
                "train_s": seconds,
                "adapter_hashes": hashes,
            }
            figures["rows"].append(row)
            print(json.dumps(row), flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(figures, indent=1, default=str) + "\n")
    print("| variant | held-out loss, mean | sd | seconds |\n|---|---|---|---|")
    for row in figures["rows"]:
        print(
            f"| {row['variant']} | {row['mean']:.4f} | {row['sd']:.4f} "
            f"| {statistics.median(row['train_s']):.1f} |"
        )


if __name__ == "__main__":
    main()
