"""A decoding step of one row in five kernels a layer, for layers of Llama and its like.

With one row there is nothing to compute but much to read: all weights, once a token. The
matrix library's products reach half of the memory's speed there, and the kernels between them
cost more than their work. Here norm, bias, SwiGLU and sums are parts of the products; the key
is rotated, stored and attended to in one kernel. An adapter beside the base adds one small
kernel for query, key and value and one for the output.

A model that these kernels do not know is decoded as many rows are.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING, Any

import torch

from sql_ft.residual_stream import KNOWN_ARCHITECTURES

if TYPE_CHECKING:
    from sql_ft.generation.kv_slots import KVSlots
    from sql_ft.generation.packed_decode import State

_CHUNK = 64
_MOST_CHUNKS = 16
_NOWHERE = 2**31 - 1
# Others change with the row's length.
_FIXED_ROTATIONS = ("default", "linear", "llama3", "yarn")
# Lines longer than this are read in pieces.
_WHOLE_LINE = 8192


@dataclasses.dataclass(frozen=True, slots=True)
class Tiling:
    """Lines of a matrix that one program takes, and its warps: how it fills the GPU.

    `columns` are read at a time where lines are too long to be read whole.
    """

    lines: int
    warps: int
    columns: int = 0


TILINGS = {
    "qkv": Tiling(4, 4),
    "low": Tiling(1, 4),
    "attend": Tiling(64, 4),
    "out": Tiling(4, 4),
    "gated": Tiling(4, 4),
    "down": Tiling(2, 4, 1024),
    "head": Tiling(8, 4),
}


@dataclasses.dataclass(frozen=True, slots=True)
class _LowRank:
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
class _Layer:
    first_norm: Any
    qkv: torch.Tensor
    bias: torch.Tensor | None
    qkv_low: _LowRank | None
    out: torch.Tensor
    out_low: _LowRank | None
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
    if max(config.hidden_size, head.weight.shape[1]) > _WHOLE_LINE:
        return f"lines of {config.hidden_size} are too long"
    return None


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
        self._layers = [_gather(layer) for layer in model.layers]
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
        parts = -(-self._head.shape[0] // TILINGS["head"].lines)
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
        chunk = max(_CHUNK, -(-longest // _MOST_CHUNKS // _CHUNK) * _CHUNK)
        chunks = -(-longest // chunk)
        torch.index_select(self._embedding, 0, state.tokens, out=self._x)
        for index, layer in enumerate(self._layers):
            self._project(layer)
            self._attend(index, state, chunk, chunks)
            self._add_attended(layer, state, chunk, chunks)
            self._mlp(layer)
        self._choose(state)

    def _project(self, layer: _Layer) -> None:
        low = layer.qkv_low
        if low is not None:
            self._norm_product(layer.first_norm, low.a, None, None, self._low, "low")
        self._norm_product(layer.first_norm, layer.qkv, layer.bias, low, self._qkv, "qkv")

    def _norm_product(
        self,
        norm: Any,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        low: _LowRank | None,
        out: torch.Tensor,
        kind: str,
    ) -> None:
        n, k = weight.shape
        queries = self._heads * self._width
        self._kernels.norm_product[_grid(kind, n)](
            self._x,
            norm.weight,
            weight,
            weight if bias is None else bias,
            *self._low_arguments(weight, low),
            out,
            n,
            norm.variance_epsilon,
            K=k,
            BLOCK_N=TILINGS[kind].lines,
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

    def _add_attended(self, layer: _Layer, state: State, chunk: int, chunks: int) -> None:
        low = layer.out_low
        if low is not None:
            self._attended_product(low.a, None, self._low, "low", state, chunk, chunks)
        self._attended_product(layer.out, low, self._x, "out", state, chunk, chunks)

    def _attended_product(
        self,
        weight: torch.Tensor,
        low: _LowRank | None,
        out: torch.Tensor,
        kind: str,
        state: State,
        chunk: int,
        chunks: int,
    ) -> None:
        n, k = weight.shape
        self._kernels.attended_product[_grid(kind, n)](
            self._sums,
            self._tops,
            self._weights,
            state.counts,
            weight,
            *self._low_arguments(weight, low),
            out,
            n,
            K=k,
            BLOCK_N=TILINGS[kind].lines,
            BLOCK_K=_power(k),
            HEADS=self._heads,
            D=self._width,
            CHUNK=chunk,
            CHUNKS=chunks,
            **_ranks(low),
            ADD=kind == "out",
            **self._launch(kind),
        )

    def _mlp(self, layer: _Layer) -> None:
        n, k = layer.gate.shape
        self._kernels.norm_gated[_grid("gated", n)](
            self._x,
            layer.second_norm.weight,
            layer.gate,
            layer.up,
            self._gated,
            n,
            layer.second_norm.variance_epsilon,
            K=k,
            BLOCK_N=TILINGS["gated"].lines,
            BLOCK_K=_power(k),
            **self._launch("gated"),
        )
        n, k = layer.down.shape
        self._kernels.add_product[_grid("down", n)](
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
        self._kernels.norm_best[_grid("head", n)](
            self._x,
            self._norm.weight,
            self._head,
            self._best,
            self._index,
            n,
            self._norm.variance_epsilon,
            K=k,
            BLOCK_N=TILINGS["head"].lines,
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
        self, weight: torch.Tensor, low: _LowRank | None
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


def _grid(kind: str, lines: int) -> tuple[int]:
    return (-(-lines // TILINGS[kind].lines),)


def _ranks(low: _LowRank | None) -> dict[str, int]:
    return {"RANK": low.rank if low else 0, "WIDTH": _power(low.rank) if low else 1}


def _power(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _gather(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    projections = [attention.q_proj, attention.k_proj, attention.v_proj]
    bases = [_base(module) for module in projections]
    qkv = _end_to_end([base.weight for base in bases])
    assert qkv is not None
    biased = bases[0].bias is not None
    return _Layer(
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


def _low_rank(modules: list[Any]) -> _LowRank | None:
    pairs = []
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
    return _LowRank(all_a, all_b, scale, rank)
