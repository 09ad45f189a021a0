"""Further answers to one prompt, most likely first: beam search, nothing drawn by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def search_beams(
    model: Any,
    prompt: Sequence[int],
    *,
    beams: int,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    pad_id: int,
) -> list[list[int]]:
    """Return the token ids of the `beams` best continuations, best first.

    Sequences are ranked by mean log-probability (length penalty 1), so that a short query
    is not preferred for being short. `transformers` does the search.

    Args:
        model: Causal language model in evaluation mode.
        prompt: Token ids.
        beams: Width of the search, and number of results.
        max_new_tokens: Longest continuation.
        stop_ids: Ids that end a continuation.
        pad_id: Fills the ends of shorter ones.
    """
    import torch
    from transformers import GenerationConfig

    device = next(model.parameters()).device
    ids = torch.tensor([list(prompt)], dtype=torch.long, device=device)
    # The model's own generation_config may sample.
    settings = GenerationConfig(
        num_beams=beams,
        num_return_sequences=beams,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=list(stop_ids),
        pad_token_id=pad_id,
        length_penalty=1.0,
        early_stopping=False,
    )
    with torch.inference_mode():
        found = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings
        )
    return [row[len(prompt) :].tolist() for row in found]
