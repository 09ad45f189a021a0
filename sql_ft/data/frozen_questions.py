"""The evaluation questions, kept as they were first drawn while the data grows.

Drawing anew from a larger pool would change the questions every week, and figures of two
weeks could not be compared. So the first draw is written down beside the manifest and asked
again from then on; new rows on the evaluation side wait until enough new schema groups have
come (`data.renew_evaluation_after_groups`), and never train either.
"""

from __future__ import annotations

import glob
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.data.manifest import manifest_path
from sql_ft.data.state_file import write_state_file
from sql_ft.errors import DataError
from sql_ft.records import Sample, content_hash

logger = logging.getLogger(__name__)

VERSION = 1
REPEATS_QUESTION = "repeats_evaluation_question"
_SETTING = "data.manifest_path"


@dataclass(frozen=True, slots=True)
class FrozenQuestions:
    """What is asked, and what it was drawn from.

    Attributes:
        generation: 1 for the first draw, one more after each renewal.
        groups: Schema groups that stood on the evaluation side at the draw.
        questions: In the order in which they are asked.
    """

    generation: int
    groups: frozenset[str]
    questions: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class EvaluationDraw:
    """What this run asks, and why.

    Attributes:
        pool: Rows to take questions from, in order.
        generation: Of the questions that result.
        waiting_groups: New schema groups on the evaluation side that are not asked yet.
        renewed: True if the questions are drawn anew.
    """

    pool: Sequence[Sample]
    generation: int
    waiting_groups: int
    renewed: bool


def frozen_path(config: RunConfig) -> Path:
    """Where the questions are: beside the manifest, one file per number and length of rows."""
    manifest = manifest_path(config)
    key = content_hash([config.data.eval_rows, config.data.max_length])[:8]
    return manifest.with_name(f"{manifest.stem}.questions-{key}.json")


def frozen_files(config: RunConfig) -> list[Path]:
    """Every file of questions beside the manifest, whatever number and length was asked for."""
    manifest = manifest_path(config)
    return sorted(manifest.parent.glob(f"{glob.escape(manifest.stem)}.questions-*.json"))


def choose_questions(
    frozen: FrozenQuestions | None, pool: Sequence[Sample], renew_after: int
) -> EvaluationDraw:
    """Ask the frozen questions again, or draw from `pool`: the first time, or when renewed.

    Args:
        frozen: The last draw; None if there was none.
        pool: Everything that stands on the evaluation side now.
        renew_after: New schema groups that renew the questions; 0: never.
    """
    if frozen is None:
        return EvaluationDraw(pool, 1, 0, renewed=True)
    waiting = len({sample.schema_group for sample in pool} - frozen.groups)
    if renew_after and waiting >= renew_after:
        logger.warning(
            "the evaluation questions are renewed: %d new schema groups have come (%d asked "
            "for); figures of earlier runs were measured on other questions",
            waiting,
            renew_after,
        )
        return EvaluationDraw(pool, frozen.generation + 1, 0, renewed=True)
    if waiting:
        logger.info(
            "%d new schema groups wait on the evaluation side; they neither train nor are asked%s",
            waiting,
            f" until there are {renew_after}" if renew_after else "",
        )
    return EvaluationDraw(frozen.questions, frozen.generation, waiting, renewed=False)


def without_repeats(train: Sequence[Sample], questions: Iterable[Sample]) -> list[Sample]:
    """Drop training rows that say the same as a frozen question, under another database."""
    asked = {sample.id.partition("-")[0] for sample in questions}
    return [sample for sample in train if sample.id.partition("-")[0] not in asked]


def load_frozen(path: Path) -> FrozenQuestions | None:
    """Read the last draw; None if there was none.

    Raises:
        DataError: The file is damaged. It is never drawn anew silently.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}")
        return FrozenQuestions(
            generation=int(content["generation"]),
            groups=frozenset(content["groups"]),
            questions=tuple(Sample.from_dict(row) for row in content["questions"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the frozen questions {path} are damaged: {error}",
            setting=_SETTING,
            expected="the file as this program wrote it; restore it, or delete it to draw the "
            "questions anew",
        ) from error


def save_frozen(path: Path, questions: FrozenQuestions) -> None:
    """Write a draw atomically.

    Raises:
        DataError: The file cannot be written.
    """
    content: dict[str, Any] = {
        "version": VERSION,
        "generation": questions.generation,
        "groups": sorted(questions.groups),
        "questions": [sample.to_dict() for sample in questions.questions],
    }
    write_state_file(path, content, what="the frozen questions", setting=_SETTING)
