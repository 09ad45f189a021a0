"""Greedy answers of a checkpoint on rows of the grammar it was not trained on."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import torch

from sql_ft.assets.tiny_base_build.documents import SYSTEM_PROMPT, Row, user_turn
from sql_ft.assets.tiny_base_build.overlap import Exclusions, tables_of
from sql_ft.assets.tiny_base_build.public_rows import PublicData
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.stream import Stream

_FENCE = re.compile(r"```(?:sql)?\s*(.*?)(?:```|$)", re.S)
_TEXT = re.compile(r"\"[^\"]*\"|'[^']*'")


def sql_of(completion: str) -> str:
    """The statement inside a completion: fenced, or everything; one line, no semicolon."""
    match = _FENCE.search(completion)
    text = match[1] if match else completion
    return " ".join(text.split()).rstrip("; ")


def held_out_rows(data: PublicData, exclusions: Exclusions, count: int, seed: int) -> list[Row]:
    """Plain rows from a seed no training worker had."""
    rng = random.Random(f"probe-{seed}")
    stream = Stream(rng, data, exclusions)
    return [stream.row(Style.draw(rng, chatty=False)) for _ in range(count)]


@torch.no_grad()
def greedy(
    model: Any, tokenizer: Any, prompts: Sequence[tuple[str, str]], *,
    batch_size: int = 64, max_new_tokens: int = 128,
) -> list[str]:  # fmt: skip
    """Greedy completions of (context, question) prompts, left-padded batches."""
    device = next(model.parameters()).device
    tokenizer.padding_side = "left"
    out: list[str] = []
    for i in range(0, len(prompts), batch_size):
        chats = [
            [{"role": "system", "content": SYSTEM_PROMPT},
             {"role": "user", "content": user_turn(context, question)}]
            for context, question in prompts[i : i + batch_size]
        ]  # fmt: skip
        texts = [
            tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True)
            for c in chats
        ]
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        batch = {k: v.to(device) for k, v in batch.items() if k != "token_type_ids"}
        made = model.generate(**batch, max_new_tokens=max_new_tokens, do_sample=False)
        made = made[:, batch["input_ids"].shape[1] :]
        out.extend(tokenizer.batch_decode(made, skip_special_tokens=True))
    return out


_SQL_WORDS = frozenset(
    [
        "select",
        "distinct",
        "from",
        "where",
        "group",
        "by",
        "order",
        "having",
        "limit",
        "join",
        "on",
        "and",
        "as",
        "desc",
        "asc",
        "in",
        "not",
        "count",
        "avg",
        "sum",
        "min",
        "max",
        "like",
        "between",
        "or",
        "is",
        "null",
        "exists",
        "union",
        "intersect",
        "except",
        "inner",
        "left",
        "outer",
        "strftime",
        "substr",
        "year",
        "round",
        "case",
        "when",
        "then",
        "else",
        "end",
        "total",
        "all",
        "true",
        "false",
        "result",
        "difference",
        "value",
        "num",
        "month",
    ]
)


def invented_names(sql: str, context: str) -> set[str]:
    """Identifiers of `sql` that neither the schema, an alias nor the language explains."""
    known = {n for t, c in tables_of(context).items() for n in (t, *c)}
    bare = _TEXT.sub(" ", sql)
    aliases = {a.lower() for a in re.findall(r"\bAS (\w+)", bare, re.I)}
    aliases |= {a.lower() for _, a in re.findall(r"\b(?:FROM|JOIN) (\w+) (\w+)", bare, re.I)}
    words = {w.lower() for w in re.findall(r"[A-Za-z_]\w*", bare)}
    return words - known - aliases - _SQL_WORDS


def summarize(rows: Sequence[Row], completions: Sequence[str]) -> dict[str, float]:
    """Shares of chatter, of exact matches after extraction, and of invented names."""
    count = len(rows)
    chatter = sum(not c.upper().startswith(("SELECT", "WITH")) for c in completions)
    fenced = sum("```" in c for c in completions)
    exact = sum(
        sql_of(c).replace('"', "'").lower() == sql_of(r.sql).replace('"', "'").lower()
        for r, c in zip(rows, completions, strict=True)
    )
    invented = sum(
        bool(invented_names(sql_of(c), r.context)) for r, c in zip(rows, completions, strict=True)
    )
    return {
        "chatter_share": chatter / count, "fenced_share": fenced / count,
        "exact_share": exact / count, "invented_share": invented / count,
    }  # fmt: skip
