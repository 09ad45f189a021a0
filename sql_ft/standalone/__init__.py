"""The evaluator for people who do not train: files in, verdicts out. Needs the core alone.

    from sql_ft.standalone import evaluate_files

Names are looked up on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sql_ft.standalone.evaluation import Evaluation, evaluate, evaluate_files
    from sql_ft.standalone.predictions import PredictionFile, read_predictions
    from sql_ft.standalone.questions import Questions, build_set, load_questions

__all__ = [
    "Evaluation",
    "PredictionFile",
    "Questions",
    "build_set",
    "evaluate",
    "evaluate_files",
    "load_questions",
    "read_predictions",
]

_HOMES = {
    "Evaluation": "evaluation",
    "Questions": "questions",
    "build_set": "questions",
    "evaluate": "evaluation",
    "evaluate_files": "evaluation",
    "load_questions": "questions",
    "PredictionFile": "predictions",
    "read_predictions": "predictions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
