"""A schema that does not fit the model's context, cut to the tables that a question is about.

Judged by names alone: the question's words against those of tables and columns. The gold is
never looked at. A schema that fits is left as it is.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable

from sql_ft.data.ddl_names import read_tables, split_statements

_WORD = re.compile(r"[a-z]+|[0-9]+")
_TABLE_WEIGHT = 3.0


@dataclasses.dataclass(frozen=True, slots=True)
class CutSchema:
    """What is shown of a schema.

    Attributes:
        context: CREATE TABLE statements, in the schema's order.
        left_out: Names of the tables that are not shown.
    """

    context: str
    left_out: tuple[str, ...] = ()


def cut_schema(context: str, question: str, fits: Callable[[str], bool]) -> CutSchema:
    """Keep as many of the likeliest tables as fit, the whole schema if it does.

    A table scores by the words that its name and columns share with the question, rare words
    more than common ones; a table that a kept one refers to comes before one of equal score.

    Args:
        context: CREATE TABLE statements.
        question: What is asked, with everything that is shown beside it.
        fits: Whether a prompt with this context fits.

    Returns:
        The likeliest table alone if not even that fits; the caller's length check says so.
    """
    if fits(context):
        return CutSchema(context)
    tables = [_Table.read(text) for text in split_statements(context)]
    order = _rank(tables, set(_words(question)))
    kept: set[int] = set()
    while order:
        best = max(order, key=lambda i: (order[i] + _bonus(i, kept, tables), -i))
        del order[best]
        if not kept or fits(_join(tables, kept | {best})):
            kept.add(best)
    return CutSchema(
        _join(tables, kept),
        tuple(table.name for place, table in enumerate(tables) if place not in kept),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Table:
    text: str
    name: str
    table_words: frozenset[str]
    column_words: frozenset[str]

    @classmethod
    def read(cls, text: str) -> _Table:
        found = read_tables(text)
        name = found[0].name if found else ""
        columns = frozenset(w for t in found for c in t.columns for w in _words(_spelled(c, text)))
        return cls(text, name, frozenset(_words(_spelled(name, text))), columns)


def _rank(tables: list[_Table], asked: set[str]) -> dict[int, float]:
    """Score of each table; a word in every table says nothing."""
    counts = Counter(w for t in tables for w in t.table_words | t.column_words)

    def weight(word: str) -> float:
        return math.log(1.0 + len(tables) / counts[word])

    return {
        place: sum(
            weight(word) * (_TABLE_WEIGHT if word in table.table_words else 1.0)
            for word in asked & (table.table_words | table.column_words)
        )
        for place, table in enumerate(tables)
    }


def _bonus(place: int, kept: set[int], tables: list[_Table]) -> float:
    """A little for tables that kept ones refer to, or that refer to kept ones."""
    name, text = tables[place].name, tables[place].text.lower()
    linked = any(
        (name and name in tables[k].text.lower()) or (tables[k].name and tables[k].name in text)
        for k in kept
    )
    return 0.5 if linked else 0.0


def _join(tables: list[_Table], kept: set[int]) -> str:
    return "\n".join(tables[place].text for place in sorted(kept))


def _spelled(name: str, text: str) -> str:
    """A lower-case name as the text spells it: capitals separate words."""
    match = re.search(re.escape(name), text, re.IGNORECASE) if name else None
    return match.group() if match else name


def _words(text: str) -> list[str]:
    """Words of a text or an identifier, in lower case, a plural s removed."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = _WORD.findall(spaced.lower())
    return [w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words]
