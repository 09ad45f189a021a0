"""What training hands on: small, JSON-sized, the same from a child process as from a call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Self

MAX_CURVE_POINTS = 500
"""A result is JSON-sized; a screen has no more pixels for a curve."""


@dataclasses.dataclass(frozen=True, slots=True)
class TrainResult:
    """Outcome of one training.

    Attributes:
        adapter_dir: Folder with the adapter (safetensors) and its tokenizer.
        adapter_hash: `adapter.hash_adapter` of it.
        adapter_bytes: Size of the adapter's weights and configuration, in bytes.
        trainable_parameters: LoRA parameters.
        total_parameters: Parameters of base and adapter, 4-bit ones counted singly.
        train_rows: Rows trained on.
        steps: Optimizer steps of the whole training.
        resumed_from_step: Step of the checkpoint it continued from; 0: none.
        train_loss: Mean loss over the steps done in this process.
        final_loss: Loss over the last logging interval.
        total_tokens: Tokens (padding apart) seen in this process.
        supervised_tokens: Tokens of one epoch that carry loss.
        tokens_per_second: `total_tokens` over the training loop's time.
        wall_time_s: Seconds from the start of loading to the saved adapter.
        train_time_s: Seconds of the training loop alone.
        peak_memory_bytes: Of the training process: allocator peak on a GPU, else the
            resident set's.
        base_label: Label of the base model.
        base_revision: Its commit or content hash.
        notes: What was replaced because this machine cannot do it.
        loss_curve: (Step, loss over the logging interval that ends there) of the whole
            training, that before a resume included; at most `MAX_CURVE_POINTS`, evenly
            spaced, the last one always.
    """

    adapter_dir: str
    adapter_hash: str
    adapter_bytes: int
    trainable_parameters: int
    total_parameters: int
    train_rows: int
    steps: int
    resumed_from_step: int
    train_loss: float
    final_loss: float
    total_tokens: int
    supervised_tokens: int
    tokens_per_second: float
    wall_time_s: float
    train_time_s: float
    peak_memory_bytes: int
    base_label: str
    base_revision: str
    notes: tuple[str, ...] = ()
    loss_curve: tuple[tuple[int, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the result from `to_dict` output."""
        curve = tuple((int(step), float(loss)) for step, loss in values.get("loss_curve", ()))
        return cls(**{**values, "notes": tuple(values.get("notes", ())), "loss_curve": curve})

    def to_metrics(self) -> dict[str, float]:
        """Return the figures that a tracked run keeps, under metric names."""
        names = (
            "adapter_bytes",
            "trainable_parameters",
            "total_parameters",
            "train_rows",
            "steps",
            "resumed_from_step",
            "train_loss",
            "final_loss",
            "total_tokens",
            "supervised_tokens",
            "tokens_per_second",
            "wall_time_s",
            "train_time_s",
            "peak_memory_bytes",
        )
        return {f"train/{name}": float(getattr(self, name)) for name in names}


def read_loss_curve(log_history: Iterable[Mapping[str, Any]]) -> tuple[tuple[int, float], ...]:
    """Return the loss curve of a trainer's `log_history`, thinned for `TrainResult`."""
    points = [(int(row["step"]), float(row["loss"])) for row in log_history if "loss" in row]
    stride = -(-len(points) // MAX_CURVE_POINTS) or 1
    return tuple(points[::-1][::stride][::-1])
