"""Keys and values of many rows at fixed places, and attention over them.

Each row owns a slot of `slot_tokens` places in every layer. Nothing moves: a row that is
done simply no longer takes part, so the addresses that a captured graph knows stay true.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from sql_ft.packed_attention import WholeRows, flash_attention, takes_boundaries


class KVSlots:
    """The cache: per layer ``[slots * slot_tokens, key-value heads, width]``."""

    def __init__(
        self, config: Any, slots: int, slot_tokens: int, *, dtype: torch.dtype, device: Any
    ) -> None:
        """Allocate `slots` rows of `slot_tokens` places for every layer of a model.

        Args:
            config: The model's configuration.
            slots: Rows at a time.
            slot_tokens: Tokens of the longest row, answer included.
            dtype: As the model computes.
            device: Where the model is.
        """
        self.slots = slots
        self.slot_tokens = slot_tokens
        shape = (slots * slot_tokens, *_head_shape(config))
        layers = range(config.num_hidden_layers)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in layers]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in layers]

    @staticmethod
    def bytes_per_token(config: Any, itemsize: int) -> int:
        """Return what one token takes in all layers, keys and values."""
        heads, width = _head_shape(config)
        return int(2 * config.num_hidden_layers * heads * width * itemsize)


def _head_shape(config: Any) -> tuple[int, int]:
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(config.num_key_value_heads), int(width)


@dataclasses.dataclass(frozen=True, slots=True)
class PromptRows:
    """Whole prompts: each attends to itself, and its keys and values go into its slot.

    Attributes:
        cache: Where they go.
        rows: The prompts' boundaries.
        places: ``[tokens]``: place of each token in the cache.
    """

    cache: KVSlots
    rows: WholeRows
    places: torch.Tensor

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Store, and attend among the prompt's own tokens."""
        self.cache.keys[layer].index_copy_(0, self.places, key)
        self.cache.values[layer].index_copy_(0, self.places, value)
        return self.rows.attend(layer, query, key, value, scale)


@dataclasses.dataclass(frozen=True, slots=True)
class StepRows:
    """One new token of each row, which attends to all of its row so far.

    Attributes:
        cache: Keys and values so far; the new token's are added.
        places: ``[rows]``: place of each new token.
        query_starts: ``int32[rows + 1]``: 0, 1, 2, …
        slot_starts: ``int32[rows + 1]``: first place of each row's slot.
        counts: ``int32[rows]``: tokens of each row, the new one included.
        longest: At least the tokens of the longest row. The kernel divides its work by it, so
            answers must not depend on what else the cache has room for.
    """

    cache: KVSlots
    places: torch.Tensor
    query_starts: torch.Tensor
    slot_starts: torch.Tensor
    counts: torch.Tensor
    longest: int

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Store, and attend to the slot's filled places."""
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys.index_copy_(0, self.places, key)
        values.index_copy_(0, self.places, value)
        if takes_boundaries(query):
            return flash_attention(
                query,
                keys,
                values,
                query_starts=self.query_starts,
                key_starts=self.slot_starts,
                longest=(1, self.longest),
                scale=scale,
                causal=False,
                key_counts=self.counts,
            )
        return self._attend_masked(query, keys, values, scale)

    def _attend_masked(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
    ) -> torch.Tensor:
        length = self.cache.slot_tokens
        slots = (self.slot_starts[:-1] // length).long()
        per_slot = (self.cache.slots, length, *keys.shape[1:])
        k, v = (t.view(per_slot).index_select(0, slots).transpose(1, 2) for t in (keys, values))
        filled = torch.arange(length, device=query.device)[None] < self.counts[:, None]
        attended = torch.nn.functional.scaled_dot_product_attention(
            query[:, :, None],
            k,
            v,
            attn_mask=filled[:, None, None],
            scale=scale,
            enable_gqa=query.shape[1] != k.shape[1],
        )
        return attended[:, :, 0]
