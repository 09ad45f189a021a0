"""A database that exists: its schema, and rows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sql_ft.execution.databases import Database
from sql_ft.execution.tables import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class RealDatabase:
    """What a file holds, shared by all samples that ask about it.

    Attributes:
        schema: Declared keys and foreign keys; types from declaration and content.
        database: Its rows, under the name `databases.REAL`.
        capped: Table → rows in the file, for tables of which only a part was read.
    """

    schema: Schema
    database: Database
    capped: Mapping[str, int] = dataclasses.field(default_factory=dict)
