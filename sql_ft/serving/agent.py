"""Asks a model, runs its SQL on a live database, and has it try again where that fails.

introspect → generate → check against the schema → execute → (say why it failed → generate …)
→ answer. Every step is a record; nothing is retried without one.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from sql_ft.data.chat import repair_question
from sql_ft.errors import SchemaError
from sql_ft.execution.schema import parse_schema
from sql_ft.execution.tables import Schema
from sql_ft.records import ExecutionStatus
from sql_ft.serving.answers import Answerer, Question
from sql_ft.serving.diagnosis import check_names, diagnose
from sql_ft.serving.query import QueryResult, QueryTarget
from sql_ft.serving.schema_context import render_context
from sql_ft.serving.steps import AgentAnswer, AgentOptions, Step, StepKind
from sql_ft.serving.trace import NoTracer, Span, Tracer
from sql_ft.serving.vote import elect

__all__ = ["Agent", "AgentAnswer", "AgentOptions", "Step", "StepKind", "diagnose"]

# Left free for the failed query and the reason, where a repair may follow.
_REPAIR_TOKENS = 192
# How far down the list of beams a repair looks for a query that was not tried yet.
_REPAIR_BEAMS = 4
_SPAN_ROWS = 20
_SPAN_KINDS = {
    StepKind.INTROSPECT: "TOOL",
    StepKind.GENERATE: "LLM",
    StepKind.CHECK: "PARSER",
    StepKind.EXECUTE: "TOOL",
    StepKind.REPAIR: "PARSER",
    StepKind.VOTE: "PARSER",
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Attempt:
    """One query that was tried."""

    number: int
    sql: str
    result: QueryResult
    reason: str

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        """Larger is the better answer; of equals the earlier attempt."""
        result = self.result
        return not self.reason, result.ok and not result.says_nothing, result.ok, -self.number


class Agent:
    """One model on one database.

    Args:
        answerer: E.g. a `Predictor`.
        database: E.g. a `LiveDatabase`.
        options: How hard it tries.
        tracer: Where steps are traced besides.
    """

    def __init__(
        self,
        answerer: Answerer,
        database: QueryTarget,
        options: AgentOptions | None = None,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._answerer = answerer
        self._database = database
        self._options = options or AgentOptions()
        self._tracer: Tracer = tracer or NoTracer()

    def ask(
        self,
        question: str,
        *,
        context: str | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> AgentAnswer:
        """Answer one question.

        Args:
            question: Natural language.
            context: CREATE TABLE statements to show the model instead of the database's own
                (a benchmark brings them); names are checked against these then.
            on_step: Called with every step as it ends.

        Raises:
            DataError: The database cannot be read.
            ModelError: The question does not fit the model.
        """
        answer: AgentAnswer | None = None
        for step in self.steps(question, context=context):
            if on_step is not None:
                on_step(step)
            answer = step.answer
        assert answer is not None
        return answer

    def steps(self, question: str, *, context: str | None = None) -> Iterator[Step]:
        """`ask` as an iterator of steps; the last has kind ``answer`` and holds the answer."""
        span = self._tracer.begin("ask", "AGENT", {"question": question})
        run = _Run(self._answerer, self._database, self._options, question, self._tracer, span)
        try:
            yield from run.steps(context)
        except Exception as error:
            span.finish({}, failed=str(error))
            raise
        except GeneratorExit:
            span.finish({}, failed="nobody waited for the answer")
            raise
        span.finish(
            {"sql": run.answer.sql, **_shown_result(run.answer.result)},
            failed="" if run.answer.ok else run.answer.result.error,
        )


class _Run:
    """One question on its way through the loop."""

    def __init__(
        self,
        answerer: Answerer,
        database: QueryTarget,
        options: AgentOptions,
        question: str,
        tracer: Tracer,
        span: Span,
    ) -> None:
        self._answerer = answerer
        self._database = database
        self._options = options
        self._question = question
        self._tracer = tracer
        self._span = span
        self._started = time.monotonic()
        self._done: list[Step] = []
        self._attempts: list[_Attempt] = []
        self._asked = 0
        self._beams: tuple[str, ...] | None = None
        self._context = ""
        self._schema = Schema(())
        self.answer: AgentAnswer

    def steps(self, context: str | None) -> Iterator[Step]:
        yield self._introspect(context)
        question = self._question
        for number in range(1, self._options.attempts + 1):
            step, statements = self._generate(number, question)
            yield step
            if number > 1 and not statements:
                break
            sql, result = statements[0] if statements else "", None
            if len(statements) > 1 and self._options.candidates > 1:
                vote, sql, result = self._vote(number, statements)
                yield vote
            yield self._check(number, sql)
            if sql:
                execute = self._execute(number, sql, result)
                yield execute
                result = execute.result
            attempt = self._judge(number, sql, result)
            self._attempts.append(attempt)
            if not attempt.reason or number == self._options.attempts:
                break
            step, question = self._repair(attempt)
            yield step
            if not step.ok:
                break
        yield self._finish()

    def _introspect(self, context: str | None) -> Step:
        span, started = self._begin(StepKind.INTROSPECT, {"question": self._question})
        if context is not None:
            self._context = context
            try:
                self._schema = parse_schema(context)
            except SchemaError as error:
                span.finish({}, failed=error.message)
                raise
            text = f"{len(self._schema.tables)} tables, as given"
        else:
            live = self._database.schema()
            room = self._answerer.prompt_room
            if self._options.attempts > 1 and self._options.repair == "feedback":
                room -= min(_REPAIR_TOKENS, room // 4)
            shown = render_context(
                live,
                self._question,
                fits=lambda text: (
                    self._answerer.count_tokens(Question(self._question, text)) <= room
                ),
                sample_values=self._options.sample_values,
            )
            self._context, self._schema = shown.text, live.schema
            text = f"{len(shown.tables)} tables: {', '.join(shown.tables)}"
            if shown.left_out:
                text += f"; {len(shown.left_out)} left out, too many for the model's context"
        span.finish({"context": self._context})
        return self._keep(Step(StepKind.INTROSPECT, 0, text, context=self._context), started)

    def _generate(self, number: int, question: str) -> tuple[Step, tuple[str, ...]]:
        span, started = self._begin(
            StepKind.GENERATE, {"question": question, "context": self._context}
        )
        tried = {attempt.sql for attempt in self._attempts}
        n_best = self._options.candidates
        if self._options.repair == "next_best" and number > 1:
            statements = self._next_beams()
        else:
            statements = self._ask(question, n_best)
        fresh = tuple(s for s in statements if s not in tried)
        if statements and not fresh and n_best < _REPAIR_BEAMS:
            # It says again what has failed: what it would have said next may not.
            statements = self._ask(question, _REPAIR_BEAMS)
            fresh = tuple(s for s in statements if s not in tried)
        text = fresh[0] if fresh else "no SQL that was not tried yet"
        if len(fresh) > 1 and n_best > 1:
            text = f"{len(fresh)} candidates"
        step = Step(
            StepKind.GENERATE,
            number,
            text,
            ok=bool(fresh),
            sql=fresh[0] if fresh else "",
            candidates=fresh,
        )
        span.finish({"candidates": list(fresh)}, failed="" if fresh else text)
        return self._keep(step, started), fresh

    def _ask(self, question: str, n_best: int) -> tuple[str, ...]:
        self._asked += 1
        (answer,) = self._answerer.predict([Question(question, self._context)], n_best=n_best)
        return answer.candidates

    def _next_beams(self) -> tuple[str, ...]:
        if self._beams is None:
            most = min(16, max(self._options.attempts, self._options.candidates, _REPAIR_BEAMS))
            self._beams = self._ask(self._question, most)
        return self._beams

    def _vote(self, number: int, statements: tuple[str, ...]) -> tuple[Step, str, QueryResult]:
        span, started = self._begin(StepKind.VOTE, {"candidates": list(statements)})
        results = [self._database.run(sql) for sql in statements[: self._options.candidates]]
        winner, votes = elect(results)
        sql = statements[winner]
        text = f"{votes} of {len(results)} candidates agree"
        span.finish({"sql": sql, "votes": votes})
        step = Step(
            StepKind.VOTE,
            number,
            text,
            ok=votes > 0,
            sql=sql,
            candidates=statements[: len(results)],
        )
        return self._keep(step, started), sql, results[winner]

    def _check(self, number: int, sql: str) -> Step:
        span, started = self._begin(StepKind.CHECK, {"sql": sql})
        problem = check_names(sql, self._schema) if sql else "the model wrote no SQL"
        text = problem or "one query; every name is in the schema"
        span.finish({"problem": problem}, failed=problem)
        return self._keep(Step(StepKind.CHECK, number, text, ok=not problem, sql=sql), started)

    def _execute(self, number: int, sql: str, known: QueryResult | None) -> Step:
        span, started = self._begin(StepKind.EXECUTE, {"sql": sql})
        # A vote has run it already.
        result = known or self._database.run(sql)
        span.finish(_shown_result(result), failed="" if result.ok else result.error)
        step = Step(
            StepKind.EXECUTE, number, describe_result(result), ok=result.ok, sql=sql, result=result
        )
        return self._keep(step, started)

    def _judge(self, number: int, sql: str, result: QueryResult | None) -> _Attempt:
        if result is None:
            empty = QueryResult(ExecutionStatus.EMPTY, error="the model wrote no SQL")
            return _Attempt(number, sql, empty, empty.error)
        database = self._database if self._options.repair_empty else None
        # The engine has the last word on names: it knows more than the parser does.
        reason = diagnose(sql, self._schema, result, database)
        return _Attempt(number, sql, result, reason)

    def _repair(self, attempt: _Attempt) -> tuple[Step, str]:
        span, started = self._begin(StepKind.REPAIR, {"sql": attempt.sql, "reason": attempt.reason})
        question, ok, text = self._question, True, attempt.reason
        if not attempt.sql:
            ok, text = False, "the model has nothing else to say"
        elif self._options.repair == "feedback":
            question = repair_question(question, attempt.sql, attempt.reason)
            asked = self._answerer.count_tokens(Question(question, self._context))
            if asked > self._answerer.prompt_room:
                ok = False
                text = f"{attempt.reason} (too long to be told to the model: {asked} tokens)"
        span.finish({"question": question}, failed="" if ok else text)
        step = Step(StepKind.REPAIR, attempt.number, text, ok=ok, sql=attempt.sql)
        return self._keep(step, started), question

    def _finish(self) -> Step:
        best = max(self._attempts, key=lambda attempt: attempt.rank)
        self.answer = AgentAnswer(
            question=self._question,
            sql=best.sql,
            result=best.result,
            steps=tuple(self._done),
            attempts=self._asked,
            repaired=best.number > 1,
            model=self._answerer.label,
            duration_s=time.monotonic() - self._started,
        )
        return Step(
            StepKind.ANSWER,
            best.number,
            describe_result(best.result),
            ok=best.result.ok,
            sql=best.sql,
            result=best.result,
            duration_s=self.answer.duration_s,
            answer=self.answer,
        )

    def _begin(self, kind: StepKind, inputs: dict[str, object]) -> tuple[Span, float]:
        span = self._tracer.begin(kind.value, _SPAN_KINDS[kind], inputs, self._span)
        return span, time.monotonic()

    def _keep(self, step: Step, started: float) -> Step:
        step = dataclasses.replace(step, duration_s=time.monotonic() - started)
        self._done.append(step)
        return step


def describe_result(result: QueryResult) -> str:
    """One line for a person: how many rows, or why there are none."""
    if not result.ok:
        return f"{result.status.value}: {result.error}"
    more = " and more, cut" if result.truncated else ""
    rows = len(result.rows)
    return f"{rows} row{'' if rows == 1 else 's'}{more} in {result.duration_s:.2f} s"


def _shown_result(result: QueryResult) -> dict[str, object]:
    return {
        "status": result.status.value,
        "columns": list(result.columns),
        "rows": [[str(v)[:200] for v in row] for row in result.rows[:_SPAN_ROWS]],
        "row_count": len(result.rows),
        "error": result.error,
    }
