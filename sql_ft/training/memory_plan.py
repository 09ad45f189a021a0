"""How many tokens of a forward pass fit into a given GPU memory: counted, not tried.

What training holds: the base, the adapter with gradients and optimizer moments, what each
layer keeps for the backward pass (per token), the largest layer's gradients while it is
walked through, and a chunk of logits. All are products of the model's own sizes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

from sql_ft.errors import TrainingError
from sql_ft.training.flatten import rounding

GIB = 1 << 30
# cuBLAS and Triton workspaces, inputs, and what the caching allocator cannot use.
_FIXED_BYTES = int(0.35 * GIB)
_FRAGMENTATION = 1.08
# Graphs of several shapes share one piece of memory with gaps: 13 % of it and more in the
# measurements.
_CAPTURED_FRAGMENTATION = 1.3
# float32: weight, gradient, two moments.
_ADAPTER_BYTES_PER_PARAMETER = 16
# With fewer tokens a pass would leave most of a GPU idle; recomputing a third of the work
# is then cheaper. (A captured pass of 800 tokens runs 10 times as fast as a recomputed one
# of 6,000, which cannot be captured: docs/design/speed.md.)
_FEW_TOKENS = 512
_LARGEST_PASS = 32768


@dataclasses.dataclass(frozen=True, slots=True)
class ModelSizes:
    """The sizes that memory depends on.

    Attributes:
        layers: Decoder layers.
        hidden: Width of the residual stream.
        intermediate: Width inside the MLP.
        query: Width of all query heads together.
        key_value: Width of all key (or value) heads together.
        vocabulary: Rows of the head.
        base_bytes: Base weights as they are held.
        widest_layer: Parameters of the largest linear layer (unpacked at each use from NF4).
        adapter_parameters: Trained parameters.
        targets: Names of the linear layers with an adapter.
        itemsize: Bytes of an activation.
    """

    layers: int
    hidden: int
    intermediate: int
    query: int
    key_value: int
    vocabulary: int
    base_bytes: int
    widest_layer: int
    adapter_parameters: int
    targets: tuple[str, ...]
    itemsize: int = 2

    @classmethod
    def of(cls, model: Any, targets: Iterable[str], *, rank: int, itemsize: int) -> ModelSizes:
        """Read the sizes off a loaded base model."""
        config = model.config
        width = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads
        )
        targets = tuple(sorted(targets))
        adapter = widest = 0
        for name, module in model.named_modules():
            if hasattr(module, "in_features"):
                if name.rpartition(".")[2] in targets:
                    adapter += rank * (module.in_features + module.out_features)
                if name.rpartition(".")[2] != "lm_head":
                    widest = max(widest, module.in_features * module.out_features)
        return cls(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            intermediate=config.intermediate_size,
            query=config.num_attention_heads * width,
            key_value=config.num_key_value_heads * width,
            vocabulary=config.vocab_size,
            base_bytes=held_bytes(model),
            widest_layer=widest,
            adapter_parameters=adapter,
            targets=targets,
            itemsize=itemsize,
        )

    @property
    def layer_bytes_per_token(self) -> int:
        """What one layer keeps of a token for its backward pass, with the fused layers."""
        h, i, q, kv = self.hidden, self.intermediate, self.query, self.key_value
        # Inputs of both norms, queries, keys, values, attended values, gate and up.
        kept = (2 * h + 2 * q + 2 * kv + 2 * i) * self.itemsize
        inputs = {"q_proj": h, "k_proj": h, "v_proj": h, "o_proj": q}
        inputs |= {"gate_proj": h, "up_proj": h, "down_proj": i}
        # Inputs are shared within a group (o_proj's is the attended values); the dropout
        # mask, one byte an element, is each projection's own.
        for group, extra in (
            (("q_proj", "k_proj", "v_proj"), h),
            (("gate_proj", "up_proj"), h),
            (("down_proj",), i),
        ):
            if any(name in self.targets for name in group):
                kept += extra * self.itemsize
        return kept + sum(inputs.get(name, 0) for name in self.targets)

    @property
    def passing_bytes_per_token(self) -> int:
        """What a token needs besides, while its layer is walked through or its loss computed."""
        return (4 * self.intermediate + 6 * self.hidden) * self.itemsize


@dataclasses.dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How a step is cut.

    Attributes:
        token_budget: Most tokens of a forward pass.
        checkpointing: Recompute each layer's activations in the backward pass.
        graphs: Capture passes.
        chunk_rows: Rows of logits held at a time.
        expected_bytes: Peak that the formula expects of a usual pass.
        pass_bytes: What of it comes and goes with the pass.
    """

    token_budget: int
    checkpointing: bool
    graphs: bool
    chunk_rows: int
    expected_bytes: int
    pass_bytes: int


def held_bytes(model: Any) -> int:
    """Return the bytes of weights and quantization state, shared ones once."""
    total = 0
    seen = set()
    for parameter in model.parameters():
        if parameter.data_ptr() in seen:
            continue
        seen.add(parameter.data_ptr())
        total += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            absmax = state.absmax
            total += absmax.numel() * absmax.element_size()
    return total


def expected_bytes(
    sizes: ModelSizes, tokens: int, *, checkpointing: bool, chunk_rows: int, captured: bool = False
) -> int:
    """Return the peak that a pass of `tokens` is expected to reach."""
    gaps = _CAPTURED_FRAGMENTATION if captured else _FRAGMENTATION
    if checkpointing:
        # Each layer keeps its input; one layer at a time is computed again.
        per_token = sizes.layers * sizes.hidden * sizes.itemsize + sizes.layer_bytes_per_token
    else:
        per_token = sizes.layers * sizes.layer_bytes_per_token
    per_token += sizes.passing_bytes_per_token
    logits = chunk_rows * sizes.vocabulary * sizes.itemsize
    return int(
        sizes.base_bytes
        + sizes.adapter_parameters * _ADAPTER_BYTES_PER_PARAMETER
        + 2 * sizes.widest_layer * sizes.itemsize
        + _FIXED_BYTES
        + gaps * (tokens * per_token + logits)
    )


def _tokens_within(peak: Callable[[int], int], limit_bytes: int) -> int:
    fixed = peak(0)
    return int((limit_bytes - fixed) * 1000 / (peak(1000) - fixed))


def plan_memory(
    sizes: ModelSizes,
    limit_bytes: int,
    *,
    longest: int,
    step_tokens: int,
    always_checkpoint: bool = False,
    graphs: bool = True,
) -> MemoryPlan:
    """Choose the largest pass that fits, and recomputation only where it must be.

    Args:
        sizes: The model's.
        limit_bytes: Memory that PyTorch may hold.
        longest: Tokens of the longest row; a pass holds at least one row.
        step_tokens: Tokens of an optimizer step; a pass needs no more.
        always_checkpoint: `train.gradient_checkpointing`.
        graphs: Whether passes can be captured (recomputed ones cannot: recomputation sets
            the random state back).

    Raises:
        TrainingError: Not even one row fits, with recomputation.
    """
    chunk_rows = 2048 if limit_bytes >= 12 * GIB else 512 if limit_bytes >= 3 * GIB else 128
    enough = max(longest, min(step_tokens, _FEW_TOKENS))
    for checkpointing in (False, True) if not always_checkpoint else (True,):
        captured = graphs and not checkpointing
        peak = functools.partial(
            expected_bytes, sizes, checkpointing=checkpointing, chunk_rows=chunk_rows
        )
        peak = functools.partial(peak, captured=captured)
        tokens = _tokens_within(peak, limit_bytes)
        if tokens < (longest if checkpointing else enough):
            continue
        budget = min(tokens, max(_LARGEST_PASS, longest))
        # Passes are rounded up to a multiple; the rounded one must fit, too.
        budget = max(longest, budget - budget % rounding(budget))
        expected = peak(min(budget, max(step_tokens, longest)))
        return MemoryPlan(
            token_budget=budget,
            checkpointing=checkpointing,
            graphs=captured,
            chunk_rows=chunk_rows,
            expected_bytes=expected,
            pass_bytes=expected - peak(0),
        )
    needed = expected_bytes(sizes, longest, checkpointing=True, chunk_rows=chunk_rows)
    raise TrainingError(
        f"a row of {longest} tokens needs about {needed / GIB:.1f} GiB of GPU memory, "
        f"{limit_bytes / GIB:.1f} are allowed",
        setting="train.memory_limit_gb",
        expected="a higher limit, model.quantization=nf4, or a smaller data.max_length",
    )
