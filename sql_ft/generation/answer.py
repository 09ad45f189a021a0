"""Questions → completions on a loaded model: what every way of serving shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sql_ft.data.chat import encode_prompt
from sql_ft.errors import ModelError
from sql_ft.generation.greedy import Decoded
from sql_ft.records import Sample


def prompt_room(model: Any, max_new_tokens: int) -> int:
    """Most tokens that a prompt may have: the model's context less the answer."""
    return int(model.config.max_position_embeddings) - max_new_tokens


def encode_questions(
    tokenizer: Any, questions: Sequence[tuple[str, str]], *, room: int
) -> list[list[int]]:
    """Return the prompt of every (question, context).

    Args:
        tokenizer: The base model's.
        questions: Question and CREATE TABLE statements.
        room: See `prompt_room`.

    Raises:
        ModelError: A prompt does not fit.
    """
    prompts = []
    for number, (question, context) in enumerate(questions):
        prompt = encode_prompt(tokenizer, Sample(str(number), question, context, gold_sql=""))
        if len(prompt) > room:
            raise ModelError(
                f"the prompt of row {number} has {len(prompt)} tokens",
                expected=f"at most {room}: the model's context less the answer",
            )
        prompts.append(prompt)
    return prompts


def decode_texts(tokenizer: Any, rows: Sequence[Decoded]) -> list[str]:
    """Return what was generated, as text without special tokens."""
    # A tokenizer decodes no rows to one empty text.
    if not rows:
        return []
    texts: list[str] = tokenizer.batch_decode(
        [row.token_ids for row in rows],
        skip_special_tokens=True,
        clean_up_tokenization_spaces=False,
    )
    return texts
