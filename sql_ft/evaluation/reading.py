"""What predictions say, before any of them is executed: translation, names, sameness.

The same text over the same schema is read once, whichever sample or arm it belongs to:
Spider asks every question in several wordings, and models answer them alike.
"""

from __future__ import annotations

import dataclasses
import functools

from sql_ft.config import EvaluationConfig
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.adherence import unresolved_names
from sql_ft.execution import guard
from sql_ft.execution.canonical import CanonicalGold, translated_key
from sql_ft.execution.dialect import parse_query, run_passes, translation_errors, write_query
from sql_ft.execution.footprint import UNKNOWN, Footprint, footprint_of
from sql_ft.execution.schema import Schema

_KEPT_TEXTS = 2000
"""Some hundred bytes each."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """A prediction that can be executed.

    Attributes:
        sql: DuckDB text.
        key: `canonical.translated_key` of its tree, which is not kept.
        adheres: Every table and column exists in the schema.
        footprint: What it can see of a database.
    """

    sql: str
    key: str | None
    adheres: bool
    footprint: Footprint = UNKNOWN


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

    def is_gold(self, reading: Reading, gold_sql: str, schema: Schema, key: str = "") -> bool:
        """True if the reading is canonically this translated gold.

        Args:
            reading: The prediction.
            gold_sql: The gold in DuckDB's dialect.
            schema: Tables that both names are resolved in.
            key: `canonical.gold_key` of the gold, if it is known.
        """
        schema = self._schemas.setdefault(schema, schema)
        return self._golds(gold_sql, _Same(schema), key).has_key(reading.sql, reading.key)

    def _read(self, text: str, same: _Same) -> Reading | SqlTranslationError:
        schema, dialect = same.schema, self._config.dialect
        try:
            # One tree goes all the way, since a copy costs as much as a pass: what is asked
            # of it as it was written is asked before the passes change it.
            with guard.equal_depth():
                with translation_errors():
                    tree = parse_query(text, schema, dialect, distinct=self._config.distinct)
                adheres = not unresolved_names(tree, schema)
                with translation_errors():
                    tree = run_passes(tree, schema, dialect)
                # The passes write functions of their own; they are looked at once more.
                guard.check_tree(tree)
                key = translated_key(tree, schema)
                # Where a name is unknown, the engine's message lists the columns there are.
                footprint = footprint_of(tree, schema, dialect) if adheres else UNKNOWN
                with translation_errors():
                    return Reading(write_query(tree), key, adheres, footprint)
        except SqlTranslationError as error:
            return error

    @staticmethod
    def _gold(gold_sql: str, same: _Same, key: str) -> CanonicalGold:
        return CanonicalGold(gold_sql, same.schema, key)


class _Same:
    """A schema as a key of a cache: the same object, not an equal one."""

    __slots__ = ("schema",)

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.schema is self.schema

    def __hash__(self) -> int:
        return id(self.schema)
