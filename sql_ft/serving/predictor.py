"""Question and schema in, SQL out: a registered version, or the base, loaded once.

The prompt, the decoder and what takes SQL out of a completion are those of the evaluation
that judged the version (`generation.answer`), so the first answer is the judged one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from sql_ft.config import RunConfig


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


class Predictor:
    """A model that answers; made by `from_alias`, `from_version` or `from_base`.

    Safe to use from several threads: one answers at a time. Predictors made by `base` and
    `version` share one loaded base model, on which adapters are switched as evaluation
    does it.
    """

    @classmethod
    def from_alias(
        cls,
        alias: str = "champion",
        config: RunConfig | None = None,
        *,
        tracking_uri: str | None = None,
        name: str | None = None,
        check_alias_s: float = 3.0,
    ) -> Self:
        """Load the version that an alias points to, and follow the alias.

        When the alias moves, the next `predict` or `stream` answers with the new version.

        Args:
            alias: ``champion``, ``candidate`` or ``previous``.
            config: Names registry and state folder; model and generation settings are the
                version's own. None: the defaults.
            tracking_uri: Instead of the configuration's.
            name: Registered model, instead of the configuration's.
            check_alias_s: The registry is asked at most so often; 0: before every answer.

        Raises:
            TrackingError: No such registry, model or alias.
            ModelError: The version's base is not here, or its files are not as registered.
        """
        raise NotImplementedError

    @classmethod
    def from_version(
        cls,
        version: int | str,
        config: RunConfig | None = None,
        *,
        tracking_uri: str | None = None,
        name: str | None = None,
    ) -> Self:
        """Load one version by its number; see `from_alias`."""
        raise NotImplementedError

    @classmethod
    def from_base(cls, config: RunConfig | None = None) -> Self:
        """Load the configuration's base model, without an adapter; no registry is needed.

        Raises:
            ModelError: The base cannot be loaded.
        """
        raise NotImplementedError

    def base(self) -> Predictor:
        """The same loaded base model without an adapter, to be asked side by side."""
        raise NotImplementedError

    def version(self, reference: int | str) -> Predictor:
        """Another version (number or alias, not followed) over the same loaded base.

        Raises:
            TrackingError: This predictor came from no registry, or there is no such version.
            ModelError: That version belongs to another base.
        """
        raise NotImplementedError

    @property
    def label(self) -> str:
        """Who answers, for a person: ``sql-ft-tiny version 3 (champion)``, ``bundled:tiny``."""
        raise NotImplementedError

    @property
    def version_number(self) -> str:
        """Number of the version that answers now; "" for a base."""
        raise NotImplementedError

    @property
    def prompt_room(self) -> int:
        """Most tokens that a prompt may have: the model's context less the answer."""
        raise NotImplementedError

    def predict(self, questions: Sequence[Question], *, n_best: int = 1) -> list[Answer]:
        """Answer one question or a thousand, in order.

        The answer is greedy. With `n_best` above 1, beam search (no sampling, no seed, the
        same every time) adds further candidates, distinct as SQL, most likely first.

        Args:
            questions: What is asked.
            n_best: Most candidates an answer, the greedy one included; at most 16.

        Raises:
            ModelError: A prompt does not fit the model's context.
            TrackingError: The alias that is followed has gone.
        """
        raise NotImplementedError

    def stream(self, question: Question) -> Iterator[str]:
        """Yield the greedy completion piece by piece; joined, it is `Answer.completion`.

        The model is held until the iterator ends or is closed.

        Raises:
            ModelError: The prompt does not fit the model's context.
        """
        raise NotImplementedError

    def count_tokens(self, question: Question) -> int:
        """Length of a question's whole prompt in tokens."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """Answer a short question, so that the first real one finds everything loaded."""
        raise NotImplementedError

    def refresh(self) -> bool:
        """Ask the registry now; True if another version answers from here on.

        Raises:
            TrackingError: The registry does not answer, or the alias has gone.
        """
        raise NotImplementedError
