"""What may be stored with a version: LoRA tensors, their settings, the tokenizer.

Base weights never: MLflow's own transformers flavour stores them under adapter names
for a PEFT model on a local base, so this is checked rather than trusted.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

from sql_ft.adapter_files import CONFIG_FILE, WEIGHTS_FILE, read_adapter_config
from sql_ft.errors import ModelError
from sql_ft.training.adapter import check_adapter

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "tokenizer.model",
)
_WEIGHT_SUFFIXES = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5"}


@dataclasses.dataclass(frozen=True, slots=True)
class StagedAdapter:
    """A clean copy of an adapter folder.

    Attributes:
        path: The copy.
        adapter_bytes: Size of the weights and their settings.
        tokenizer_bytes: Size of the tokenizer's files.
    """

    path: Path
    adapter_bytes: int
    tokenizer_bytes: int


def stage_adapter(folder: Path, target: Path, *, base_label: str) -> StagedAdapter:
    """Copy adapter and tokenizer, and nothing else, after checking both.

    Subfolders (checkpoints) and notes are left behind. The base model's path in the
    adapter's settings is replaced by `base_label`: a path of this machine means nothing
    where the version is served.

    Args:
        folder: As the training room wrote it.
        target: New folder.
        base_label: `ResolvedModel.label`.

    Raises:
        ModelError: A file or tensor is missing, or weights that are not LoRA's are there.
    """
    _refuse_foreign_weights(folder)
    check_adapter(folder)
    settings = read_adapter_config(folder)
    settings["base_model_name_or_path"] = base_label
    target.mkdir(parents=True)
    shutil.copyfile(folder / WEIGHTS_FILE, target / WEIGHTS_FILE)
    (target / CONFIG_FILE).write_text(
        json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    adapter_bytes = folder_bytes(target)
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    if not (target / "tokenizer_config.json").is_file():
        raise ModelError(
            f"adapter folder {folder} has no tokenizer",
            expected="tokenizer_config.json beside the adapter",
        )
    return StagedAdapter(target, adapter_bytes, folder_bytes(target) - adapter_bytes)


def folder_bytes(folder: Path) -> int:
    """Size of all files below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _refuse_foreign_weights(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(f"no adapter folder at {folder}")
    foreign = sorted(
        file.name
        for file in folder.iterdir()
        if file.is_file() and file.suffix in _WEIGHT_SUFFIXES and file.name != WEIGHTS_FILE
    )
    if foreign:
        raise ModelError(
            f"adapter folder {folder} also holds {', '.join(foreign[:3])}",
            expected=f"{WEIGHTS_FILE} alone; base weights and pickles are never registered",
        )
