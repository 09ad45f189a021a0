"""The agent on many questions, and what it would have answered with fewer attempts.

One run gives every limit: the steps say what each attempt wrote, what running it gave and
whether something was wrong with it, so the answer at a lower limit is known without asking
again. The agent is given question, schema and database, never a gold.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(
            values["sample_id"],
            tuple(values["sqls"]),
            tuple(values["durations_s"]),
            values["attempts"],
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return dataclasses.asdict(self)


def run_trials(
    answerer: Answerer,
    samples: Sequence[Sample],
    open_database: Callable[[str], LiveDatabase],
    options: AgentOptions,
    progress: Progress | None = None,
    *,
    file: Path | None = None,
) -> list[Trial]:
    """Ask every question of its own database; results are in the order of `samples`.

    Args:
        answerer: E.g. a `Predictor`.
        samples: `Sample.context` is what the model is shown, `Sample.schema_group` names the
            database.
        open_database: Opens the database of that name; each is open while its questions run.
        options: How hard the agent tries.
        progress: Called with questions done and in all.
        file: Each trial is written here as it ends, and what is here is not asked again: an
            interrupted run continues.

    Raises:
        DataError: A database cannot be read.
        ModelError: A question does not fit the model.
    """
    found = _read(file) if file is not None else {}
    left = [sample for sample in samples if sample.id not in found]
    for group in dict.fromkeys(sample.schema_group for sample in left):
        with open_database(group) as database:
            agent = Agent(answerer, database, options)
            for sample in left:
                if sample.schema_group != group:
                    continue
                answer = agent.ask(question_text(sample), context=sample.context)
                found[sample.id] = Trial.of(sample.id, answer, options.attempts)
                if file is not None:
                    with file.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(found[sample.id].to_dict()) + "\n")
                if progress is not None:
                    progress(len(found), len(samples))
    return [found[sample.id] for sample in samples]


def _read(file: Path) -> dict[str, Trial]:
    """Trials that an earlier run has kept; a line that a kill tore is left out."""
    found: dict[str, Trial] = {}
    if not file.exists():
        return found
    text = file.read_text(encoding="utf-8")
    whole, _, torn = text.rpartition("\n")
    if torn:
        file.write_text(f"{whole}\n" if whole else "", encoding="utf-8")
    for line in whole.splitlines():
        trial = Trial.from_dict(json.loads(line))
        found[trial.sample_id] = trial
    return found


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
