"""An adapter that changes nothing is told from one that does, by its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sql_ft.errors import ModelError
from sql_ft.training.adapter import is_empty_adapter

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj")


def write(folder: Path, **changes: torch.Tensor) -> Path:
    tensors = {}
    for layer in LAYERS:
        tensors[f"{layer}.lora_A.weight"] = torch.ones(2, 4)
        tensors[f"{layer}.lora_B.weight"] = torch.zeros(4, 2)
    folder.mkdir(exist_ok=True)
    save_file({**tensors, **changes}, folder / "adapter_model.safetensors")
    return folder


def test_an_untrained_adapter_is_empty(tmp_path: Path) -> None:
    assert is_empty_adapter(write(tmp_path))
    weight = torch.zeros(4, 2)
    weight[3, 1] = 1e-6
    assert not is_empty_adapter(write(tmp_path, **{f"{LAYERS[1]}.lora_B.weight": weight}))


def test_either_factor_at_zero_makes_the_update_zero(tmp_path: Path) -> None:
    trained = {f"{LAYERS[0]}.lora_B.weight": torch.ones(4, 2)}
    assert not is_empty_adapter(write(tmp_path, **trained))
    trained[f"{LAYERS[0]}.lora_A.weight"] = torch.zeros(2, 4)
    assert is_empty_adapter(write(tmp_path, **trained))


def test_a_trained_bias_counts(tmp_path: Path) -> None:
    bias = "model.layers.0.self_attn.q_proj.bias"
    assert is_empty_adapter(write(tmp_path, **{bias: torch.zeros(4)}))
    assert not is_empty_adapter(write(tmp_path, **{bias: torch.ones(4)}))


def test_no_adapter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        is_empty_adapter(tmp_path)
