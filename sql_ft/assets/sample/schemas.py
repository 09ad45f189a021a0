"""All schemas of the bundled sample, parsed once."""

from __future__ import annotations

from functools import cache

from sql_ft.assets.sample import (
    schemas_care,
    schemas_industry,
    schemas_services,
    schemas_trade,
    schemas_transport,
)
from sql_ft.assets.sample.domain import Schema, parse_schemas

_TEXTS = (
    schemas_transport.TEXT,
    schemas_trade.TEXT,
    schemas_care.TEXT,
    schemas_industry.TEXT,
    schemas_services.TEXT,
)


@cache
def load_schemas() -> tuple[Schema, ...]:
    """Every schema, in written order.

    Raises:
        ValueError: A schema does not follow the written form, or a ``db_id`` occurs twice.
    """
    schemas = tuple(schema for text in _TEXTS for schema in parse_schemas(text))
    names = [schema.db_id for schema in schemas]
    if len(names) != len(set(names)):
        raise ValueError(f"db_id used twice among {sorted(names)}")
    return schemas
