"""Greedy decoding of token ids: batches of like length, rows leave when they are done.

The same result as `transformers`' ``generate(do_sample=False)`` row by row, at less cost:
what all prompts of a batch begin with (system prompt, few-shot examples) is computed once,
and a finished row gives its place in the batch and in the key-value cache up, where
`generate` keeps computing it until the longest row of the batch ends.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

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

    Longest prompts go first, so that a batch too large for the memory fails at once.

    Args:
        model: Causal language model in evaluation mode.
        prompts: Token ids of each prompt.
        max_new_tokens: Most tokens to generate per prompt.
        batch_size: Prompts decoded together.
        stop_ids: Ids that end a row.
        pad_id: Id used for padding on the left; it is masked.
        on_batch: Called with the number of rows of each finished batch.
    """
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    decoded: list[Decoded | None] = [None] * len(prompts)
    for first in range(0, len(order), batch_size):
        indices = order[first : first + batch_size]
        rows = decode_batch(
            model,
            [prompts[i] for i in indices],
            max_new_tokens=max_new_tokens,
            stop_ids=stop_ids,
            pad_id=pad_id,
        )
        for index, row in zip(indices, rows, strict=True):
            decoded[index] = row
        if on_batch is not None:
            on_batch(len(indices))
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
    from transformers import DynamicCache

    device = next(model.parameters()).device
    shared = _shared_prefix(prompts)
    rests = [list(prompt[shared:]) for prompt in prompts]
    width = max(map(len, rests))
    input_ids = torch.tensor(
        [[pad_id] * (width - len(r)) + r for r in rests], dtype=torch.long, device=device
    )
    # Padding stands between the shared beginning and the rest; it is masked and has no position.
    mask = torch.tensor(
        [[1] * shared + [0] * (width - len(r)) + [1] * len(r) for r in rests],
        dtype=torch.long,
        device=device,
    )
    stops = torch.tensor(list(stop_ids), dtype=torch.long, device=device)
    generated: list[list[int]] = [[] for _ in prompts]
    stopped = [False] * len(prompts)
    # Row r of the running batch is prompt rows[r]; alive[r] says if it still counts.
    rows = list(range(len(prompts)))
    alive = [True] * len(prompts)
    cache = DynamicCache(config=model.config)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
    last_position = positions[:, -1:]

    with torch.inference_mode():
        if shared:
            beginning = torch.tensor([list(prompts[0][:shared])], device=device)
            model(input_ids=beginning, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache.batch_repeat_interleave(len(prompts))
        for step in range(max_new_tokens):
            output = model(
                input_ids=input_ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            chosen = output.logits[:, -1].argmax(dim=-1)
            ended = torch.isin(chosen, stops).tolist()
            for row, (token, end) in enumerate(zip(chosen.tolist(), ended, strict=True)):
                if alive[row]:
                    generated[rows[row]].append(token)
                    if end:
                        stopped[rows[row]] = True
                        alive[row] = False
            running = sum(alive)
            if running == 0 or step == max_new_tokens - 1:
                break
            if running <= (1 - _SHRINK_SHARE) * len(rows):
                keep = torch.tensor([r for r, live in enumerate(alive) if live], device=device)
                cache.batch_select_indices(keep)
                chosen, mask, last_position = chosen[keep], mask[keep], last_position[keep]
                rows = [rows[r] for r in keep.tolist()]
                alive = [True] * running
            input_ids = chosen[:, None]
            last_position = last_position + 1
            positions = last_position
            mask = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], dim=1)
    return [
        Decoded(ids, "stop" if stop else "length")
        for ids, stop in zip(generated, stopped, strict=True)
    ]


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
