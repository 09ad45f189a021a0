"""FSDP-QLoRA on GPUs: does it train what one process trains, and what does each process hold?

Qwen2.5-1.5B's exact shape with random weights and real rows, through the chain's own
`run_training`, NF4, no dropout: one process unsharded, one and two processes under
`train.sharding: fsdp`, recomputed, doubly quantized, loaded through the machine's memory, and
unquantized. Then the bundled tiny base in float32, where losses and adapters can be held
against each other to the last digits, once killed and continued. Each adapter is loaded by
plain PEFT into an unsharded base, and must give the sharded model's logits.

With fewer GPUs than processes the processes share a GPU and exchange tensors by gloo (NCCL
refuses two on one GPU), the sum of gradients through the machine's memory. Times say nothing then.
Prints tables and writes JSON.

    python benchmarks/fsdp_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/ --out fsdp.json
    python benchmarks/fsdp_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/ --tiny  # also a CPU
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from gloo_on_one_gpu import collectives_on_one_gpu, share_one_gpu, try_collective
from qwen_shape_gpu import PRESET, QWEN_SHAPE, TINY_SHAPE, _machine, build_base
from safetensors.torch import load_file
from transformers import TrainerCallback

from sql_ft.base_model import load_base, load_tokenizer
from sql_ft.config import RunConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.training import core, sharding
from sql_ft.training.dataset import tokenise_rows
from sql_ft.training.ranks import Ranks

FAST = PRESET.with_name("fast.yaml")
GIB = 1 << 30
GPU = torch.cuda.is_available()
LOADING = threading.Lock()
PROBED = 4
DIES_AT = 5

# ---- One of the processes -------------------------------------------------------------------


class Curve:
    """Keeps losses and parameters; kills the process at a step."""

    def __init__(self, dies_at: int) -> None:
        self.loss: list[tuple[int, float]] = []
        self.params: dict[str, str] = {}
        self._dies_at = dies_at

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None and "train/loss" in metrics:
            self.loss.append((step, metrics["train/loss"]))
            if step == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def log_params(self, params: Mapping[str, str]) -> None:
        self.params.update(params)


def _memory() -> tuple[float, float]:
    if not GPU:
        return 0.0, 0.0
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / GIB, torch.cuda.memory_allocated() / GIB


class Memory(TrainerCallback):  # type: ignore[misc]
    """What the allocator holds after sharding, and at most while loading and while training."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._started = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.figures["loading_peak_gib"], self.figures["after_sharding_gib"] = _memory()
        if GPU:
            torch.cuda.reset_peak_memory_stats()
        self._started = time.monotonic()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.figures["training_peak_gib"], self.figures["between_steps_gib"] = _memory()
        self.figures["training_s"] = time.monotonic() - self._started


def allow_cpu() -> None:
    """Let accelerate shard over CPU processes, to try this script without a GPU."""
    plain = AcceleratorState.__init__

    def sharded(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        plain(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin

    AcceleratorState.__init__ = sharded


def run_rank(
    config_path: Path, rows: Path, out_dir: Path, dies_at: int, through_host: bool
) -> None:
    """Train as one of the processes and write what it saw."""
    config = RunConfig.model_validate_json(config_path.read_text())
    ranks = Ranks.current()
    if not GPU:
        allow_cpu()
    elif ranks.processes > torch.cuda.device_count():
        # accelerate's barrier names the GPU by it, and there is but one.
        os.environ["LOCAL_RANK"] = "0"
        share_one_gpu()
    if through_host:
        sharding._MOST_FOR_WHOLE = 0.0  # type: ignore[misc]
    memory, curve, trainers = Memory(), Curve(dies_at if ranks.first else 0), []
    build = core.build_trainer

    def watched(*args: Any, **kwargs: Any) -> Any:
        trainer = build(*args, **kwargs)
        trainer.add_callback(memory)
        trainers.append(trainer)
        return trainer

    core.build_trainer = watched  # type: ignore[assignment]
    result = core.run_training(config, rows, out_dir, curve)
    model = trainers[0].model
    held_gib = sharding.held_share(model) / GIB
    logits = probe(model, config, rows)
    if ranks.first:
        torch.save(logits, out_dir / "logits.pt")
    seen = {
        "loss": curve.loss,
        "params": {k: v for k, v in curve.params.items() if "shar" in k or "processes" in k},
        "memory": memory.figures,
        "held_gib": held_gib,
        "kind": type(model).__name__,
        "backend": torch.distributed.get_backend() if torch.distributed.is_initialized() else "",
        "resumed_from": result.resumed_from_step,
    }
    (out_dir / f"rank{ranks.index}.json").write_text(json.dumps(seen))
    ranks.wait()
    ranks.part()


def probe(model: Any, config: RunConfig, rows: Path) -> torch.Tensor:
    """Logits of the first rows' last token."""
    tokenised = tokenise_rows(rows, load_tokenizer(config.model), max_length=512)
    found = []
    model.train()
    with torch.no_grad():
        for row in tokenised.rows[:PROBED]:
            ids = torch.tensor([row["input_ids"]])
            ids = ids.cuda() if GPU else ids
            in_bf16 = GPU and config.train.precision == "bf16"
            with torch.autocast("cuda", torch.bfloat16, enabled=in_bf16):
                out = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
            found.append(out.logits[0, -1].float().cpu())
    return torch.stack(found)


# ---- The comparison --------------------------------------------------------------------------


def train(
    name: str, config: RunConfig, rows: Path, work: Path, processes: int, *flags: str
) -> dict[str, Any]:
    """Train in `processes` processes (0: no launcher) and collect what they saw."""
    out_dir = work / name.replace(" ", "-").replace(",", "")
    path = work / f"{out_dir.name}.json"
    path.write_text(config.model_dump_json())
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes else []), str(Path(__file__).resolve())]
    command += ["--rank", str(path), str(rows), str(out_dir), *flags]
    started = time.monotonic()
    # A native crash then says where it happened.
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    row: dict[str, Any] = {"variant": name, "processes": processes or 1}
    row["wall_s"] = time.monotonic() - started
    if done.returncode:
        row["ended"] = done.returncode
        if "--dies-at" not in flags:
            row["stderr"] = done.stderr[-3000:]
            print(done.stderr[-15000:], flush=True)
        return row
    ranks = [json.loads(file.read_text()) for file in sorted(out_dir.glob("rank*.json"))]
    row["ranks"] = ranks
    row["loss"] = ranks[0]["loss"]
    row["adapter"] = str(out_dir / "adapter")
    # Models are not loaded from two threads at once: transformers loses a tied head then.
    with LOADING:
        row["logits_by_plain_peft"] = plain_difference(config, rows, out_dir)
    return row


def plain_difference(config: RunConfig, rows: Path, out_dir: Path) -> dict[str, float]:
    """Load the adapter by plain PEFT into an unsharded base and compare the logits."""
    from peft import PeftModel

    base = load_base(config.model, purpose="train")
    armed = PeftModel.from_pretrained(base, str(out_dir / "adapter"))
    expected = torch.load(out_dir / "logits.pt")
    got = probe(armed, config, rows)
    bare = armed.disable_adapter()
    with bare:
        without = probe(armed, config, rows)
    return {
        "largest_difference": float((got - expected).abs().max()),
        "largest_without_adapter": float((without - expected).abs().max()),
        "scale": float(expected.abs().max()),
    }


def adapters_differ(one: str, two: str) -> float:
    a, b = (load_file(Path(folder) / "adapter_model.safetensors") for folder in (one, two))
    if a.keys() != b.keys():
        raise ValueError(f"{one} and {two} hold other tensors")
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rank", nargs=3, type=Path, metavar=("CONFIG", "ROWS", "OUT"))
    parser.add_argument("--collective", help="one of gloo's, on CUDA tensors")
    parser.add_argument("--dies-at", type=int, default=0)
    parser.add_argument("--through-host", action="store_true")
    parser.add_argument("--data", type=Path, help="rows: question, context, answer")
    parser.add_argument("--tokenizer-dir", type=Path, help="Qwen2.5's files")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--at-once", type=int, default=3, help="variants side by side")
    parser.add_argument("--only", default="", help="variants whose name holds this")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.rank:
        run_rank(*arguments.rank, arguments.dies_at, arguments.through_host)
        return
    if arguments.collective:
        try_collective(arguments.collective)
        return
    figures: dict[str, Any] = {"machine": _machine(), "gpus": torch.cuda.device_count(), "rows": []}
    with tempfile.TemporaryDirectory(prefix="fsdp-") as folder:
        work = Path(folder)
        shape = TINY_SHAPE if arguments.tiny else QWEN_SHAPE
        build_base(work / "base", arguments.tokenizer_dir, shape)
        if GPU:
            torch.cuda.empty_cache()
        common = [
            "data.source=file",
            f"data.path={arguments.data.resolve()}",
            "data.sampling=split_then_sample",
            "data.train_rows=400",
            "data.eval_rows=20",
            f"state_dir={work / 'state'}",
            "train.num_train_epochs=50",
            "train.logging_steps=1",
            "train.lora_dropout=0.0",
            "train.packing=false",
            "train.per_device_train_batch_size=4",
            "train.gradient_accumulation_steps=2",
        ]
        qwen = [f"model.name_or_path={work / 'base'}", f"train.max_steps={arguments.steps}"]
        qwen += ["train.save_steps=100000"]
        tiny = ["model.name_or_path=bundled:tiny", "model.compute_dtype=float32"]
        tiny += ["train.precision=fp32", "train.max_steps=12", "train.learning_rate=3e-3"]
        tiny += ["train.save_steps=2", "train.optim=adamw_torch"]

        def prepared(name: str, extra: list[str]) -> Path:
            config = load_config(FAST, [*common, *extra])
            return Path(
                prepare_dataset(config, load_tokenizer(config.model), work / name).train_path
            )

        paths = {"qwen": prepared("qwen", qwen), "tiny": prepared("tiny", tiny)}
        fsdp = "train.sharding=fsdp"
        again = "train.gradient_checkpointing=true"
        plans: list[list[tuple[str, str, int, list[str], tuple[str, ...]]]] = [
            [("Qwen shape, unsharded", "qwen", 0, [], ())],
            [("Qwen shape, fsdp, 2", "qwen", 2, [fsdp], ())],
            [("Qwen shape, fsdp, 1", "qwen", 1, [fsdp], ())],
            [
                ("tiny base, unsharded", "tiny", 0, [], ()),
                ("tiny base, fsdp, 2, killed", "tiny", 2, [fsdp], ("--dies-at", str(DIES_AT))),
                ("tiny base, fsdp, 2, killed", "tiny", 2, [fsdp], ()),
            ],
            [
                (
                    "Qwen shape, fsdp, 2, recomputed, double quantization",
                    "qwen",
                    2,
                    [fsdp, again, "model.double_quantization=true"],
                    (),
                )
            ],
            [("Qwen shape, fsdp, 2, through host", "qwen", 2, [fsdp], ("--through-host",))],
            [("Qwen shape, fsdp, 2, bf16", "qwen", 2, [fsdp, "model.quantization=none"], ())],
            [("Qwen shape, unsharded, bf16", "qwen", 0, ["model.quantization=none"], ())],
        ]

        def follow(plan: list[tuple[str, str, int, list[str], tuple[str, ...]]]) -> None:
            for name, kind, processes, extra, flags in plan:
                config = load_config(FAST, [*common, *(qwen if kind == "qwen" else tiny), *extra])
                try:
                    row = train(name, config, paths[kind], work, processes, *flags)
                except Exception as error:
                    row = {"variant": name, "failed": str(error)[:2000]}
                figures["rows"].append(row)
                print(json.dumps(row), flush=True)
                write(figures, arguments.out)

        if GPU and torch.cuda.device_count() == 1:
            figures["gloo_on_cuda_tensors"] = collectives_on_one_gpu(Path(__file__))
            print(figures["gloo_on_cuda_tensors"], flush=True)
        plans = [[one for one in plan if arguments.only in one[0]] for plan in plans]
        with ThreadPoolExecutor(arguments.at_once) as pool:
            list(pool.map(follow, plans))
        compare(figures)
        write(figures, arguments.out)


def compare(figures: dict[str, Any]) -> None:
    """Hold each variant against the unsharded one; print the table."""
    done = {row["variant"]: row for row in figures["rows"] if "loss" in row}
    print(
        "| | processes | GiB held a process | loading peak | training peak | loss against "
        "unsharded | adapter | logits by plain PEFT |\n|---|---|---|---|---|---|---|---|"
    )
    for name, row in done.items():
        kind = "tiny base, unsharded" if name.startswith("tiny") else "Qwen shape, unsharded"
        if name.endswith("bf16"):
            kind += ", bf16"
        other = done.get(kind)
        if other is not None and other is not row:
            steps = dict(map(tuple, other["loss"]))
            row["largest_loss_difference"] = max(
                abs(loss - steps[step]) for step, loss in row["loss"]
            )
            row["largest_adapter_difference"] = adapters_differ(row["adapter"], other["adapter"])
        alone = done.get("Qwen shape, fsdp, 1")
        if alone is not None and name.startswith("Qwen shape, fsdp, 2"):
            steps = dict(map(tuple, alone["loss"]))
            row["largest_loss_difference_to_fsdp_1"] = max(
                abs(loss - steps[step]) for step, loss in row["loss"]
            )
        memory = [rank["memory"] for rank in row["ranks"]]
        held = ", ".join(f"{rank['held_gib']:.3f}" for rank in row["ranks"])
        print(
            f"| {name} | {row['processes']} "
            f"| {held} "
            f"| {max(m['loading_peak_gib'] for m in memory):.2f} "
            f"| {max(m['training_peak_gib'] for m in memory):.2f} "
            f"| {row.get('largest_loss_difference', 0.0):.2g} "
            f"| {row.get('largest_adapter_difference', 0.0):.2g} "
            f"| {row['logits_by_plain_peft']['largest_difference']:.2g} |"
        )
    for row in done.values():
        row.pop("adapter")


def write(figures: dict[str, Any], out: Path | None) -> None:
    if out:
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
