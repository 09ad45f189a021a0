"""What an evaluation and a drift check share: judge the arms' answers, compare the arms."""

from __future__ import annotations

from typing import Any

from sql_ft.config import RunConfig
from tasks.comparison import compare_arms
from tasks.evaluate import score_predictions


def score_and_compare(
    config: RunConfig,
    run_id: str,
    base: dict[str, Any],
    questions: dict[str, Any],
    evaluation_set: dict[str, Any],
    adapters: dict[str, dict[str, Any]],
    answers: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Score every arm's answers and compare the arms.

    Args:
        config: Evaluation settings.
        run_id: MLflow run that the figures belong to.
        base: The base model.
        questions: What was asked.
        evaluation_set: The frozen set that judges.
        adapters: Arm → registered version.
        answers: Arm → its answers.

    Returns:
        The arguments by name, ``verdicts`` (arm → path) and ``compared``: what
        `tasks.comparison.publish_comparison` reads.
    """
    verdicts = score_predictions(config, evaluation_set, answers)
    return {
        "run_id": run_id,
        "base": base,
        "questions": questions,
        "evaluation_set": evaluation_set,
        "adapters": adapters,
        "answers": answers,
        "verdicts": verdicts,
        "compared": compare_arms(config, questions, evaluation_set, answers, verdicts),
    }
