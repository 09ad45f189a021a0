"""What the agent does and answers. Values only."""

from __future__ import annotations

import dataclasses
import enum
from typing import Literal

from sql_ft.serving.query import QueryResult


class StepKind(enum.StrEnum):
    """What a step does."""

    INTROSPECT = "introspect"
    GENERATE = "generate"
    CHECK = "check"
    EXECUTE = "execute"
    REPAIR = "repair"
    VOTE = "vote"
    ANSWER = "answer"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One thing the agent did.

    Attributes:
        kind: What.
        attempt: Which attempt it belongs to, from 1; 0 before the first.
        text: One line for a person.
        ok: The step found nothing wrong.
        sql: The statement it is about; "" if none.
        result: What executing it gave (`execute` and `answer`).
        candidates: Statements to choose from (`generate`).
        context: The schema as the model was shown it (`introspect`).
        duration_s: Wall time.
        answer: The whole answer (`answer`, always the last step).
    """

    kind: StepKind
    attempt: int
    text: str
    ok: bool = True
    sql: str = ""
    result: QueryResult | None = None
    candidates: tuple[str, ...] = ()
    context: str = ""
    duration_s: float = 0.0
    answer: AgentAnswer | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What came out.

    Attributes:
        question: As asked.
        sql: The statement answered with; "" if the model wrote none.
        result: Its result on the database.
        steps: All steps in order, the last one (which holds this answer) left out.
        attempts: How often the model was asked, at least once.
        repaired: The answer is not the first attempt's.
        model: `Answerer.label`.
        duration_s: Wall time of everything.
    """

    question: str
    sql: str
    result: QueryResult
    steps: tuple[Step, ...]
    attempts: int
    repaired: bool
    model: str
    duration_s: float

    @property
    def ok(self) -> bool:
        """True if the statement ran."""
        return self.result.ok


@dataclasses.dataclass(frozen=True, slots=True)
class AgentOptions:
    """How hard it tries.

    Attributes:
        attempts: Most times the model is asked; 1: no repair.
        repair: ``feedback``: the model is shown its query and why it failed;
            ``next_best``: its next most likely query is tried (beam search). Only a model
            that was trained to read such reasons gains by ``feedback``.
        candidates: Above 1: so many queries are executed at every attempt, and the result
            that most of them agree on wins.
        repair_empty: An empty result is repaired where the database shows that a value
            which the query compares with does not occur.
        sample_values: Values shown beside each column of the schema; see `render_context`.
    """

    attempts: int = 3
    repair: Literal["feedback", "next_best"] = "next_best"
    candidates: int = 1
    repair_empty: bool = True
    sample_values: int = 0
