"""Attention over rows that lie end to end in one sequence, registered with transformers.

A packed forward pass has a batch of one: the tokens of many rows, one after another, with
positions that restart in each. What keeps the rows apart is an object that the model's
forward passes on to every layer (``model(..., packed_rows=rows)``): it knows where each row
begins and attends inside it. Training, prompt processing and decoding differ in that object
alone.

On a GPU in 16 bits the kernel is the flash attention that PyTorch ships, which takes row
boundaries and grouped key-value heads as they are; no mask is built and no token is padded.
Elsewhere (CPU, float32) PyTorch's scaled-dot-product attention runs row by row.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from sql_ft.errors import ModelError

if TYPE_CHECKING:
    import torch

IMPLEMENTATION = "sql_ft_packed"


class PackedRows(Protocol):
    """What keeps rows apart in one layer."""

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Return the attended values.

        Args:
            layer: Index of the layer.
            query: ``[tokens, heads, width]``.
            key: ``[tokens, key-value heads, width]``.
            value: As `key`.
            scale: Factor of the scores.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class WholeRows:
    """Rows that attend to themselves alone, from their first token on.

    Attributes:
        boundaries: ``int32[rows + 1]``: where each row begins, and the end of the last.
        longest: At least the length of the longest row.
        lengths: Lengths of the rows; needed where the kernel takes no boundaries.
    """

    boundaries: torch.Tensor
    longest: int
    lengths: tuple[int, ...] = ()

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Attend causally inside each row."""
        if takes_boundaries(query):
            return flash_attention(
                query,
                key,
                value,
                query_starts=self.boundaries,
                key_starts=self.boundaries,
                longest=(self.longest, self.longest),
                scale=scale,
                causal=True,
            )
        return _attend_row_by_row(query, key, value, self.lengths, scale)


def takes_boundaries(query: torch.Tensor) -> bool:
    """Say whether the flash kernel runs on this tensor."""
    return query.is_cuda and query.element_size() == 2


def flash_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    query_starts: torch.Tensor,
    key_starts: torch.Tensor,
    longest: tuple[int, int],
    scale: float,
    causal: bool,
    key_counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run PyTorch's flash attention with row boundaries.

    `torch.nn.attention.varlen.varlen_attn` is this call behind a public name, but took
    neither grouped heads nor `key_counts` before torch 2.12.

    Args:
        query: ``[tokens, heads, width]``.
        key: ``[slots, key-value heads, width]``.
        value: As `key`.
        query_starts: ``int32[rows + 1]`` into `query`.
        key_starts: ``int32[rows + 1]`` into `key`.
        longest: Upper bounds of a row's queries and keys.
        scale: Factor of the scores.
        causal: Whether later keys are hidden.
        key_counts: ``int32[rows]``: keys in use, where a row's slots are not all filled.
    """
    import torch

    out: torch.Tensor = torch.ops.aten._flash_attention_forward(
        query,
        key,
        value,
        query_starts,
        key_starts,
        *longest,
        0.0,
        causal,
        False,
        scale=scale,
        seqused_k=key_counts,
    )[0]
    return out


def _attend_row_by_row(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lengths: tuple[int, ...],
    scale: float,
) -> torch.Tensor:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    out = []
    sizes = list(lengths)
    parts = (torch.split(tensor, sizes) for tensor in (query, key, value))
    for q, k, v in zip(*parts, strict=True):
        attended = scaled_dot_product_attention(
            q.transpose(0, 1)[None],
            k.transpose(0, 1)[None],
            v.transpose(0, 1)[None],
            is_causal=True,
            scale=scale,
            enable_gqa=q.shape[1] != k.shape[1],
        )
        out.append(attended[0].transpose(0, 1))
    return torch.cat(out)


def _attention_interface(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    packed_rows: PackedRows | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    if packed_rows is None:
        # Without boundaries every row would see the rows before it, silently.
        raise ModelError("a packed forward pass came without packed_rows")
    # [1, heads, tokens, width] as transformers hands it over.
    q, k, v = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    return packed_rows.attend(module.layer_idx, q, k, v, scaling)[None], None


def supports_packing(config: Any, model: Any) -> bool:
    """Say whether this architecture takes an attention of ours and needs no window."""
    layer_types = getattr(config, "layer_types", None) or ["full_attention"]
    return bool(getattr(model, "_supports_attention_backend", False)) and set(layer_types) == {
        "full_attention"
    }


def use_packed_attention(model: Any) -> None:
    """Switch `model` to packed attention; every forward pass then needs ``packed_rows``."""
    from transformers import AttentionInterface

    AttentionInterface.register(IMPLEMENTATION, _attention_interface)
    model.config._attn_implementation = IMPLEMENTATION


@contextlib.contextmanager
def packed_attention_used(model: Any) -> Iterator[None]:
    """Switch `model` to packed attention for a while."""
    before = model.config._attn_implementation
    use_packed_attention(model)
    try:
        yield
    finally:
        model.config._attn_implementation = before


def read_packed(
    causal: Any, ids: torch.Tensor, positions: torch.Tensor, rows: PackedRows
) -> torch.Tensor:
    """Return the last hidden states of flat ``[tokens]``, ``[tokens, width]``.

    Args:
        causal: Model whose attention is the packed one.
        ids: Token ids, row after row.
        positions: Their positions within their rows.
        rows: What keeps the rows apart.
    """
    out: torch.Tensor = causal.base_model(
        input_ids=ids[None],
        position_ids=positions[None],
        use_cache=False,
        packed_rows=rows,
    ).last_hidden_state[0]
    return out
