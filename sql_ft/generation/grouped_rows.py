"""Keys and values of a batch on a CPU, and attention that neither copies nor repeats them.

`transformers` grows a cache by copying it at every token and, where key-value heads are
shared, repeats it for each query head: for a small model that was nine tenths of a step.
Here every layer's cache is one tensor with room for the answers, the query heads that share
a key-value head are the rows of one small matrix product, and what all prompts begin with is
kept once and attended to by all rows in one product.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch

from sql_ft.packed_attention import WholeRows, read_packed

_Pair = tuple[torch.Tensor, torch.Tensor]


@dataclasses.dataclass(slots=True)
class _Beginning:
    """Reads the tokens that all rows begin with, and keeps their keys and values."""

    rows: WholeRows
    layers: list[_Pair]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Store, and attend causally."""
        self.layers.append((key.transpose(0, 1), value.transpose(0, 1)))
        return self.rows.attend(layer, query, key, value, scale)


class GroupedRows:
    """Left-padded rows with room for their answers; `packed_attention.PackedRows`.

    Attributes:
        shared: Per layer keys and values that stand before every row, ``[key-value heads,
            tokens, width]``; empty if there are none.
    """

    def __init__(self, lengths: Sequence[int], room: int, layers: int) -> None:
        """Take rows of `lengths` tokens, each with `room` more to come."""
        width = max(lengths)
        self.shared: list[_Pair] = []
        self._caches: list[_Pair] = []
        self._layers = layers
        self._room = room
        self._rows = len(lengths)
        self._new = width
        self._end = width
        starts = torch.tensor([width - length for length in lengths])
        columns = torch.arange(width + room)
        hidden = columns[None] < starts[:, None]
        #: What padding adds to the scores of a step, for every place of a row.
        self._padding = torch.zeros(hidden.shape).masked_fill_(hidden, -math.inf)[:, None, None]
        later = columns[None, :width] > columns[:width, None]
        mask = later[None] | hidden[:, None, :width]
        # Padding attends to itself: no score at all would be no number, and spread.
        mask[:, columns[:width], columns[:width]] = False
        self._scores = torch.zeros(mask.shape).masked_fill_(mask, -math.inf)[:, None]

    def advance(self) -> None:
        """Get ready for one more token of every row."""
        self._new = 1
        self._end += 1
        self._scores = self._padding[..., : self._end]

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows."""
        self._padding = self._padding[rows]
        self._rows = len(rows)
        end = self._end
        for keys, values in self._caches:
            for cache in (keys, values):
                # In place: rows only ever move forward.
                cache[: self._rows, :, :end] = cache[rows, :, :end]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Store, and attend to the row so far and to what stands before it."""
        rows, new, heads = self._rows, self._new, key.shape[1]
        keys, values = self._store(layer, key, value)
        group = query.shape[1] // heads
        # [rows, key-value heads, queries that share it, width]
        q = query.view(rows, new, heads, group, -1).permute(0, 2, 3, 1, 4)
        q = q.reshape(rows, heads, group * new, -1)
        scores = self._scores.to(q.dtype)
        if new > 1:
            scores = scores.repeat(1, 1, group, 1)
        out, total = _attend(q, keys, values, scale, scores)
        if self.shared:
            out = self._with_beginning(layer, q, out, total, scale)
        out = out.view(rows, heads, group, new, -1).permute(0, 3, 1, 2, 4)
        return out.reshape(rows * new, heads * group, -1)

    def _with_beginning(
        self, layer: int, q: torch.Tensor, out: torch.Tensor, total: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Add the beginning: two softmaxes over parts are one over the whole, reweighted."""
        rows, heads, queries, width = q.shape
        keys, values = self.shared[layer]
        together = q.transpose(0, 1).reshape(1, heads, rows * queries, width)
        begun, begun_total = _attend(together, keys[None], values[None], scale, None)
        begun = begun.view(heads, rows, queries, width).transpose(0, 1)
        begun_total = begun_total.view(heads, rows, queries).transpose(0, 1)
        share = torch.sigmoid(begun_total - total.view(rows, heads, queries))[..., None]
        return torch.lerp(out, begun, share.to(out.dtype))

    def _store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> _Pair:
        rows, new, end = self._rows, self._new, self._end
        heads, width = key.shape[1:]
        if len(self._caches) <= layer:
            shape = (rows, heads, end + self._room, width)
            self._caches.append((key.new_empty(shape), value.new_empty(shape)))
        keys, values = self._caches[layer]
        keys[:rows, :, end - new : end] = key.view(rows, new, heads, width).transpose(1, 2)
        values[:rows, :, end - new : end] = value.view(rows, new, heads, width).transpose(1, 2)
        return keys[:rows, :, :end], values[:rows, :, :end]


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    scores: torch.Tensor | None,
) -> _Pair:
    """PyTorch's attention for CPUs, with the logarithm of each query's sum of exponentials."""
    out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=scores, scale=scale
    )
    return out, total


class GroupedForward:
    """Forward passes of one batch; see `greedy.Forward`."""

    def __init__(
        self, causal: Any, prompts: Sequence[Sequence[int]], shared: int, room: int, pad_id: int
    ) -> None:
        """Prepare `prompts`, of which the first `shared` tokens are the same.

        Args:
            causal: Causal language model in evaluation mode, switched to packed attention.
            prompts: Token ids of each prompt.
            shared: Tokens that all begin with.
            room: Tokens to come, for each row.
            pad_id: Fills on the left.
        """
        self._causal = causal
        self._head = causal.get_output_embeddings()
        self._prefix = list(prompts[0][:shared])
        rests = [list(prompt[shared:]) for prompt in prompts]
        lengths = [len(rest) for rest in rests]
        self._width = max(lengths)
        self._ids = [[pad_id] * (self._width - len(rest)) + rest for rest in rests]
        self._rows = GroupedRows(lengths, room, causal.config.num_hidden_layers)
        sizes = torch.tensor(lengths)
        self._positions = (
            shared + torch.arange(self._width)[None] - (self._width - sizes)[:, None]
        ).clamp(min=0)

    def read(self) -> torch.Tensor:
        """Read the prompts; return the logits that choose each row's first token."""
        if self._prefix:
            length = len(self._prefix)
            ends = torch.tensor([0, length], dtype=torch.int32)
            beginning = _Beginning(WholeRows(ends, length, (length,)), [])
            read_packed(self._causal, torch.tensor(self._prefix), torch.arange(length), beginning)
            self._rows.shared = beginning.layers
        ids = torch.tensor(self._ids)
        hidden = read_packed(self._causal, ids.flatten(), self._positions.flatten(), self._rows)
        self._positions = self._positions[:, -1]
        logits: torch.Tensor = self._head(hidden.view(len(ids), self._width, -1)[:, -1])
        return logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append a token to each row; return the logits that choose the next."""
        self._rows.advance()
        self._positions = self._positions + 1
        logits: torch.Tensor = self._head(
            read_packed(self._causal, tokens, self._positions, self._rows)
        )
        return logits

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows."""
        self._rows.keep(rows)
        self._positions = self._positions[rows]
