"""How much of the evaluation side the training side has seen, in three ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from sql_ft.data.ddl_names import table_names
from sql_ft.data.grouping import is_placeholder
from sql_ft.records import Sample


def measure_overlap(train: Sequence[Sample], evaluation: Sequence[Sample]) -> dict[str, Any]:
    """Count evaluation rows with something that also stands in a training row.

    Returns:
        For ``schema_group``, ``exact_row``, ``question_text``, ``sql_skeleton`` and
        ``table_name``: ``eval_rows`` concerned and their ``share`` in [0, 1]. Questions
        are compared without case, punctuation and white space; skeletons are SQL with
        names and literals blanked; a row counts for ``table_name`` if any one of its
        tables is known (WikiSQL's invented numbers aside).
    """
    kinds: dict[str, Callable[[Sample], Iterable[Hashable]]] = {
        "schema_group": lambda s: [s.schema_group] if s.schema_group else [],
        "exact_row": lambda s: [s.id.partition("-")[0]],
        "question_text": lambda s: [_plain_question(s.question)],
        "sql_skeleton": lambda s: [sql_skeleton(s.gold_sql)],
        "table_name": lambda s: [t for t in table_names(s.context) if not is_placeholder(t)],
    }
    result: dict[str, Any] = {}
    for kind, keys_of in kinds.items():
        known = {key for sample in train for key in keys_of(sample)}
        count = sum(1 for sample in evaluation if any(key in known for key in keys_of(sample)))
        result[kind] = {
            "eval_rows": count,
            "share": round(count / len(evaluation), 4) if evaluation else 0.0,
        }
    return result


def sql_skeleton(sql: str) -> str:
    """Return SQL with names and literals blanked, for comparison of query shapes.

    ``SELECT a.x FROM t AS a WHERE y > 3`` gives ``SELECT _ FROM _ AS _ WHERE _ > _``.
    Text that is no SQL comes back in upper case with single spaces.
    """
    from sqlglot import Tokenizer, TokenType
    from sqlglot.errors import TokenError

    blank = {
        TokenType.VAR,
        TokenType.IDENTIFIER,
        TokenType.STRING,
        TokenType.NUMBER,
    }
    try:
        tokens = Tokenizer(dialect="sqlite").tokenize(sql)
    except TokenError:
        return " ".join(sql.upper().split())
    words = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1].token_type if index + 1 < len(tokens) else None
        is_function = token.token_type is TokenType.VAR and following is TokenType.L_PAREN
        words.append("_" if token.token_type in blank and not is_function else token.text.upper())
    text = " ".join(words).rstrip("; ")
    return re.sub(r"_(?: \. _)+", "_", text)


def _plain_question(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.casefold()))
