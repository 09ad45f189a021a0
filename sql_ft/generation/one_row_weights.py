"""The weights that `one_row`'s kernels read, as they lie in a model; which models have them so."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import torch

from sql_ft.residual_stream import KNOWN_ARCHITECTURES

# Others change with the row's length.
_FIXED_ROTATIONS = ("default", "linear", "llama3", "yarn")
# Lines longer than this are read in pieces, which not every kernel does.
_LONGEST_LINE = 8192


@dataclasses.dataclass(frozen=True, slots=True)
class LowRank:
    """An adapter's part of some layers with the same input, end to end.

    Attributes:
        a: ``[layers * rank, inputs]``.
        b: ``[outputs, rank]``.
        scale: ``float32[outputs]``.
        rank: The largest; smaller ones are filled with zeros.
    """

    a: torch.Tensor
    b: torch.Tensor
    scale: torch.Tensor
    rank: int


@dataclasses.dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: its norms as modules, its matrices ``[outputs, inputs]``.

    `qkv` is query, key and value, one behind the other; `*_low` is the adapter's part, if any.
    """

    first_norm: Any
    qkv: torch.Tensor
    bias: torch.Tensor | None
    qkv_low: LowRank | None
    out: torch.Tensor
    out_low: LowRank | None
    second_norm: Any
    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor


def why_not(causal: Any) -> str | None:
    """Return why these kernels cannot run this model, or None."""
    config = causal.config
    if config.model_type not in KNOWN_ARCHITECTURES or config.hidden_act != "silu":
        return f"no kernels for {config.model_type} with {config.hidden_act}"
    if config.rope_parameters.get("rope_type", "default") not in _FIXED_ROTATIONS:
        return f"no kernels for rope_type {config.rope_parameters['rope_type']}"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    head = causal.get_output_embeddings()
    plain = [head]
    for layer in causal.base_model.layers:
        plain += [layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj]
        attention = layer.self_attn
        projections = [getattr(attention, f"{name}_proj") for name in "qkvo"]
        bases = [_base(module) for module in projections]
        if any(base is None for base in bases):
            return "an attention projection is not a plain layer with at most one LoRA beside"
        if bases[3].bias is not None:
            return "the attention's output has a bias"
        if _end_to_end([base.weight for base in bases[:3]]) is None:
            return "query, key and value are not one matrix (fuse_query_key_value)"
        width = attention.head_dim
        if width & (width - 1):
            return f"heads are {width} wide, not a power of two"
    if any(type(module) is not torch.nn.Linear or module.bias is not None for module in plain):
        return "the head or a layer of an MLP is not a plain matrix"
    if max(config.hidden_size, head.weight.shape[1]) > _LONGEST_LINE:
        return f"lines of {config.hidden_size} are too long"
    return None


def gather(layer: Any) -> LayerWeights:
    """Return a layer's weights: the base's as they lie, the adapter's in the base's dtype."""
    attention, mlp = layer.self_attn, layer.mlp
    projections = [attention.q_proj, attention.k_proj, attention.v_proj]
    bases = [_base(module) for module in projections]
    qkv = _end_to_end([base.weight for base in bases])
    assert qkv is not None
    biased = bases[0].bias is not None
    return LayerWeights(
        first_norm=layer.input_layernorm,
        qkv=qkv,
        bias=torch.cat([base.bias for base in bases]) if biased else None,
        qkv_low=_low_rank(projections),
        out=_base(attention.o_proj).weight,
        out_low=_low_rank([attention.o_proj]),
        second_norm=layer.post_attention_layernorm,
        gate=mlp.gate_proj.weight,
        up=mlp.up_proj.weight,
        down=mlp.down_proj.weight,
    )


def _base(module: Any) -> Any:
    """Return the plain layer below what may be beside it, or None if there is none."""
    if type(module) is torch.nn.Linear:
        return module
    if getattr(module, "lora_A", None) is None:
        return None
    adapters = module.active_adapters
    plain = module.get_base_layer()
    usable = (
        type(plain) is torch.nn.Linear
        and len(adapters) == 1
        and adapters[0] in module.lora_A
        and module.lora_A[adapters[0]].bias is None
        and module.lora_B[adapters[0]].bias is None
        and not module.use_dora.get(adapters[0])
        and not module.disable_adapters
        and not module.merged
    )
    return plain if usable else None


def _end_to_end(weights: list[torch.Tensor]) -> torch.Tensor | None:
    """Return matrices that lie one behind the other as one, or None if they do not."""
    first = weights[0]
    end = first.data_ptr()
    for weight in weights:
        if weight.data_ptr() != end or not weight.is_contiguous():
            return None
        end += weight.numel() * weight.element_size()
    rows = sum(weight.shape[0] for weight in weights)
    if first.untyped_storage().nbytes() < rows * first.shape[1] * first.element_size():
        return None
    return torch.as_strided(first.detach(), (rows, first.shape[1]), first.stride())


def _low_rank(modules: list[Any]) -> LowRank | None:
    pairs: list[tuple[torch.Tensor, torch.Tensor, float] | None] = []
    for module in modules:
        if type(module) is torch.nn.Linear:
            pairs.append(None)
            continue
        name = module.active_adapters[0]
        a, b = (getattr(module, part)[name].weight.detach() for part in ("lora_A", "lora_B"))
        pairs.append((a, b, float(module.scaling[name])))
    rank = max((pair[0].shape[0] for pair in pairs if pair), default=0)
    if rank == 0:
        return None
    weight = _base(modules[0]).weight
    rows = [_base(module).weight.shape[0] for module in modules]
    all_a = weight.new_zeros((len(modules) * rank, weight.shape[1]))
    all_b = weight.new_zeros((sum(rows), rank))
    scale = torch.zeros(sum(rows), dtype=torch.float32, device=weight.device)
    at = 0
    for index, (pair, count) in enumerate(zip(pairs, rows, strict=True)):
        if pair is not None:
            a, b, factor = pair
            all_a[index * rank : index * rank + len(a)] = a
            all_b[at : at + count, : b.shape[1]] = b
            scale[at : at + count] = factor
        at += count
    return LowRank(all_a, all_b, scale, rank)
