"""One sample on its way into an evaluation set: everything before its gold is executed."""

from __future__ import annotations

import dataclasses
import logging

from sqlglot import exp

from sql_ft.config import EvaluationConfig
from sql_ft.errors import SchemaError, SqlTranslationError
from sql_ft.evaluation.evalset_storage import EvaluationItem
from sql_ft.execution.canonical import find_key
from sql_ft.execution.compare import is_ordered, order_key_positions
from sql_ft.execution.databases import REAL, Database, build_report, strip_where
from sql_ft.execution.dialect import parse_query, translate
from sql_ft.execution.real import RealDatabase, observed_schema
from sql_ft.execution.schema import Schema, infer_types, parse_schema
from sql_ft.records import Sample

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """An item whose gold has not run yet.

    Attributes:
        item: The item, without gold results; excluded already if anything failed. A real
            database among its databases stands there by name alone.
        no_where_sql: The gold without its WHERE, in DuckDB's dialect; "" if it has none.
    """

    item: EvaluationItem
    no_where_sql: str = ""


def draft_sample(
    sample: Sample, config: EvaluationConfig, real: RealDatabase | None = None
) -> Draft:
    """Schema, translation and databases of one sample.

    Whatever fails excludes the sample with a reason; nothing is raised.

    Args:
        sample: Gold, and every wording of its question (`wordings.merge_wordings`).
        config: Dialect, matching and databases.
        real: The database that the question is about, where there is one: its schema holds
            as it is, and it becomes the first database unless chance decides the gold on it.
            Without one, the schema is `Sample.context`, with types as the gold uses them.
    """
    item = EvaluationItem(sample=sample, gold_sql=sample.gold_sql)
    try:
        schema = real.schema if real is not None else _read_schema(sample, config)
        gold = translate(sample.gold_sql, schema, config.dialect, distinct=config.distinct)
        filled = schema
        if real is not None and config.nulls == "observed":
            filled = observed_schema(real, gold.source)
        telling = build_report(
            filled,
            gold.source,
            sample.question,
            count=config.databases_per_sample,
            seed=config.database_seed,
            dialect=config.dialect,
            real=real.database if real is not None else None,
        )
        stripped = strip_where(gold.source)
        no_where = "" if stripped is None else _retranslate(stripped, schema, config)
        drafted = dataclasses.replace(
            item,
            schema=schema,
            gold_sql=gold.sql,
            canonical_key=find_key(gold.sql, schema),
            # Of the source: the translation adds keys of its own.
            ordered=is_ordered(gold.source),
            order_keys=order_key_positions(gold.source),
            # A gold that fails everywhere has no databases; it still runs once, on empty
            # tables, so that the engine says what is wrong with it.
            databases=tuple(_marked(d) for d in telling.databases) or (Database("empty", {}),),
            deterministic=telling.deterministic,
            mutants_total=telling.mutants_total,
            mutants_killed=telling.mutants_killed,
            survivors=telling.survivors,
            notes=gold.notes,
        )
    except SchemaError as error:
        return Draft(exclude(item, "schema:unreadable", error.message))
    except SqlTranslationError as error:
        return Draft(exclude(item, f"gold:{error.status}", error.message))
    except Exception as error:
        # One gold that trips a parser must not end the run for the others; it is
        # counted under its own reason and, above a share, stops promotion.
        logger.warning("sample %s cannot be prepared", sample.id, exc_info=True)
        return Draft(exclude(item, f"harness:{type(error).__name__}", str(error)))
    return Draft(drafted, no_where)


def _read_schema(sample: Sample, config: EvaluationConfig) -> Schema:
    declared = parse_schema(sample.context, config.dialect)
    source = parse_query(sample.gold_sql, declared, config.dialect, distinct=config.distinct)
    return infer_types(declared, source)


def _marked(database: Database) -> Database:
    """A real database without its rows: the parent has them, once for all its samples."""
    return Database(REAL, {}) if database.name == REAL else database


def exclude(item: EvaluationItem, reason: str, detail: str) -> EvaluationItem:
    """The item, set aside with a reason."""
    return dataclasses.replace(item, exclusion=reason, exclusion_detail=detail)


def _retranslate(query: exp.Expr, schema: Schema, config: EvaluationConfig) -> str:
    text = query.sql(dialect=config.dialect)
    return translate(text, schema, config.dialect, distinct=config.distinct, note_passes=False).sql
