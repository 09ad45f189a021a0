"""Greedy decoding of one prompt, token by token, as text for a person who waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def stream_tokens(
    model: Any, prompt: Sequence[int], *, max_new_tokens: int, stop_ids: Sequence[int]
) -> Iterator[int]:
    """Yield the ids that `greedy.decode_batch` generates for this prompt alone, stop included."""
    import torch
    from transformers import DynamicCache

    device = next(model.parameters()).device
    input_ids = torch.tensor([list(prompt)], dtype=torch.long, device=device)
    cache = DynamicCache(config=model.config)
    for _ in range(max_new_tokens):
        # Not around the yield: the mode would leak into whoever consumes this.
        with torch.inference_mode():
            output = model(
                input_ids=input_ids, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
            token = int(output.logits[0, -1].argmax())
            input_ids = torch.tensor([[token]], dtype=torch.long, device=device)
        yield token
        if token in stop_ids:
            return


def stream_text(tokenizer: Any, tokens: Iterator[int]) -> Iterator[str]:
    """Yield the text of tokens as it becomes final; joined, it is their decoded text.

    A character of several bytes can be spread over several tokens, so the end is held back
    while it is not whole.
    """
    ids: list[int] = []
    shown = ""
    for token in tokens:
        ids.append(token)
        text = _decode(tokenizer, ids)
        if text.endswith("\ufffd") or not text.startswith(shown):
            continue
        if len(text) > len(shown):
            yield text[len(shown) :]
            shown = text
    rest = _decode(tokenizer, ids)[len(shown) :]
    if rest:
        yield rest


def _decode(tokenizer: Any, ids: list[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text
