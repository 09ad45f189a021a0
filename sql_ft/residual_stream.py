"""A decoder's sums into the residual stream, each in one kernel with the norm behind it.

A layer adds twice and norms twice, and every sum is followed by a norm: that of the MLP by the
next layer's first. So a layer hands its MLP's output on unadded, and the next norm adds it.
Decoding one row saves launches, training saves three of eleven passes over the stream. For the
layers of Llama and its like; the arithmetic is theirs.
"""

from __future__ import annotations

import functools
from typing import Any

import torch

# What these layers do between norms is known: two sums, nothing scaled, nothing gated.
KNOWN_ARCHITECTURES = ("llama", "mistral", "qwen2")


class _Stream:
    """The sum so far, while the output that is to be added to it travels on."""

    def __init__(self) -> None:
        self.so_far: torch.Tensor | None = None


def fuse_residual_sums(model: Any) -> int:
    """Change the layers of `model` in place; return how many.

    Args:
        model: Causal language model, before adapters are put on. Its layers must not be
            recomputed in the backward pass: what they hand on would be gone.
    """
    if model.config.model_type not in KNOWN_ARCHITECTURES:
        return 0
    decoder = model.base_model
    stream = _Stream()
    for index, layer in enumerate(decoder.layers):
        layer.forward = functools.partial(_layer_forward, layer, stream, index == 0)
    plain = decoder.norm.forward
    decoder.norm.forward = functools.partial(_last_norm, decoder.norm, plain, stream)
    return len(decoder.layers)


def _layer_forward(
    layer: Any, stream: _Stream, first: bool, hidden_states: torch.Tensor, **kwargs: Any
) -> torch.Tensor:
    # The first layer's input is the embedding, whatever an interrupted pass left behind.
    before = None if first else stream.so_far
    stream.so_far = None
    if before is None:
        normed, residual = layer.input_layernorm(hidden_states), hidden_states
    else:
        normed, residual = _add_and_norm(hidden_states, before, layer.input_layernorm)
    attended = layer.self_attn(hidden_states=normed, **kwargs)[0]
    normed, stream.so_far = _add_and_norm(attended, residual, layer.post_attention_layernorm)
    out: torch.Tensor = layer.mlp(normed)
    return out


def _last_norm(norm: Any, plain: Any, stream: _Stream, hidden_states: torch.Tensor) -> torch.Tensor:
    before, stream.so_far = stream.so_far, None
    if before is None:
        normed: torch.Tensor = plain(hidden_states)
        return normed
    return _add_and_norm(hidden_states, before, norm, plain)[0]


def _add_and_norm(
    x: torch.Tensor, residual: torch.Tensor, norm: Any, plain: Any = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the norm of the sum, and the sum."""
    kernel = _kernel() if x.is_cuda and x.element_size() == 2 else None
    if kernel is not None:
        normed, total = kernel(x, residual, norm.weight, norm.variance_epsilon, 0.0, "llama", False)
        return normed, total
    total = residual + x
    return (plain or norm)(total), total


@functools.cache
def _kernel() -> Any:
    try:
        from liger_kernel.ops.fused_add_rms_norm import LigerFusedAddRMSNormFunction
    except ImportError:
        return None
    return LigerFusedAddRMSNormFunction.apply
