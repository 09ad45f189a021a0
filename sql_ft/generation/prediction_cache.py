"""Predictions kept by content, so that unchanged arms never generate twice.

The base model and the champion answer the same questions every week; only the candidate
is new. A file is named by the hash of everything that determines the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.data.chat import question_text
from sql_ft.records import Prediction, Sample, read_jsonl, write_jsonl
from sql_ft.stage_cache import code_digest, mark_used, stage_key


def prediction_key(
    config: RunConfig,
    base: Mapping[str, Any],
    samples: Sequence[Sample],
    *,
    arm: str,
    adapter_hash: str | None,
    examples: Sequence[Sample] = (),
) -> str:
    """Content key of one arm's answers.

    Args:
        config: Model and generation settings; the batch size is part of the key because
            it can move the last bit of a logit.
        base: ``label`` and ``revision`` of the base model.
        samples: The questions, in order.
        arm: Name of the arm, which is stored inside each prediction.
        adapter_hash: None for an arm without adapter.
        examples: Few-shot examples shown before each question.
    """
    return stage_key(
        base=dict(base),
        model=config.model.model_dump(mode="json", exclude={"name_or_path", "revision"}),
        generation=config.generation.model_dump(mode="json", exclude={"few_shot_examples"}),
        # By content: a published set numbers its questions from 0, as others do.
        samples=[_content(sample) for sample in samples],
        arm=arm,
        adapter=adapter_hash,
        examples=[[*_content(sample), sample.gold_sql] for sample in examples],
        code=code_digest("generation", "base_model", "data/chat"),
    )


def _content(sample: Sample) -> list[str]:
    return [sample.id, question_text(sample), sample.context]


def predictions_path(state_dir: Path, key: str) -> Path:
    """Where the answers for `key` are kept."""
    return state_dir / "predictions" / f"{key}.jsonl"


def read_predictions(path: Path) -> tuple[list[Prediction], dict[str, float]] | None:
    """Return cached answers and their generation statistics, None if there are none."""
    stats_path = path.with_suffix(".stats.json")
    if not path.is_file() or not stats_path.is_file():
        return None
    mark_used(path)
    return read_jsonl(path, Prediction), json.loads(stats_path.read_text(encoding="utf-8"))


def write_predictions(
    path: Path, predictions: Sequence[Prediction], stats: Mapping[str, float]
) -> None:
    """Keep answers and statistics; the answers are written last and atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".stats.partial")
    partial.write_text(json.dumps(dict(stats), sort_keys=True), encoding="utf-8")
    partial.replace(path.with_suffix(".stats.json"))
    write_jsonl(path, predictions)
