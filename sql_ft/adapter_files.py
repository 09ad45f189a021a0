"""Reading an adapter folder: what training wrote and generation loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sql_ft.errors import ModelError

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """Read an adapter folder's configuration.

    Raises:
        ModelError: The folder is no adapter.
    """
    try:
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no readable {CONFIG_FILE} in {folder}",
            expected=f"a folder with {CONFIG_FILE} and {WEIGHTS_FILE}",
        ) from error
    if not isinstance(values, dict):
        raise ModelError(f"{folder / CONFIG_FILE} is no mapping")
    return values


def read_adapter_tensors(folder: Path) -> dict[str, Any]:
    """Read an adapter's tensors onto the CPU.

    Raises:
        ModelError: The weights are missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"cannot read {folder / WEIGHTS_FILE}: {error}", expected="an adapter's safetensors"
        ) from error
