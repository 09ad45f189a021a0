"""The adapter as an artifact: saved without the hub or a machine's path, hashed by content."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sql_ft.adapter_files import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    read_adapter_config,
    read_adapter_tensors,
)
from sql_ft.errors import ModelError, TrainingError

_LORA_NAME = re.compile(r"\.lora_[AB]\.weight$")
# Settings that change what the same tensors compute.
_SCALING_KEYS = ("r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern")


def save_adapter(
    model: Any,
    tokenizer: Any,
    folder: Path,
    *,
    label: str,
    revision: str,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Write adapter and tokenizer, replacing `folder` in one step.

    Tensors are stored as float32 whatever they were trained in. The configuration names
    the base by its label, never by a path of this machine, and the file is the same
    for the same adapter (PEFT writes `target_modules` in the order of a set).

    Args:
        model: `peft.PeftModel` with one adapter, ``default``.
        tokenizer: Stored beside the adapter.
        folder: Adapter folder to create.
        label: `ResolvedModel.label`.
        revision: `ResolvedModel.revision`.
        state: The adapter's tensors where the model does not hold them in one piece.

    Raises:
        TrainingError: A tensor is not finite, or is not LoRA's.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    if state is None:
        # "auto" would ask the hub whether the vocabulary was resized (huggingface/peft#1452).
        state = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {
        name: tensor.detach().to("cpu").float().contiguous().clone()
        for name, tensor in state.items()
    }
    if not tensors:
        raise TrainingError("the trained model holds no adapter tensor", setting="train.sharding")
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise TrainingError(
                f"training diverged: {name} is not finite",
                setting="train.learning_rate",
                expected="a smaller value",
            )
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(tensors, partial / WEIGHTS_FILE, metadata={"format": "pt"})
    peft_config = model.peft_config["default"]
    values = json.loads(json.dumps(peft_config.to_dict(), default=_jsonable))
    values["base_model_name_or_path"] = label
    values["revision"] = revision
    values["inference_mode"] = True
    values["target_modules"] = sorted(values["target_modules"])
    (partial / CONFIG_FILE).write_text(
        json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    tokenizer.save_pretrained(partial)
    check_adapter(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def check_adapter(folder: Path) -> None:
    """Make sure that a folder holds an adapter and nothing else: no base weights, no code.

    Raises:
        ModelError: A tensor that is not LoRA's (biases are allowed where the adapter
            trains them), a missing configuration, or pickled weights.
    """
    config = read_adapter_config(folder)
    biases = config.get("bias", "none") != "none"
    foreign = [
        name
        for name in sorted(read_adapter_tensors(folder))
        if not _LORA_NAME.search(name) and not (biases and name.endswith(".bias"))
    ]
    if foreign:
        raise ModelError(
            f"{folder / WEIGHTS_FILE} holds more than LoRA tensors: {', '.join(foreign[:3])}",
            expected="names that end in lora_A.weight or lora_B.weight",
        )
    pickled = sorted(
        file.name for pattern in ("*.bin", "*.pt", "*.pkl") for file in folder.glob(pattern)
    )
    if pickled:
        raise ModelError(
            f"{folder} holds pickled files: {', '.join(pickled)}", expected="safetensors only"
        )


def hash_adapter(folder: Path) -> str:
    """Hash what an adapter computes: names, shapes, values and the settings that scale them.

    The dtype is normalised to float32 first, so that the same adapter stored in bfloat16
    and in float32 hashes alike; paths, licences and tokenizer files do not count.

    Returns:
        SHA-256, 64 hex digits.

    Raises:
        ModelError: The folder is no adapter.
    """
    config = read_adapter_config(folder)
    digest = hashlib.sha256()
    digest.update(
        json.dumps({key: config.get(key) for key in _SCALING_KEYS}, sort_keys=True).encode()
    )
    for name, tensor in sorted(read_adapter_tensors(folder).items()):
        values = tensor.float().contiguous().numpy()
        digest.update(f"{name}\0{tuple(values.shape)}\0".encode())
        digest.update(values.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def is_empty_adapter(folder: Path) -> bool:
    """True if the adapter changes nothing: each layer's update B·A is zero, and each bias.

    LoRA starts with B at zero, so this is what training that never stepped leaves behind.

    Raises:
        ModelError: The folder is no adapter.
    """
    zero = {name: not tensor.any() for name, tensor in read_adapter_tensors(folder).items()}
    # With one of the two factors at zero the product is zero, whatever the other holds.
    return all(
        is_zero or (_LORA_NAME.search(name) is not None and zero.get(_other_factor(name), False))
        for name, is_zero in zero.items()
    )


def _other_factor(name: str) -> str:
    factor = "lora_B" if ".lora_A." in name else "lora_A"
    return _LORA_NAME.sub(f".{factor}.weight", name)


def adapter_bytes(folder: Path) -> int:
    """Return the size of the adapter's weights and configuration (not the tokenizer's)."""
    return sum((folder / name).stat().st_size for name in (WEIGHTS_FILE, CONFIG_FILE))


def _jsonable(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)
