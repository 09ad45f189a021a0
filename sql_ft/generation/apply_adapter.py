"""An adapter on a shared base: put on, verified, taken off without a trace."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_ft.adapter_files import read_adapter_config, read_adapter_tensors
from sql_ft.base_model import (
    ResolvedModel,
    compute_dtype,
    known_deprecations_ignored,
    pick_device,
)
from sql_ft.config import ModelConfig
from sql_ft.errors import ModelError

logger = logging.getLogger(__name__)

ADAPTER_NAME = "arm"


def merges(model: ModelConfig) -> bool:
    """Return whether an adapter is merged into the weights, or runs beside them.

    Evaluation and serving both ask here: what is served is what was judged. Merging into
    16-bit or 4-bit weights would round the adapter away; beside them it stays exact.
    """
    device = pick_device(model)
    return device == "cpu" and compute_dtype(model, device).itemsize == 4


@contextlib.contextmanager
def adapter_applied(
    model: Any, adapter_dir: Path, *, base: ResolvedModel, merge: bool
) -> Iterator[Any]:
    """Yield the model as the adapter changes it; afterwards `model` is what it was before.

    Args:
        model: The shared base.
        adapter_dir: Adapter folder (PEFT layout).
        base: What `model` is; an adapter of another base is reported.
        merge: Add the low-rank products into the weights (plain layers only) and put the
            saved weights back afterwards, bit for bit; otherwise run them beside.

    Raises:
        ModelError: The adapter cannot be read, does not fit this base, was not loaded
            completely, or changes nothing.
    """
    config = read_adapter_config(adapter_dir)
    tensors = read_adapter_tensors(adapter_dir)
    _check_changes_something(adapter_dir, tensors)
    if config.get("revision") not in (None, base.revision):
        logger.warning(
            "adapter %s was trained on %s at %s; this base is %s at %s",
            adapter_dir.name,
            config.get("base_model_name_or_path"),
            str(config["revision"])[:12],
            base.label,
            base.revision[:12],
        )
    saved = _save_biases(model) if config.get("bias", "none") != "none" else {}
    try:
        yield _put_on(model, adapter_dir, tensors, saved, base=base, merge=merge)
    finally:
        _strip(model)
        _restore(model, saved)


def _put_on(
    model: Any,
    adapter_dir: Path,
    tensors: dict[str, Any],
    saved: dict[str, Any],
    *,
    base: ResolvedModel,
    merge: bool,
) -> Any:
    """Load, verify and perhaps merge; what merging overwrites goes into `saved` first."""
    from peft import PeftModel

    try:
        with known_deprecations_ignored(), warnings.catch_warnings():
            # Missing keys only warn here; `_check_loaded` turns them into an error.
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            wrapped = PeftModel.from_pretrained(model, adapter_dir, adapter_name=ADAPTER_NAME)
        _check_loaded(wrapped, adapter_dir, tensors)
        wrapped.eval()
        if not merge:
            return wrapped
        saved.update(_save_targets(wrapped))
        return wrapped.merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ModelError(
            f"adapter {adapter_dir} does not fit {base.label}: {str(error).splitlines()[0]}",
            setting="model.name_or_path",
            expected="an adapter trained on this base",
        ) from error


def _check_changes_something(adapter_dir: Path, tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{name} in {adapter_dir} is not finite")
    if not any(bool(t.any()) for name, t in tensors.items() if "lora_A" not in name):
        raise ModelError(
            f"adapter {adapter_dir} changes nothing: its lora_B tensors are all zero",
            expected="a trained adapter",
        )


def _check_loaded(wrapped: Any, adapter_dir: Path, tensors: dict[str, Any]) -> None:
    """Hold what is in the model against what is in the file, key by key and value by value."""
    from peft import get_peft_model_state_dict

    loaded = get_peft_model_state_dict(
        wrapped, adapter_name=ADAPTER_NAME, save_embedding_layers=False
    )
    missing = sorted(set(loaded) - set(tensors))
    unexpected = sorted(set(tensors) - set(loaded))
    if missing or unexpected:
        raise ModelError(
            f"adapter {adapter_dir} does not fit the base: {len(missing)} tensors missing "
            f"({', '.join(missing[:2])}), {len(unexpected)} without a place "
            f"({', '.join(unexpected[:2])})",
            setting="model.name_or_path",
            expected="an adapter trained on this base",
        )
    for name, tensor in tensors.items():
        held = loaded[name]
        if not bool((held.detach().cpu() == tensor.to(held.dtype)).all()):
            raise ModelError(f"{name} of adapter {adapter_dir} was not loaded into the model")


def _strip(model: Any) -> None:
    """Take off whatever adapter layers are left, also after loading failed halfway."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            model.set_submodule(name, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config


def _save_targets(wrapped: Any) -> dict[str, Any]:
    """Copy the weights that merging will change, by their name in the plain model."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = wrapped.get_base_model()
    return {
        f"{name}.weight": module.get_base_layer().weight.detach().clone()
        for name, module in plain.named_modules()
        if isinstance(module, BaseTunerLayer)
    }


def _save_biases(model: Any) -> dict[str, Any]:
    return {
        name: parameter.detach().clone()
        for name, parameter in model.named_parameters()
        if name.endswith("bias")
    }


def _restore(model: Any, saved: dict[str, Any]) -> None:
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in saved.items():
            parameters[name].copy_(value)
