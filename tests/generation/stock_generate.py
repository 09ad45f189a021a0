"""What `transformers` itself generates: the yardstick of every decoder here."""

from __future__ import annotations

from typing import Any

import torch


def generate_stock(model: Any, prompt: list[int], stops: list[int], limit: int) -> list[int]:
    """New token ids of one prompt, greedily."""
    ids = torch.tensor([prompt])
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=limit,
        do_sample=False,
        eos_token_id=stops,
        pad_token_id=0,
    )
    return output[0, len(prompt) :].tolist()
