"""An adapter on a shared base: put on, verified, taken off without a trace."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_ft.adapter_files import read_adapter_config, read_adapter_tensors
from sql_ft.base_model import ResolvedModel, known_deprecations_ignored
from sql_ft.errors import ModelError

logger = logging.getLogger(__name__)

_NAME = "arm"


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
    from peft import PeftModel

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
    with known_deprecations_ignored():
        try:
            # Missing keys only warn here; `_check_loaded` turns them into an error.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Found missing adapter keys")
                wrapped = PeftModel.from_pretrained(model, adapter_dir, adapter_name=_NAME)
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(
                f"adapter {adapter_dir} does not fit {base.label}: {str(error).splitlines()[0]}",
                setting="model.name_or_path",
                expected="an adapter trained on this base",
            ) from error
        try:
            _check_loaded(wrapped, adapter_dir, tensors)
            wrapped.eval()
            if merge:
                saved.update(_save_targets(wrapped))
                try:
                    changed = wrapped.merge_and_unload(safe_merge=True)
                except ValueError as error:
                    raise ModelError(f"cannot merge adapter {adapter_dir}: {error}") from error
                yield changed
            else:
                yield wrapped
        finally:
            if not merge or _is_wrapped(model):
                wrapped.unload()
            _restore(model, saved)
            if hasattr(model, "peft_config"):
                del model.peft_config


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

    loaded = get_peft_model_state_dict(wrapped, adapter_name=_NAME, save_embedding_layers=False)
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


def _is_wrapped(model: Any) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return any(isinstance(module, BaseTunerLayer) for module in model.modules())


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
