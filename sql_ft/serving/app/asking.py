"""What the buttons do: ask, run a query, compare; each a plain function over a session."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sql_ft.errors import DataError
from sql_ft.execution.compare import MatchRules, compare_results
from sql_ft.records import ExecutionResult
from sql_ft.serving.agent import Agent, AgentAnswer, AgentOptions, Step
from sql_ft.serving.answers import Answerer
from sql_ft.serving.app.models import Answerers, Who
from sql_ft.serving.app.session import HistoryEntry, Session
from sql_ft.serving.query import QueryResult
from sql_ft.serving.trace import Tracer

YOU = "you"
_SAME = MatchRules(column_order="fixed")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A question under way, or answered.

    Attributes:
        steps: What the agent did so far, by model.
        answers: Those that are complete, the champion's first.
        done: Nothing more comes.
    """

    steps: tuple[tuple[str, tuple[Step, ...]], ...] = ()
    answers: tuple[AgentAnswer, ...] = ()
    done: bool = False


def ask(
    session: Session,
    answerers: Answerers,
    question: str,
    who: Who,
    *,
    tracer: Tracer | None = None,
) -> Iterator[Asked]:
    """Ask one model, or both one after the other; yields after every step.

    Raises:
        DataError: No question, a too long one, no database, or a request is under way.
        ModelError: The question does not fit the model.
    """
    text = _checked(question, session.limits.question_chars, "question")
    with session.in_use():
        database = session.database
        steps: list[tuple[str, tuple[Step, ...]]] = []
        answers: list[AgentAnswer] = []
        for model in _chosen(answerers, who):
            agent = Agent(model, database, AgentOptions(), tracer=tracer)
            taken: list[Step] = []
            steps.append((model.label, ()))
            for step in agent.steps(text):
                taken.append(step)
                steps[-1] = (model.label, tuple(taken))
                if step.answer is not None:
                    answers.append(step.answer)
                yield Asked(tuple(steps), tuple(answers))
        for answer in answers:
            session.remember(
                HistoryEntry(text, answer.sql, answer.result, session.title, answer.model)
            )
        yield Asked(tuple(steps), tuple(answers), done=True)


def run_query(session: Session, sql: str) -> HistoryEntry:
    """Run what a person wrote.

    Raises:
        DataError: Nothing to run, too long, no database, or a request is under way.
    """
    text = _checked(sql, session.limits.sql_chars, "query")
    with session.in_use():
        result = session.database.run(text)
        entry = HistoryEntry("", text, result, session.title, YOU)
        session.remember(entry)
        return entry


def same_result(first: QueryResult, second: QueryResult) -> bool | None:
    """True if both returned the same rows, in any order; None if one did not run whole."""
    if not (first.ok and second.ok) or first.truncated or second.truncated:
        return None
    return compare_results(_record(first), _record(second), ordered=False, rules=_SAME).equal


def _record(result: QueryResult) -> ExecutionResult:
    return ExecutionResult(result.status, result.columns, result.rows, result.error)


def _chosen(answerers: Answerers, who: Who) -> list[Answerer]:
    if who == "base" or answerers.champion is None:
        return [answerers.base]
    if who == "champion":
        return [answerers.champion]
    return [answerers.champion, answerers.base]


def _checked(text: str, most: int, what: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise DataError(f"there is no {what}", expected=f"a {what}")
    if len(stripped) > most:
        raise DataError(
            f"the {what} has {len(stripped):,} characters", expected=f"at most {most:,}"
        )
    return stripped
