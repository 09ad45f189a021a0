"""A prediction that is the gold in another spelling needs no execution.

`canonical_key` writes a query so that spelling leaves no trace; two queries with the same
key return the same rows on every database. What it does not follow is left as it is: then
the keys differ and execution decides.
"""

from __future__ import annotations

import re

from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution import guard
from sql_ft.execution.canonical_key import canonical_key
from sql_ft.execution.schema import Schema

_TEXTS = re.compile(r"'(?:[^']|'')*'")


class CanonicalGold:
    """A translated gold that predictions are compared with.

    Args:
        sql: `Translated.sql` of the gold.
        schema: Tables that its names are resolved in.
    """

    def __init__(self, sql: str, schema: Schema) -> None:
        self.sql, self.schema = sql, schema
        self._texts = set(_TEXTS.findall(sql))
        self._key: str | None = None

    def equals(self, sql: str, tree: exp.Expr) -> bool:
        """True if a translated prediction is this gold in another spelling.

        Args:
            sql: `Translated.sql` of the prediction.
            tree: `Translated.tree` of the prediction; not changed.
        """
        if sql == self.sql:
            return True
        # Many predictions that are not the gold use other texts, which is quick to see.
        if set(_TEXTS.findall(sql)) != self._texts:
            return False
        if self._key is None:
            self._key = canonical_key(guard.parse_one(self.sql, "duckdb"), self.schema)
        return self._key_of(sql, tree) == self._key

    def _key_of(self, sql: str, tree: exp.Expr) -> str:
        # A pass may write a function by name that the parser gives a class of its own: then
        # only two parsed trees compare.
        if tree.find(exp.Anonymous) is None:
            return canonical_key(tree, self.schema)
        return self._parsed_key(sql)

    def _parsed_key(self, sql: str) -> str:
        try:
            return canonical_key(guard.parse_one(sql, "duckdb"), self.schema)
        except SqlTranslationError:
            return ""  # the prediction has been read already: its execution decides
