"""The agent on many questions, and what it would have answered with fewer attempts.

One run gives every limit: the steps say what each attempt wrote, what running it gave and
whether something was wrong with it, so the answer at a lower limit is known without asking
again. The agent is given question, schema and database, never a gold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Self

from sql_ft.data.chat import question_text
from sql_ft.records import Progress, Sample
from sql_ft.serving.agent import Agent
from sql_ft.serving.answers import Answerer
from sql_ft.serving.live_database import LiveDatabase
from sql_ft.serving.steps import AgentAnswer, AgentOptions, Step, StepKind


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """One question, answered by the agent.

    Attributes:
        sample_id: `Sample.id`.
        sqls: The answer with at most 1, 2, … attempts.
        durations_s: Wall time until that answer.
        attempts: How often the agent tried.
    """

    sample_id: str
    sqls: tuple[str, ...]
    durations_s: tuple[float, ...]
    attempts: int

    @classmethod
    def of(cls, sample_id: str, answer: AgentAnswer, limit: int) -> Self:
        """Read the answers at every limit off the steps of one run.

        Args:
            sample_id: Of the question.
            answer: Of a run with at most `limit` attempts.
            limit: Its `AgentOptions.attempts`.
        """
        tried = [step for step in answer.steps if step.kind == StepKind.CHECK]
        count = max((step.attempt for step in tried), default=1)
        sqls, durations = [], []
        for most in range(1, limit + 1):
            if most >= count:
                sqls.append(answer.sql)
                durations.append(answer.duration_s)
            else:
                sqls.append(_best(answer.steps, most))
                durations.append(_time(answer.steps, most))
        return cls(sample_id, tuple(sqls), tuple(durations), count)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return dataclasses.asdict(self)


def run_trials(
    answerer: Answerer,
    samples: Sequence[Sample],
    open_database: Callable[[str], LiveDatabase],
    options: AgentOptions,
    progress: Progress | None = None,
) -> list[Trial]:
    """Ask every question of its own database; results are in the order of `samples`.

    Args:
        answerer: E.g. a `Predictor`.
        samples: `Sample.context` is what the model is shown, `Sample.schema_group` names the
            database.
        open_database: Opens the database of that name; each is open while its questions run.
        options: How hard the agent tries.
        progress: Called with questions done and in all.

    Raises:
        DataError: A database cannot be read.
        ModelError: A question does not fit the model.
    """
    found: dict[str, Trial] = {}
    for group in dict.fromkeys(sample.schema_group for sample in samples):
        with open_database(group) as database:
            agent = Agent(answerer, database, options)
            for sample in samples:
                if sample.schema_group == group:
                    answer = agent.ask(question_text(sample), context=sample.context)
                    found[sample.id] = Trial.of(sample.id, answer, options.attempts)
                    if progress is not None:
                        progress(len(found), len(samples))
    return [found[sample.id] for sample in samples]


def _best(steps: Sequence[Step], most: int) -> str:
    """What the agent answers with when it stops after `most` attempts, as its own rank says.

    All of them were followed by another, so something was wrong with each: what ran and said
    something comes first, then what ran, then what was tried first.
    """
    results = {step.attempt: step.result for step in steps if step.kind == StepKind.EXECUTE}
    written = {step.attempt: step.sql for step in steps if step.kind == StepKind.CHECK}

    def rank(number: int) -> tuple[bool, bool, int]:
        result = results.get(number)
        ran = result is not None and result.ok
        return ran and result is not None and not result.says_nothing, ran, -number

    return written[max((n for n in written if n <= most), key=rank)]


def _time(steps: Sequence[Step], most: int) -> float:
    """Time of the steps until the last of `most` attempts was executed."""
    return sum(
        step.duration_s
        for step in steps
        if step.attempt < most or (step.attempt == most and step.kind != StepKind.REPAIR)
    )
