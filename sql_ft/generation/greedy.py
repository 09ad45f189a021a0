"""Greedy decoding of token ids: batches of like length, rows leave when they are done.

The same result as `transformers`' ``generate(do_sample=False)`` row by row, at less cost:
what all prompts of a batch begin with (system prompt, few-shot examples) is computed once,
and a finished row gives its place in the batch and in the key-value cache up, where
`generate` keeps computing it until the longest row of the batch ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sql_ft.generation.side_by_side import Part, cut_batch, run_side_by_side

if TYPE_CHECKING:
    import torch

# Rebuilding the cache copies it, so it is done only when a quarter of the rows has ended.
_SHRINK_SHARE = 0.25
# Few-shot prompts share their examples; below this many tokens sharing gains nothing.
_MIN_SHARED = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Decoded:
    """One generated row.

    Attributes:
        token_ids: Generated ids, the stop token included if there is one.
        finish_reason: ``stop`` or ``length``.
    """

    token_ids: list[int]
    finish_reason: str


# The model's attention and PyTorch's number of threads belong to the process: a server's calls
# that overlapped would answer with each other's.
_turn = threading.Lock()


class Forward(Protocol):
    """Forward passes of one batch: what reads the prompts, and what each token costs."""

    def read(self) -> torch.Tensor:
        """Read the prompts; return the logits that choose each row's first token."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append a token to each row; return the logits that choose the next."""

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with some of the rows."""


def decode_all(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    batch_size: int,
    stop_ids: Sequence[int],
    pad_id: int,
    on_batch: Callable[[int], None] | None = None,
) -> list[Decoded]:
    """Decode every prompt; results are in the order of `prompts`.

    Longest prompts go first, so that a batch too large for the memory fails at once. On a
    CPU a batch is cut into parts that run side by side, one a core.

    Args:
        model: Causal language model in evaluation mode.
        prompts: Token ids of each prompt.
        max_new_tokens: Most tokens to generate per prompt.
        batch_size: Prompts decoded together.
        stop_ids: Ids that end a row.
        pad_id: Id used for padding on the left; it is masked.
        on_batch: Called with the number of rows of each finished batch, or part of one.
    """
    import torch

    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    grouped = takes_grouped_rows(model)
    decoded: list[Decoded | None] = [None] * len(prompts)

    def decode(part: Part) -> Part:
        rows = decode_batch(
            model,
            [prompts[i] for i in part.indices],
            max_new_tokens=max_new_tokens,
            stop_ids=stop_ids,
            pad_id=pad_id,
        )
        for index, row in zip(part.indices, rows, strict=True):
            decoded[index] = row
        return part

    with _turn if grouped else contextlib.nullcontext(), _attention_switched(model, grouped):
        cores = torch.get_num_threads()
        # Elsewhere operations are long enough to be divided, or run on a GPU.
        parts = [
            part
            for batch in batches
            for part in (cut_batch(batch, cores) if grouped else [Part(batch, cores)])
        ]
        for part in run_side_by_side(decode, parts, cores):
            if on_batch is not None:
                on_batch(len(part.indices))
    return [row for row in decoded if row is not None]


def decode_batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    pad_id: int,
) -> list[Decoded]:
    """Decode one left-padded batch; see `decode_all`."""
    import torch

    with torch.inference_mode(), _attention_switched(model, takes_grouped_rows(model)) as grouped:
        forward: Forward
        shared = _shared_prefix(prompts)
        if grouped:
            from sql_ft.generation.grouped_rows import GroupedForward

            causal = _without_wrapper(model)
            forward = GroupedForward(causal, prompts, shared, max_new_tokens, pad_id)
        else:
            forward = _PaddedForward(model, prompts, shared, pad_id)
        return _decode(forward, len(prompts), max_new_tokens, stop_ids)


def _decode(
    forward: Forward, count: int, max_new_tokens: int, stop_ids: Sequence[int]
) -> list[Decoded]:
    import torch

    stops = set(stop_ids)
    generated: list[list[int]] = [[] for _ in range(count)]
    stopped = [False] * count
    # Row r of the running batch is prompt rows[r]; alive[r] says if it still counts.
    rows = list(range(count))
    alive = [True] * count
    logits = forward.read()
    for step in range(max_new_tokens):
        chosen = logits.argmax(dim=-1)
        for row, token in enumerate(chosen.tolist()):
            if alive[row]:
                generated[rows[row]].append(token)
                if token in stops:
                    stopped[rows[row]] = True
                    alive[row] = False
        running = sum(alive)
        if running == 0 or step == max_new_tokens - 1:
            break
        if running <= (1 - _SHRINK_SHARE) * len(rows):
            keep = torch.tensor([r for r, live in enumerate(alive) if live], device=chosen.device)
            forward.keep(keep)
            chosen = chosen[keep]
            rows = [rows[r] for r in keep.tolist()]
            alive = [True] * running
        logits = forward.step(chosen)
    return [
        Decoded(ids, "stop" if stop else "length")
        for ids, stop in zip(generated, stopped, strict=True)
    ]


class _PaddedForward:
    """`transformers`' own attention and cache: for every architecture and device."""

    def __init__(
        self, model: Any, prompts: Sequence[Sequence[int]], shared: int, pad_id: int
    ) -> None:
        import torch
        from transformers import DynamicCache

        self._model = model
        device = next(model.parameters()).device
        rests = [list(prompt[shared:]) for prompt in prompts]
        width = max(map(len, rests))
        self._ids = torch.tensor(
            [[pad_id] * (width - len(r)) + r for r in rests], dtype=torch.long, device=device
        )
        # Padding stands between the shared beginning and the rest: masked, without position.
        self._mask = torch.tensor(
            [[1] * shared + [0] * (width - len(r)) + [1] * len(r) for r in rests],
            dtype=torch.long,
            device=device,
        )
        self._positions = (self._mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        self._beginning = torch.tensor([list(prompts[0][:shared])], device=device)
        self._cache = DynamicCache(config=model.config)

    def read(self) -> torch.Tensor:
        if self._beginning.shape[1]:
            self._model(
                input_ids=self._beginning,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
            self._cache.batch_repeat_interleave(len(self._ids))
        return self._logits()

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        import torch

        self._ids = tokens[:, None]
        self._positions = self._positions[:, -1:] + 1
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        return self._logits()

    def keep(self, rows: torch.Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._mask, self._positions = self._mask[rows], self._positions[rows]

    def _logits(self) -> torch.Tensor:
        output = self._model(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def takes_grouped_rows(model: Any) -> bool:
    """Say whether `grouped_rows` serves this model: on a CPU, with plain full attention."""
    from sql_ft.packed_attention import supports_packing

    on_cpu = next(model.parameters()).device.type == "cpu"
    return on_cpu and supports_packing(model.config, _without_wrapper(model))


def _without_wrapper(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextlib.contextmanager
def _attention_switched(model: Any, grouped: bool) -> Iterator[bool]:
    """Switch the model's attention where `grouped`, unless it is switched already."""
    from sql_ft.packed_attention import IMPLEMENTATION, packed_attention_used

    causal = _without_wrapper(model)
    if not grouped or causal.config._attn_implementation == IMPLEMENTATION:
        yield grouped
        return
    with packed_attention_used(causal):
        yield grouped


def _shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many leading ids all prompts share, if it is worth computing them once."""
    # What the smallest and the largest share, all share.
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    shared = 0
    # Every prompt keeps at least one id of its own: its logits choose the first token.
    for a, b in zip(first, last, strict=False):
        if a != b:
            break
        shared += 1
    shared = min(shared, min(map(len, prompts)) - 1)
    return shared if len(prompts) > 1 and shared >= _MIN_SHARED else 0
