"""What the machine cannot do is replaced before training starts, and said so."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Literal

from sql_ft.config import RunConfig
from sql_ft.hardware import pick_threads


@dataclasses.dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """Training settings as they really run on this device.

    Attributes:
        device: ``cuda`` or ``cpu``.
        optim: Optimizer, in transformers' spelling.
        precision: Mixed precision of the trainer.
        packing: Whether rows share a sequence.
        fused: Whether fused layers run: in bfloat16 without autocast, on a CPU in float32.
        graphs: Whether small passes are captured and replayed.
        compute_dtype: dtype of activations and of unquantized weights.
        quantization: How the base is held.
        threads: CPU threads of PyTorch; 0 leaves PyTorch's own choice (GPU).
        passes: Micro-batches of a step that run side by side: one a core of a CPU.
        sharding: Whether base, adapter and optimizer are divided among the processes.
    """

    device: str
    optim: str
    precision: Literal["fp32", "bf16", "fp16"]
    packing: bool
    fused: bool
    graphs: bool
    compute_dtype: str
    quantization: str
    threads: int
    passes: int = 1
    sharding: str = "none"

    def to_params(self) -> dict[str, str]:
        """Return the settings as run parameters, prefixed ``effective.``."""
        return {f"effective.{key}": str(value) for key, value in dataclasses.asdict(self).items()}


def adapt_to_hardware(config: RunConfig, device: str) -> tuple[EffectiveSettings, list[str]]:
    """Replace what `device` cannot do.

    Args:
        config: The run as configured.
        device: ``cuda`` or ``cpu``.

    Returns:
        The settings that will run, and one sentence for each that differs from the
        configuration.
    """
    from sql_ft.base_model import compute_dtype

    train = config.train
    notes = []
    dtype = str(compute_dtype(config.model, device)).removeprefix("torch.")
    precision: Literal["fp32", "bf16", "fp16"]
    optim: str = train.optim
    if device == "cpu":
        if optim.startswith("paged_"):
            notes.append(f"train.optim {optim} pages GPU memory: adamw_torch instead on this CPU")
            optim = "adamw_torch"
        if train.precision in ("fp16", "bf16"):
            notes.append(
                f"train.precision {train.precision} is mixed precision for GPUs: "
                "fp32 instead on this CPU"
            )
        precision = "fp32"
        if config.model.compute_dtype == "float16":
            notes.append("model.compute_dtype float16: float32 instead on this CPU")
    elif train.precision == "auto":
        precision = "bf16" if dtype == "bfloat16" else "fp32"
    elif train.precision == "bf16" and not _has_bf16():
        notes.append("train.precision bf16: fp16 instead on this GPU, which has no bfloat16")
        precision = "fp16"
    else:
        precision = train.precision
    fused = (
        train.packing and train.fused_kernels == "auto" and (device == "cpu" or precision == "bf16")
    )
    needed = "float32" if device == "cpu" else "bfloat16"
    if fused and dtype != needed:
        notes.append(f"train.fused_kernels needs {needed} on this device and is off with {dtype}")
        fused = False
    threads = pick_threads() if device == "cpu" else 0
    effective = EffectiveSettings(
        device=device,
        optim=optim,
        precision=precision,
        packing=train.packing,
        fused=fused,
        graphs=fused and device == "cuda" and train.cuda_graphs == "auto",
        compute_dtype=dtype,
        quantization=config.model.quantization,
        threads=threads,
        # With dropout the passes would draw from one generator, in an order of chance.
        passes=threads if device == "cpu" and fused and train.lora_dropout == 0.0 else 1,
        sharding=train.sharding,
    )
    return effective, notes


def fix_determinism(device: str, *, strict: bool = False) -> None:
    """Ask PyTorch for deterministic kernels on a GPU; a CPU with fixed threads needs nothing.

    Args:
        device: ``cuda`` or ``cpu``.
        strict: An operation without a deterministic kernel is an error, not a warning.
            Flash attention's backward pass is deterministic only then.
    """
    if device == "cuda":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=not strict)
        settings: Any = torch.utils.deterministic
        # Filling every new buffer would cost memory traffic for nothing.
        settings.fill_uninitialized_memory = False


def _has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
