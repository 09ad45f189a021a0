"""Rows of a source as `Sample` records, each with its schema group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sql_ft.config import DataConfig
from sql_ft.data.chat import answer_text
from sql_ft.data.grouping import infer_schema_groups
from sql_ft.data.row_checks import has_group_column
from sql_ft.records import Sample, content_hash

BLANK = "blank_cell"


@dataclass(frozen=True, slots=True)
class GroupedSamples:
    """All rows of a source, in its order.

    Attributes:
        samples: One record a row; `schema_group` is "" where none can be told.
        reasons: Why a row can stand on no side ("" if it can), same length.
        tables: Group of each table name if groups were inferred, else empty.
        inferred: True if groups come from table names instead of a column.
    """

    samples: list[Sample]
    reasons: list[str]
    tables: dict[str, str]
    inferred: bool


def sample_id(question: str, context: str, gold_sql: str) -> str:
    """Return the content hash that identifies a row, 16 hex digits."""
    return content_hash([question, context, gold_sql])[:16]


def sample_ids(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield `Sample.id` of each (question, context, gold_sql); repeats get ``-2``, ``-3`` …."""
    seen: Counter[str] = Counter()
    for row in rows:
        base = sample_id(*row)
        seen[base] += 1
        yield base if seen[base] == 1 else f"{base}-{seen[base]}"


def group_samples(
    rows: Sequence[Mapping[str, Any]],
    config: DataConfig,
    known_tables: Mapping[str, str] | None = None,
) -> GroupedSamples:
    """Turn checked rows (see `sources.load_rows`) into samples.

    Args:
        rows: Rows whose columns and cells have been checked.
        config: Names the columns.
        known_tables: Earlier `GroupedSamples.tables`, to keep inferred groups in place.
    """
    core = (config.question_column, config.context_column, config.answer_column)
    inferred = not has_group_column(rows, config)
    tables: dict[str, str] = {}
    if inferred:
        grouping = infer_schema_groups([row[config.context_column] for row in rows], known_tables)
        groups, reasons, tables = grouping.groups, grouping.reasons, grouping.tables
    else:
        groups = [str(row[config.group_column]) for row in rows]
        reasons = [""] * len(rows)
    cells = [(row[core[0]], row[core[1]], row[core[2]]) for row in rows]
    samples = []
    for row, group, cell, id_ in zip(rows, groups, cells, sample_ids(cells), strict=True):
        question, context, gold_sql = cell
        samples.append(
            Sample(
                id=id_,
                question=question,
                context=context,
                gold_sql=gold_sql,
                schema_group=group,
                tags={
                    key: str(value)
                    for key, value in row.items()
                    if key not in core
                    and key != config.group_column
                    and isinstance(value, (str, int, float))
                },
            )
        )
    blank = [
        not (s.question.strip() and s.context.strip() and answer_text(s.gold_sql)) for s in samples
    ]
    return GroupedSamples(
        samples=samples,
        reasons=[BLANK if b else reason for b, reason in zip(blank, reasons, strict=True)],
        tables=tables,
        inferred=inferred,
    )
