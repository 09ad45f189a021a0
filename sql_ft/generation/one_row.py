"""A decoding step of one row in five kernels a layer, for layers of Llama and its like.

With one row there is nothing to compute but much to read: all weights, once a token. The
matrix library's products reach half of the memory's speed there, and the kernels between them
cost more than their work. Here norm, bias, SwiGLU and sums are parts of the products; the key
is rotated, stored and attended to in one kernel. An adapter beside the base adds one small
kernel for query, key and value and one for the output.

A model that these kernels do not know (`one_row_weights.why_not`) is decoded as many rows are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from sql_ft.generation.one_row_weights import LayerWeights, LowRank, gather

if TYPE_CHECKING:
    from sql_ft.generation.kv_slots import KVSlots
    from sql_ft.generation.packed_state import State

_CHUNK = 64
_FEWEST_CHUNKS = 4
_MOST_CHUNKS = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Tiling:
    """Lines of a matrix that one program takes, and its warps: how it fills the GPU.

    `columns` are read at a time where lines are too long to be read whole.
    """

    lines: int
    warps: int
    columns: int = 0


# The quickest of some ten each on an H200, for lines of 1,536 (`down`: 8,960).
TILINGS = {
    "qkv": Tiling(4, 4),
    "low": Tiling(1, 4),
    "attend": Tiling(64, 4),
    "out": Tiling(16, 8),
    "gated": Tiling(1, 2),
    "down": Tiling(4, 4, 2048),
    "head": Tiling(16, 4),
}
# Whole lines up to this long are what the tilings were tried with; of longer ones fewer fit.
_TRIED_LINE = 2048


class OneRow:
    """What a step of one row reads and where it leaves its results, at fixed addresses."""

    def __init__(self, causal: Any, cache: KVSlots, stops: torch.Tensor) -> None:
        """Gather the weights as they lie, and the adapter's in the model's dtype.

        Args:
            causal: A model that `why_not` has nothing against.
            cache: Where keys and values lie.
            stops: Ids that end a row.
        """
        # Imported here: only a model on a GPU needs Triton.
        from sql_ft.generation import one_row_kernels

        self._kernels = one_row_kernels
        config, model = causal.config, causal.base_model
        self._cache, self._stops = cache, stops
        self._embedding = causal.get_input_embeddings().weight
        self._head = causal.get_output_embeddings().weight
        self._norm = model.norm
        self._layers = [gather(layer) for layer in model.layers]
        self._heads = int(config.num_attention_heads)
        self._groups = int(config.num_key_value_heads)
        self._scale = float(model.layers[0].self_attn.scaling)
        device, dtype = self._head.device, self._head.dtype

        def room(*shape: int, kind: torch.dtype = dtype) -> torch.Tensor:
            return torch.zeros(shape, dtype=kind, device=device)

        self._x = room(1, self._head.shape[1])
        self._qkv = room(self._layers[0].qkv.shape[0])
        self._attended = self._layers[0].out.shape[1]
        self._width = self._attended // self._heads
        self._sums = room(_MOST_CHUNKS, self._attended, kind=torch.float32)
        self._tops = room(_MOST_CHUNKS, self._heads, kind=torch.float32)
        self._weights = room(_MOST_CHUNKS, self._heads, kind=torch.float32)
        self._gated = room(self._layers[0].gate.shape[0])
        parts = _parts("head", *self._head.shape)
        self._best = room(parts, kind=torch.float32)
        self._index = room(parts, kind=torch.int32)
        lows = [low for layer in self._layers for low in (layer.qkv_low, layer.out_low) if low]
        self._low = room(max((low.a.shape[0] for low in lows), default=1))
        positions = torch.arange(cache.slot_tokens, device=device)[None]
        cos, sin = model.rotary_emb(self._x, positions)
        self._cos, self._sin = cos[0].contiguous(), sin[0].contiguous()
        self._early = _starts_early(device)

    def step(self, state: State, longest: int) -> None:
        """Read the state's token, choose the next, and make the state ready for it.

        Args:
            state: Of one row.
            longest: At least the row's tokens at its end; how attention is divided depends
                on it alone.
        """
        # Powers of two: each pair is compiled once, in about a second.
        chunk = _CHUNK
        while chunk * _MOST_CHUNKS < longest:
            chunk *= 2
        chunks = max(_FEWEST_CHUNKS, _power(-(-longest // chunk)))
        torch.index_select(self._embedding, 0, state.tokens, out=self._x)
        for index, layer in enumerate(self._layers):
            self._project(layer)
            self._attend(index, state, chunk, chunks)
            self._add_attended(layer, state, chunk, chunks)
            self._mlp(layer)
        self._choose(state)

    def _project(self, layer: LayerWeights) -> None:
        low = layer.qkv_low
        if low is not None:
            self._norm_product(layer.first_norm, low.a, None, None, self._low, "low")
        self._norm_product(layer.first_norm, layer.qkv, layer.bias, low, self._qkv, "qkv")

    def _norm_product(
        self,
        norm: Any,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        low: LowRank | None,
        out: torch.Tensor,
        kind: str,
    ) -> None:
        n, k = weight.shape
        queries = self._heads * self._width
        self._kernels.norm_product[(_parts(kind, n, k),)](
            self._x,
            norm.weight,
            weight,
            weight if bias is None else bias,
            *self._low_arguments(weight, low),
            out,
            n,
            norm.variance_epsilon,
            K=k,
            BLOCK_N=_lines(kind, k),
            BLOCK_K=_power(k),
            BIAS=bias is not None,
            **_ranks(low),
            FIRST=queries,
            SECOND=queries + self._groups * self._width,
            **self._launch(kind),
        )

    def _attend(self, index: int, state: State, chunk: int, chunks: int) -> None:
        self._kernels.attend[(self._heads, chunks)](
            self._qkv,
            self._cos,
            self._sin,
            self._cache.keys[index],
            self._cache.values[index],
            self._sums,
            self._tops,
            self._weights,
            state.positions,
            state.slot_starts,
            state.counts,
            self._scale,
            HEADS=self._heads,
            GROUPS=self._groups,
            D=self._width,
            CHUNK=chunk,
            BLOCK=TILINGS["attend"].lines,
            **self._launch("attend"),
        )

    def _add_attended(self, layer: LayerWeights, state: State, chunk: int, chunks: int) -> None:
        low = layer.out_low
        if low is not None:
            self._attended_product(low.a, None, self._low, "low", state, chunk, chunks)
        self._attended_product(layer.out, low, self._x, "out", state, chunk, chunks)

    def _attended_product(
        self,
        weight: torch.Tensor,
        low: LowRank | None,
        out: torch.Tensor,
        kind: str,
        state: State,
        chunk: int,
        chunks: int,
    ) -> None:
        n, k = weight.shape
        self._kernels.attended_product[(_parts(kind, n, k),)](
            self._sums,
            self._tops,
            self._weights,
            state.counts,
            weight,
            *self._low_arguments(weight, low),
            out,
            n,
            K=k,
            BLOCK_N=_lines(kind, k),
            BLOCK_K=_power(k),
            HEADS=self._heads,
            D=self._width,
            CHUNK=chunk,
            CHUNKS=chunks,
            **_ranks(low),
            ADD=kind == "out",
            **self._launch(kind),
        )

    def _mlp(self, layer: LayerWeights) -> None:
        n, k = layer.gate.shape
        self._kernels.norm_gated[(_parts("gated", n, k),)](
            self._x,
            layer.second_norm.weight,
            layer.gate,
            layer.up,
            self._gated,
            n,
            layer.second_norm.variance_epsilon,
            K=k,
            BLOCK_N=_lines("gated", k),
            BLOCK_K=_power(k),
            **self._launch("gated"),
        )
        n, k = layer.down.shape
        self._kernels.add_product[(-(-n // TILINGS["down"].lines),)](
            self._gated,
            layer.down,
            self._x,
            n,
            K=k,
            BLOCK_N=TILINGS["down"].lines,
            BLOCK_K=min(TILINGS["down"].columns, _power(k)),
            **self._launch("down"),
        )

    def _choose(self, state: State) -> None:
        n, k = self._head.shape
        self._kernels.norm_best[(_parts("head", n, k),)](
            self._x,
            self._norm.weight,
            self._head,
            self._best,
            self._index,
            n,
            self._norm.variance_epsilon,
            K=k,
            BLOCK_N=_lines("head", k),
            BLOCK_K=_power(k),
            **self._launch("head"),
        )
        self._kernels.choose[(1,)](
            self._best,
            self._index,
            self._stops,
            len(self._stops),
            state.tokens,
            state.out,
            state.step,
            state.stopped,
            state.positions,
            state.places,
            state.counts,
            PARTS=len(self._best),
            BLOCK=4096,
            STOPS=_power(max(1, len(self._stops))),
            EARLY=self._early,
            num_warps=16,
            **({"launch_pdl": True} if self._early else {}),
        )

    def _low_arguments(
        self, weight: torch.Tensor, low: LowRank | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        # Without a rank the kernel reads none of them.
        return (weight,) * 3 if low is None else (self._low, low.b, low.scale)

    def _launch(self, kind: str) -> dict[str, Any]:
        early = {"launch_pdl": True} if self._early else {}
        return {"EARLY": self._early, "num_warps": TILINGS[kind].warps, **early}


def _starts_early(device: torch.device) -> bool:
    """Whether a kernel can start while the one before it ends (Hopper and later)."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device)[0] < 9:
        return False
    import triton.language as tl

    return hasattr(tl.extra.cuda, "gdc_wait")


def _lines(kind: str, k: int) -> int:
    return max(1, TILINGS[kind].lines * _TRIED_LINE // max(_TRIED_LINE, _power(k)))


def _parts(kind: str, n: int, k: int) -> int:
    """Programs for a matrix of whole lines."""
    return -(-n // _lines(kind, k))


def _ranks(low: LowRank | None) -> dict[str, int]:
    return {"RANK": low.rank if low else 0, "WIDTH": _power(low.rank) if low else 1}


def _power(size: int) -> int:
    return 1 << (size - 1).bit_length()
