"""What predictions say, before any of them is executed: translation, names, sameness.

The same text over the same schema is read once, whichever sample or arm it belongs to:
Spider asks every question in several wordings, and models answer them alike.
"""

from __future__ import annotations

import dataclasses
import functools

from sqlglot import exp

from sql_ft.config import EvaluationConfig
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.adherence import unresolved_names
from sql_ft.execution import guard
from sql_ft.execution.canonical import CanonicalGold
from sql_ft.execution.dialect import translate
from sql_ft.execution.schema import Schema

_KEPT_TEXTS = 2000
"""Some ten kilobytes each."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """A prediction that can be executed.

    Attributes:
        sql: DuckDB text.
        tree: The same as a tree.
        adheres: Every table and column exists in the schema.
    """

    sql: str
    tree: exp.Expr
    adheres: bool


class Reader:
    """Reads texts under one configuration.

    Args:
        config: Its `dialect` and `distinct`.
    """

    def __init__(self, config: EvaluationConfig) -> None:
        self._config = config
        self._schemas: dict[Schema, Schema] = {}
        self._cached = functools.lru_cache(maxsize=_KEPT_TEXTS)(self._read)
        self._golds = functools.lru_cache(maxsize=_KEPT_TEXTS)(self._gold)

    def read(self, text: str, schema: Schema) -> Reading | SqlTranslationError:
        """Translate a prediction, or return why it is none.

        Args:
            text: The prediction as written.
            schema: Tables that its names are resolved in.

        Raises:
            RecursionError: It is nested deeper than the translation can follow.
        """
        # By identity: to hash a schema costs more than to look up a text.
        schema = self._schemas.setdefault(schema, schema)
        return self._cached(text, _Same(schema))

    def is_gold(self, reading: Reading, gold_sql: str, schema: Schema) -> bool:
        """True if the reading is canonically this translated gold."""
        schema = self._schemas.setdefault(schema, schema)
        return self._golds(gold_sql, _Same(schema)).equals(reading.sql, reading.tree)

    def _read(self, text: str, same: _Same) -> Reading | SqlTranslationError:
        try:
            translated = translate(
                text,
                same.schema,
                self._config.dialect,
                distinct=self._config.distinct,
                note_passes=False,
            )
            # The passes write functions of their own; what they wrote is looked at once more.
            guard.check_tree(translated.tree)
        except SqlTranslationError as error:
            return error
        adheres = not unresolved_names(translated.source, same.schema, in_place=True)
        return Reading(translated.sql, translated.tree, adheres)

    @staticmethod
    def _gold(gold_sql: str, same: _Same) -> CanonicalGold:
        return CanonicalGold(gold_sql, same.schema)


class _Same:
    """A schema as a key of a cache: the same object, not an equal one."""

    __slots__ = ("schema",)

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.schema is self.schema

    def __hash__(self) -> int:
        return id(self.schema)
