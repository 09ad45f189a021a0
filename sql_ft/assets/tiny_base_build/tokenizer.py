"""The tokenizer: byte-level BPE, single digits, words split at case and underscore."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_ft.assets.tiny_base_build.stream import Stream

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = (PAD, START, END)
VOCABULARY = 4096
MODEL_MAX_LENGTH = 2048

# Identifiers fall apart at "_", at "." and at lower/upper borders, so that a column is
# spelled with the tokens of its words wherever it stands.
SPLIT_PATTERN = (
    r" ?\p{Lu}?\p{Ll}+| ?\p{Lu}+(?!\p{Ll})| ?\p{L}|\p{N}| ?[^\s\p{L}\p{N}]|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Qwen2.5's form, with this project's system prompt as the default.
CHAT_TEMPLATE = (
    "{%- if messages[0]['role'] != 'system' %}"
    "{{- '<|im_start|>system\\nYou are a SQL expert.<|im_end|>\\n' }}"
    "{%- endif %}"
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def _texts(stream: Stream, documents: int) -> Iterator[str]:
    for _ in range(documents):
        text = "".join(text for text, _ in stream.document())
        for special in SPECIALS:
            text = text.replace(special, " ")
        yield text


def train_tokenizer(stream: Stream, documents: int, out_dir: Path) -> Any:
    """Train on `documents` drawn from `stream`; save in transformers' form; return it.

    Returns:
        The `tokenizers.Tokenizer`.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(stream, documents), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        model_max_length=MODEL_MAX_LENGTH,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(out_dir)
    return tokenizer


def tokenizer_stream(data: Any, exclusions: Any, seed: int) -> Stream:
    """The stream a tokenizer is trained on; apart from every training worker's."""
    return Stream(random.Random(f"tokenizer-{seed}"), data, exclusions)
