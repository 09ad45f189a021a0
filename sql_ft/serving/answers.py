"""What a predictor is asked and answers, and what the agent needs of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        question: Natural-language question.
        context: CREATE TABLE statements.
    """

    question: str
    context: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What the model answered to one question.

    Attributes:
        sql: The one statement taken out of the greedy completion; "" if there is none.
        completion: The whole text.
        strict_format: True if the completion was that statement and nothing else.
        finish_reason: ``stop`` or ``length``.
        prompt_tokens: Length of the prompt.
        completion_tokens: Length of the completion, its end included.
        candidates: Distinct statements, best first; the first is `sql`. One, unless n-best
            was asked for; none if the model wrote no SQL.
    """

    sql: str
    completion: str
    strict_format: bool
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    candidates: tuple[str, ...] = ()


class Answerer(Protocol):
    """What the agent needs of a predictor; a test brings its own."""

    @property
    def label(self) -> str:
        """Who answers, for a person: ``sql-ft-tiny version 3 (champion)``."""

    @property
    def prompt_room(self) -> int:
        """Most tokens that a prompt may have."""

    def predict(self, questions: Sequence[Question], *, n_best: int = 1) -> list[Answer]:
        """Answer every question, in order."""

    def count_tokens(self, question: Question) -> int:
        """Length of a question's whole prompt in tokens."""
