"""A prediction that is the gold in another spelling needs no execution.

`canonical_key` writes a query so that spelling leaves no trace; two queries with the same
key return the same rows on every database. What it does not follow is left as it is: then
the keys differ and execution decides.
"""

from __future__ import annotations

import hashlib
import re

from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution import guard
from sql_ft.execution.canonical_key import canonical_key
from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.schema import Schema

_TEXTS = re.compile(r"'(?:[^']|'')*'")


class CanonicalGold:
    """A translated gold that predictions are compared with.

    Args:
        sql: `Translated.sql` of the gold.
        schema: Tables that its names are resolved in.
        key: `gold_key` of them, if it is known; else it is found when it is asked for.
    """

    def __init__(self, sql: str, schema: Schema, key: str = "") -> None:
        self.sql, self.schema = sql, schema
        self._texts = set(_TEXTS.findall(sql))
        self._key = key

    def equals(self, sql: str, tree: exp.Expr) -> bool:
        """True if a translated prediction is this gold in another spelling.

        Args:
            sql: `Translated.sql` of the prediction.
            tree: `Translated.tree` of the prediction; not changed.
        """
        return self.has_key(sql, translated_key(tree, self.schema))

    def has_key(self, sql: str, key: str | None) -> bool:
        """`equals` for a prediction whose tree is gone.

        Args:
            sql: `Translated.sql` of the prediction.
            key: `translated_key` of its tree.
        """
        if sql == self.sql:
            return True
        # Many predictions that are not the gold use other texts, which is quick to see.
        if set(_TEXTS.findall(sql)) != self._texts:
            return False
        if not self._key:
            self._key = gold_key(self.sql, self.schema)
        # A prediction without a key has been read already: its execution decides.
        return (find_key(sql, self.schema) if key is None else key) == self._key


def find_key(sql: str, schema: Schema) -> str:
    """`gold_key` of a text, "" if it cannot be parsed."""
    try:
        return gold_key(sql, schema)
    except SqlTranslationError:
        return ""


def gold_key(sql: str, schema: Schema) -> str:
    """Digest of the canonical key of a translated text.

    Args:
        sql: `Translated.sql`.
        schema: Tables that its names are resolved in.

    Raises:
        SqlTranslationError: The text cannot be parsed.
    """
    return _digest(canonical_key(guard.parse_one(sql, "duckdb"), schema))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def translated_key(tree: exp.Expr, schema: Schema) -> str | None:
    """`gold_key` of a translated tree; None if only the parsed text has one.

    A pass may write a function by name that the parser gives a class of its own: then only
    two parsed trees compare.
    """
    if any(isinstance(node, exp.Anonymous) for node in nodes_of(tree)):
        return None
    return _digest(canonical_key(tree, schema))
