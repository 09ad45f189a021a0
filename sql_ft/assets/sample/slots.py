"""The value a variable of an intent is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sql_ft.assets.sample.domain import Column, Table


@dataclass(frozen=True)
class Slot:
    """A bound variable: its SQL and its wordings.

    Attributes:
        sql: What ``{x}`` becomes in the SQL.
        words: What ``{x.key}`` becomes in the question.
        table: Table meant, if any.
        column: Column meant, if any.
    """

    sql: str
    words: Mapping[str, str] = field(default_factory=dict)
    table: Table | None = None
    column: Column | None = None

    def __format__(self, spec: str) -> str:
        return self.sql

    def __getattr__(self, key: str) -> str:
        # Format strings look words up this way. Going through __dict__ keeps copying
        # and unpickling, which ask for attributes before there are any, from recursing.
        words: Mapping[str, str] = self.__dict__.get("words", {})
        if key not in words:
            raise AttributeError(f"slot {self.__dict__.get('sql')!r} has no wording {key!r}")
        return words[key]
