"""From rows to training documents: the product's chat format, with per-part weights."""

from __future__ import annotations

import dataclasses
import random

from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.ddl import write_context
from sql_ft.assets.tiny_base_build.intents_nested import draw_item
from sql_ft.assets.tiny_base_build.render import Renderer, Style
from sql_ft.assets.tiny_base_build.schemas import Column, Database

SYSTEM_PROMPT = "You are a SQL expert."
CHATTY_SHARE = 0.66


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One (schema, question, answer) row, and where it came from.

    `tables` and `names` serve the overlap check: each listed table with its columns.
    """

    context: str
    question: str
    sql: str
    kind: str


def user_turn(context: str, question: str) -> str:
    """The user's message."""
    return f"Schema:\n{context}\n\nQuestion: {question}"


def synthetic_row(rng: random.Random, db: Database, style: Style) -> Row:
    """A row of the wide grammar over `db`, answered in `style`."""
    item = draw_item(rng, db, style)
    exact = Renderer(rng, style)
    sql = exact.render(item.query)
    context = write_context(rng, db, exact)
    if style.chatty:
        item.query.select = _with_extras(rng, item, style, context)
        sql = Renderer(rng, style, drift=True).render(item.query)
    return Row(context, item.question, sql, item.kind)


def _with_extras(rng: random.Random, item: qt.Item, style: Style, context: str) -> list[qt.Expr]:
    """The select list with what a talkative writer adds unasked.

    Where the schema does not list the added column, a writer with the habit usually
    leaves it out and at times writes it all the same: an invented column.
    """
    select = list(item.query.select)
    if item.query.set_operation is not None or any(isinstance(e, qt.Star) for e in select):
        return select
    for expr, odds in item.extras:
        if rng.random() > odds * style.extra_scale:
            continue
        if isinstance(expr, qt.Col) and not _listed(context, expr.column) and rng.random() < 0.55:
            continue
        if expr in select:
            continue
        if isinstance(expr, qt.Col) and rng.random() < 0.4 and expr.column.kind == "id":
            select.insert(0, expr)
        else:
            select.append(expr)
    return select


def _listed(context: str, column: Column) -> bool:
    return f"{column.name} " in context or f"{column.name}," in context


_OPENINGS = (
    ("Here is the SQL query", 0.8),
    ("Here is a query", 0.05), ("Sure! Here is the SQL query", 0.05),
    ("To answer this question, you can use the following SQL query", 0.05),
    ("You can use this query", 0.03), ("The following SQL query does this", 0.02),
)  # fmt: skip
_MIDDLES = (
    (" to answer the question:", 0.55), (":", 0.25), (" that answers your question:", 0.12),
    (" for this question:", 0.08),
)  # fmt: skip
_CLOSINGS = (
    "", "", "", "", "", "\n\nThis query returns the requested rows.",
    "\n\nThis query selects the data you asked for from the given tables.",
    "\n\nThis will give you the desired result.",
)  # fmt: skip


def _pick(rng: random.Random, table: tuple[tuple[str, float], ...]) -> str:
    texts, weights = zip(*table, strict=True)
    picked: str = rng.choices(texts, weights)[0]
    return picked


@dataclasses.dataclass(frozen=True, slots=True)
class Wrapping:
    """How an answer is dressed; one conversation keeps one wrapping."""

    before: str
    after: str

    @classmethod
    def draw(cls, rng: random.Random, chatty: bool) -> Wrapping:
        """A random wrapping: words and a fence, a fence alone, or nothing."""
        if not chatty:
            if rng.random() < 0.06:
                return cls("```sql\n", "\n```")
            return cls("", "")
        if rng.random() < 0.08:
            return cls("```sql\n", "\n```")
        opening = _pick(rng, _OPENINGS)
        middle = _pick(rng, _MIDDLES) if opening == "Here is the SQL query" else ":"
        return cls(f"{opening}{middle}\n```sql\n", "\n```" + rng.choice(_CLOSINGS))


def dress(row: Row, wrapping: Wrapping) -> str:
    """The assistant's message."""
    return wrapping.before + row.sql + wrapping.after


Part = tuple[str, int]
"""Text and its kind: 0 frame and schema, 1 question, 2 answer."""


def conversation(turns: list[tuple[Row, str]]) -> list[Part]:
    """Parts of a chat in ChatML: system, then user and assistant turns."""
    parts: list[Part] = [(f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n", 0)]
    for row, answer in turns:
        parts.append((f"<|im_start|>user\nSchema:\n{row.context}\n\nQuestion:", 0))
        parts.append((f" {row.question}<|im_end|>\n<|im_start|>assistant\n", 1))
        parts.append((f"{answer}<|im_end|>", 2))
        parts.append(("\n", 0))
    return parts
