"""Arms that answer whatever questions: registered versions, the base, the base with examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.records import Sample, read_jsonl
from tasks.evaluate import (
    BASE,
    FEW_SHOT,
    ArmSource,
    answer_questions,
    base_of,
    few_shot_examples,
)
from tasks.policies import generation_task


@generation_task
def generate_answers(
    config: RunConfig,
    base: dict[str, Any],
    questions: dict[str, Any],
    adapters: dict[str, dict[str, Any]],
    *,
    with_base: bool,
    dataset: dict[str, Any] | None,
) -> dict[str, dict[str, Any]]:
    """Answer the questions with every arm; arms whose answers are kept do not run again.

    Args:
        config: Model and generation settings.
        base: The configuration's base model.
        questions: ``prompts_path``: what is shown, or ``eval_path`` if nothing was cut.
        adapters: Arm → adapter, as `fetch_adapter` returns it.
        with_base: The base answers too.
        dataset: Where the base's examples come from; None: no arm with examples.

    Returns:
        Arm → ``path`` of its predictions, ``stats``, and ``cached``.
    """
    shown = read_jsonl(Path(questions.get("prompts_path", questions["eval_path"])), Sample)
    arms: list[ArmSource] = [(BASE, None, (), base)] if with_base else []
    shots = few_shot_examples(config, dataset) if dataset is not None else ()
    if shots:
        arms.append((FEW_SHOT, None, shots, base))
    arms += [(name, adapter, (), base_of(adapter)) for name, adapter in adapters.items()]
    return answer_questions(config, base, shown, arms)
