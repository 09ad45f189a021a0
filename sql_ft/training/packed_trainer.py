"""TRL's trainer over flat batches: the loop, optimizer and checkpoints are its own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from typing import Any

import torch

from sql_ft.base_model import dequantize_fresh
from sql_ft.config import RunConfig
from sql_ft.errors import TrainingError
from sql_ft.fused_layers import apply_liger, fuse_lora_layers
from sql_ft.packed_attention import supports_packing, use_packed_attention
from sql_ft.residual_stream import fuse_residual_sums
from sql_ft.training.dataset import TokenisedRows
from sql_ft.training.flatten import FlattenCollator
from sql_ft.training.hardware import EffectiveSettings
from sql_ft.training.memory_plan import GIB, MemoryPlan, ModelSizes, held_bytes, plan_memory
from sql_ft.training.packed_step import PackedStep
from sql_ft.training.ranks import Ranks
from sql_ft.training.sft import LeanSFTTrainer
from sql_ft.training.threaded_step import ThreadedStep

logger = logging.getLogger(__name__)

_CPU_TOKEN_BUDGET = 8192
# Left to the CUDA context, the display and other processes where no limit is set.
_USABLE_SHARE = 0.92
_MOST_FOR_UNPACKED = 0.25


class PackedSFTTrainer(LeanSFTTrainer):
    """`LeanSFTTrainer` whose steps run on flat micro-batches.

    `prepare_packed_step` must be called once the adapter is in place.
    """

    packed_step: PackedStep | ThreadedStep

    def prepare_packed_step(
        self, rows: TokenisedRows, plan: MemoryPlan, *, threads: int = 1
    ) -> None:
        """Take the rows as they are and get the step ready.

        Args:
            rows: All rows, in the order of the data set.
            plan: How a step is cut.
            threads: Passes side by side (CPU).
        """
        # A list: a step's rows are needed as Python lists, not decoded from Arrow.
        self.train_dataset = rows.rows
        causal = self.model.get_base_model()
        if self.args.world_size > 1:
            self._share_steps()
        make_step = functools.partial(
            PackedStep,
            causal,
            list(self.model.parameters()),
            longest=rows.longest,
            graphs=plan.graphs,
            arena_bytes=plan.pass_bytes,
            chunk_rows=plan.chunk_rows,
            processes=self.args.world_size,
            autocast=self.accelerator.autocast if self.args.bf16 else contextlib.nullcontext,
        )
        self.packed_step = make_step() if threads == 1 else ThreadedStep(make_step, threads)

    def _share_steps(self) -> None:
        """Keep the model out of DistributedDataParallel: a step sums its gradients itself.

        DDP also ties each parameter's end of the backward pass to the stream it was wrapped
        on, which no capture survives.
        """
        self.accelerator.prepare_model = functools.partial(
            self.accelerator.prepare_model, evaluation_mode=True
        )
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                torch.distributed.broadcast(parameter.data, src=0)

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Set the gradients of one optimizer step; return its mean loss."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        step = self.packed_step
        step.run(inputs["micro_batches"], inputs["supervised"])
        accuracy = step.correct / max(inputs["supervised"], 1)
        self._metrics["train"]["mean_token_accuracy"].append(accuracy)
        self._total_train_tokens += inputs["tokens"]
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return step.loss.clone()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Read the figures off the GPU only when they are reported."""
        metrics = self._metrics["train"]
        shares = metrics.get("mean_token_accuracy")
        if shares:
            metrics["mean_token_accuracy"] = torch.stack(shares).tolist()
        super().log(logs, start_time)


@dataclasses.dataclass(frozen=True, slots=True)
class PreparedBase:
    """A base made ready for packed training.

    Attributes:
        model: The base, switched to packed attention.
        plan: How a step is cut.
        unpacked: NF4 values are held in 16 bits.
        liger: liger-kernel's kernels are in place.
    """

    model: Any
    plan: MemoryPlan
    unpacked: bool
    liger: bool


def prepare_packed_base(
    config: RunConfig,
    effective: EffectiveSettings,
    model: Any,
    rows: TokenisedRows,
    processes: int = 1,
) -> PreparedBase:
    """Switch a freshly loaded base to packed attention and plan its memory.

    Raises:
        TrainingError: The architecture's attention cannot be packed, or the memory limit is
            too small.
    """
    if not supports_packing(model.config, model):
        raise TrainingError(
            f"the attention of {model.config.model_type} cannot be packed",
            setting="train.packing",
            expected="false for this base",
        )
    use_packed_attention(model)
    if effective.device == "cpu":
        unpacked = effective.fused and _unpacks_on_cpu(config, model)
        if unpacked:
            model = dequantize_fresh(model)
        checkpointing = config.train.gradient_checkpointing
        plan = MemoryPlan(_CPU_TOKEN_BUDGET, checkpointing, False, 2048, 0, 0)
        return PreparedBase(model, plan, unpacked=unpacked, liger=False)
    limit = memory_limit_bytes(config)
    unpacked = False
    if effective.fused and config.train.unpack_base == "auto":
        unpacked = (
            effective.quantization == "nf4"
            and 2 * model.num_parameters() <= _MOST_FOR_UNPACKED * limit
        )
        if unpacked:
            model = dequantize_fresh(model)
            torch.cuda.empty_cache()
    liger = effective.fused and apply_liger(model)
    train = config.train
    sizes = ModelSizes.of(
        model, train.target_modules, rank=train.lora_r, itemsize=2 if effective.fused else 4
    )
    step_rows = train.per_device_train_batch_size * train.gradient_accumulation_steps
    plan = plan_memory(
        sizes,
        limit,
        longest=rows.longest,
        step_tokens=step_rows * -(-rows.total_tokens // len(rows.rows)) // processes,
        always_checkpoint=train.gradient_checkpointing,
        graphs=effective.graphs,
    )
    if liger and not plan.checkpointing:
        fuse_residual_sums(model)
    logger.info(
        "packed: passes of up to %d tokens%s in %.1f GiB (expected peak %.1f), base held in %.2f "
        "GiB%s, %s",
        plan.token_budget,
        " with recomputed activations" if plan.checkpointing else "",
        *(limit / GIB, plan.expected_bytes / GIB, held_bytes(model) / GIB),
        " (NF4 values unpacked)" if unpacked else "",
        "liger kernels" if liger else "no liger kernels",
    )
    return PreparedBase(model, plan, unpacked=unpacked, liger=liger)


def _unpacks_on_cpu(config: RunConfig, model: Any) -> bool:
    import psutil

    train = config.train
    return (
        config.model.quantization == "nf4"
        and train.unpack_base == "auto"
        and 4 * model.num_parameters() <= _MOST_FOR_UNPACKED * psutil.virtual_memory().total
    )


def memory_limit_bytes(config: RunConfig) -> int:
    """Return the GPU memory that training may take: the configured limit, else what is free.

    A configured limit is also set in PyTorch's allocator, so that it holds.

    Raises:
        TrainingError: The limit is more than the GPU has.
    """
    free, total = torch.cuda.mem_get_info()
    limit_gb = config.train.memory_limit_gb
    if limit_gb is None:
        return int(_USABLE_SHARE * (free + torch.cuda.memory_reserved()))
    if limit_gb * GIB > total:
        raise TrainingError(
            f"the GPU has {total / GIB:.1f} GiB, {limit_gb} are asked for",
            setting="train.memory_limit_gb",
            expected="at most what the GPU has",
        )
    torch.cuda.set_per_process_memory_fraction(limit_gb * GIB / total)
    return int(limit_gb * GIB)


def finish_packed_trainer(
    trainer: PackedSFTTrainer,
    effective: EffectiveSettings,
    rows: TokenisedRows,
    prepared: PreparedBase,
) -> None:
    """Fuse the adapter's layers and hand the trainer its rows."""
    if prepared.unpacked and effective.device == "cpu":
        # TRL rounds a fresh adapter to bfloat16 where the base is quantized to its eyes; this
        # one no longer is. From the same start the losses are those of padded training.
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.bfloat16().float()
    if effective.fused:
        count = fuse_lora_layers(trainer.model)
        logger.info("%d LoRA layers fused", count)
    trainer.prepare_packed_step(rows, prepared.plan, threads=effective.passes)


def flatten_collator(
    effective: EffectiveSettings,
    rows: TokenisedRows,
    plan: MemoryPlan,
    pad_id: int,
    ranks: Ranks,
) -> FlattenCollator:
    """Return the collator that goes with `plan`."""
    return FlattenCollator(
        token_budget=plan.token_budget,
        longest=rows.longest,
        pad_id=pad_id,
        rounded=effective.device == "cuda",
        passes=effective.passes,
        ranks=ranks,
    )
