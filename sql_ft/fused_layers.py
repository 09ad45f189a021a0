"""LoRA's linear layer as one autograd node, and the kernels of liger-kernel around it.

PEFT's layer runs, in 16 bits with a float32 adapter and without autocast, two casts, a
dropout, two products, a scaling and a sum, and keeps most of what lies between. Here the
low-rank product is added by the matrix product itself, and the input is kept once for all
projections that read it. The arithmetic is autocast's: products in the dtype of the
activations, adapter weights and their gradients in float32.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        lora_a: torch.Tensor,
        lora_b: torch.Tensor,
        weight: Callable[[], torch.Tensor],
        bias: torch.Tensor | None,
        scaling: float,
        dropout: float,
    ) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        a, b = lora_a.to(x.dtype), lora_b.to(x.dtype)
        mask = None
        dropped = flat
        if dropout > 0.0:
            dropped, mask = torch.native_dropout(flat, dropout, True)
        low = dropped @ a.t()
        out = linear(flat, weight(), bias)
        out.addmm_(low, b.t(), alpha=scaling)
        ctx.save_for_backward(flat, mask, low, a, b)
        ctx.weight, ctx.scaling, ctx.dropout = weight, scaling, dropout
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        flat, mask, low, a, b = ctx.saved_tensors
        g = grads[0].reshape(-1, grads[0].shape[-1])
        g_low = (g @ b).mul_(ctx.scaling)
        grad_b = (g.t() @ low).float().mul_(ctx.scaling)
        keep = 1.0 / (1.0 - ctx.dropout)
        dropped = flat
        if mask is not None:
            dropped = torch.ops.aten.native_dropout_backward(flat, mask, keep)
        grad_a = (g_low.t() @ dropped).float()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = g @ ctx.weight()
            if mask is None:
                grad_x.addmm_(g_low, a)
            else:
                grad_x += torch.ops.aten.native_dropout_backward(g_low @ a, mask, keep)
            grad_x = grad_x.view(*grads[0].shape[:-1], -1)
        return grad_x, grad_a, grad_b, None, None, None, None


def fuse_lora_layers(model: Any, adapter: str = "default") -> int:
    """Replace the forward pass of every LoRA linear layer; return how many there were.

    Modules, parameters and their names stay PEFT's, so that saving and checkpoints do not
    notice. Layers with a trained bias are left to PEFT.

    Args:
        model: `peft.PeftModel`.
        adapter: Name of its adapter.
    """
    from peft.tuners.lora import LoraLayer

    fused = 0
    for module in model.modules():
        if not isinstance(module, LoraLayer) or adapter not in getattr(module, "lora_A", {}):
            continue
        base = module.get_base_layer()
        bias = getattr(base, "bias", None)
        if module.use_dora.get(adapter) or (bias is not None and bias.requires_grad):
            continue
        module.forward = _fused_forward(module, base, adapter)
        fused += 1
    return fused


def apply_liger(model: Any) -> bool:
    """Swap norm, rotary embedding and MLP for liger-kernel's, where it has them.

    The model must be on a GPU. Other models in the process, on a CPU too, stay usable.

    Returns:
        Whether it is installed and knows the architecture.
    """
    try:
        from liger_kernel.transformers import monkey_patch
    except ImportError:
        return False
    known = model.config.model_type in monkey_patch.MODEL_TYPE_TO_APPLY_LIGER_FN
    if known:
        attention = next(m for n, m in model.named_modules() if n.endswith("self_attn"))
        modeling = sys.modules[type(attention).__module__]
        kept = {
            name: value
            for name, value in vars(modeling).items()
            if name == "apply_rotary_pos_emb" or name.endswith(("RMSNorm", "MLP"))
        }
        monkey_patch._apply_liger_kernel_to_instance(
            model=model, cross_entropy=False, fused_linear_cross_entropy=False
        )
        # It replaces classes and functions of the module for every model to come.
        for name, value in kept.items():
            setattr(modeling, name, value)
        _fuse_rotary(modeling)
    return bool(known)


def fuse_query_key_value(model: Any) -> int:
    """Let each layer's three input projections run as one matrix product; return how many do.

    For inference on plain linear layers. The modules keep their names and their weights, as
    views of one matrix; the first of the three computes for all, the others take their part.
    """
    fused = 0
    for module in model.modules():
        layers = [getattr(module, name, None) for name in ("q_proj", "k_proj", "v_proj")]
        if all(type(layer) is torch.nn.Linear for layer in layers):
            _SharedProduct(layers).take_over()
            fused += 1
    return fused


class _SharedProduct:
    """One product for several linear layers that are given the same input in turn."""

    def __init__(self, layers: list[Any]) -> None:
        self._layers = layers
        self._sizes = [layer.out_features for layer in layers]
        self._input: torch.Tensor | None = None
        self._parts: tuple[torch.Tensor, ...] = ()

    def take_over(self) -> None:
        self._weight = torch.cat([layer.weight.data for layer in self._layers])
        biases = [layer.bias for layer in self._layers]
        self._bias = None if biases[0] is None else torch.cat([b.data for b in biases])
        for index, (layer, part) in enumerate(
            zip(self._layers, torch.split(self._weight, self._sizes), strict=True)
        ):
            layer.weight.data = part
            layer.forward = functools.partial(self._part, index)

    def _part(self, index: int, x: torch.Tensor) -> torch.Tensor:
        if index == 0 or self._input is not x:
            self._input = x
            self._parts = torch.split(linear(x, self._weight, self._bias), self._sizes, dim=-1)
        part = self._parts[index]
        if index == len(self._sizes) - 1:
            self._input, self._parts = None, ()
        return part


def _fuse_rotary(modeling: Any) -> None:
    """Use liger's rotary embedding for tensors on a GPU alone."""
    plain = getattr(modeling, "apply_rotary_pos_emb", None)
    if plain is None or hasattr(plain, "fused_on_gpu"):
        return
    from liger_kernel.transformers.rope import liger_rotary_pos_emb

    def apply_rotary_pos_emb(q: Any, k: Any, cos: Any, sin: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = liger_rotary_pos_emb if q.is_cuda and q.element_size() == 2 else plain
        return chosen(q, k, cos, sin, *args, **kwargs)

    apply_rotary_pos_emb.fused_on_gpu = True  # type: ignore[attr-defined]
    modeling.apply_rotary_pos_emb = apply_rotary_pos_emb


def _fused_forward(module: Any, base: Any, adapter: str) -> Callable[..., torch.Tensor]:
    weight = _weight_reader(base)
    lora_a, lora_b = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    scaling = float(module.scaling[adapter])
    rate = float(getattr(module.lora_dropout[adapter], "p", 0.0))
    if not lora_a.requires_grad:
        return _frozen_forward(base, lora_a, lora_b, scaling)

    def forward(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        dropout = rate if module.training else 0.0
        out: torch.Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]
            x, lora_a, lora_b, weight, base.bias, scaling, dropout
        )
        return out

    return forward


def _frozen_forward(
    base: Any, lora_a: torch.Tensor, lora_b: torch.Tensor, scaling: float
) -> Callable[..., torch.Tensor]:
    """The layer without autograd: two products beside the base's, none of them cast."""
    dtype = base.weight.dtype if base.weight.dtype.is_floating_point else torch.bfloat16
    a = lora_a.detach().to(dtype).t()
    b = lora_b.detach().to(dtype).t()

    def forward(x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        out: torch.Tensor = base(x)
        flat = out.view(-1, out.shape[-1])
        flat.addmm_(x.reshape(-1, x.shape[-1]) @ a, b, alpha=scaling)
        return out

    return forward


def _weight_reader(base: Any) -> Callable[[], torch.Tensor]:
    """Return a callable for the layer's weight: itself, or unpacked from NF4 at each use."""
    state = getattr(base.weight, "quant_state", None)
    if state is None:
        return lambda: base.weight

    def unpack() -> torch.Tensor:
        from bitsandbytes.functional import dequantize_4bit

        weight: torch.Tensor = dequantize_4bit(base.weight.data, state)
        return weight

    return unpack
