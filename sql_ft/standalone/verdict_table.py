"""Verdicts as a Parquet file that is the same, byte for byte, for the same verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sql_ft.evaluation.evalset_storage import EvaluationItem
from sql_ft.records import Prediction, Verdict

COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("id", pa.string()),
    ("schema_group", pa.string()),
    ("question", pa.string()),
    ("gold_sql", pa.string()),
    ("predicted_sql", pa.string()),
    ("gold_sql_executed", pa.string()),
    ("predicted_sql_executed", pa.string()),
    ("outcome", pa.string()),
    ("status", pa.string()),
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("gold_result", pa.string()),
    ("predicted_result", pa.string()),
    ("valid_sql", pa.bool_()),
    ("schema_adherence", pa.bool_()),
    ("strict_format", pa.bool_()),
    ("canonical_match", pa.bool_()),
    ("slices", pa.map_(pa.string(), pa.list_(pa.string()))),
)
"""``*_sql`` as written, ``*_executed`` in DuckDB's dialect, ``*_result`` the first rows on
the database that decided. What is unknown is null: `strict_format` without completions,
and every judgement of an excluded row."""


def write_verdicts(
    path: Path,
    items: Sequence[EvaluationItem],
    verdicts: Sequence[Verdict],
    predictions: Mapping[str, Prediction],
    *,
    slices: Mapping[str, Mapping[str, Sequence[str]]],
    canonical: Mapping[str, bool],
    format_known: bool,
) -> None:
    """Write one row per verdict, in the order of the set.

    Args:
        path: File to write; replaced atomically.
        items: Entries of the evaluation set, excluded ones included.
        verdicts: One per item, in the same order.
        predictions: By sample id.
        slices: Sample id → slice → values.
        canonical: Sample id → the prediction is canonically the gold.
        format_known: Predictions came with completions.
    """
    rows = [
        _row(item, verdict, predictions.get(item.sample.id), slices, canonical, format_known)
        for item, verdict in zip(items, verdicts, strict=True)
    ]
    schema = pa.schema(list(COLUMNS))
    columns = [pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS]
    partial = path.with_name(path.name + ".partial")
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), partial, compression="zstd")
    partial.replace(path)


def _row(
    item: EvaluationItem,
    verdict: Verdict,
    prediction: Prediction | None,
    slices: Mapping[str, Mapping[str, Sequence[str]]],
    canonical: Mapping[str, bool],
    format_known: bool,
) -> dict[str, Any]:
    sample, scored = item.sample, verdict.outcome != "excluded"
    tags = {tag: [value] for tag, value in sample.tags.items()}
    tags |= {tag: list(values) for tag, values in slices.get(sample.id, {}).items()}
    texts = {
        "id": sample.id,
        "schema_group": sample.schema_group,
        "question": sample.question,
        "gold_sql": sample.gold_sql,
        "predicted_sql": prediction.predicted_sql if prediction is not None else "",
        "gold_sql_executed": verdict.gold_sql,
        "predicted_sql_executed": verdict.predicted_sql if scored else "",
        "outcome": verdict.outcome.value,
        "status": verdict.status,
        "reason": verdict.reason,
        "detail": verdict.detail,
        "gold_result": verdict.gold_head,
        "predicted_result": verdict.predicted_head,
    }
    # A lone surrogate is legal in a Python string and in no file.
    safe = {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}
    return safe | {
        "valid_sql": verdict.valid_sql if scored else None,
        "schema_adherence": verdict.schema_adherence if scored else None,
        "strict_format": verdict.strict_format if scored and format_known else None,
        "canonical_match": canonical.get(sample.id, False) if scored else None,
        "slices": sorted(tags.items()),
    }
