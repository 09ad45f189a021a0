"""What each control of the page does, as values for its parts; gradio is not imported here."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sql_ft.errors import DataError, SqlFtError
from sql_ft.serving.app import export, render
from sql_ft.serving.app.asking import Asked, ask, run_query
from sql_ft.serving.app.chart import Chart, choose_chart
from sql_ft.serving.app.limits import PageLimits, UploadLimits
from sql_ft.serving.app.models import NO_CHAMPION, Answerers, Who
from sql_ft.serving.app.session import SampleDatabase, Session, Sessions
from sql_ft.serving.query import QueryResult
from sql_ft.serving.trace import Tracer

logger = logging.getLogger(__name__)

UPLOADED = "Your file"
_UNEXPECTED = SqlFtError("something went wrong on our side; the server's log says what")


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """New content of the page's parts; None leaves a part as it is.

    Attributes:
        notice: A message above the answer; "" removes it.
        database: Choice shown in the list of databases.
        schema: Tables and columns.
        questions: Questions to begin with.
        sql: Text in the editor.
        steps: What the agent did.
        result: The table.
        comparison: Two answers side by side.
        chart: Taken only if `result` is given; None then: no chart.
        history: What was asked so far.
    """

    notice: str | None = ""
    database: str | None = None
    schema: str | None = None
    questions: tuple[str, ...] | None = None
    sql: str | None = None
    steps: str | None = None
    result: str | None = None
    comparison: str | None = None
    chart: Chart | None = None
    history: str | None = None


class Handlers:
    """The page's behaviour over sessions and models.

    Args:
        sessions: People.
        models: Models that answer now; asked anew for every question.
        samples: Databases that come with the page.
        tracer: Where the agent's steps are traced besides.
    """

    def __init__(
        self,
        sessions: Sessions,
        models: Callable[[], Answerers],
        samples: tuple[SampleDatabase, ...],
        limits: PageLimits | None = None,
        upload_limits: UploadLimits | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.sessions = sessions
        self.models = models
        self.samples = samples
        self.limits = limits or PageLimits()
        self.upload_limits = upload_limits or UploadLimits()
        self._tracer = tracer

    @property
    def sample_names(self) -> list[str]:
        """Choices of the list of databases."""
        return [sample.name for sample in self.samples]

    def model_notice(self) -> str:
        """Says so if there is no champion."""
        return render.render_notice("" if self.models().champion else NO_CHAMPION)

    def choose(self, key: str, name: str) -> View:
        """Open a sample database."""
        return _guarded(lambda: self._choose(key, name))

    def upload(self, key: str, path: str) -> View:
        """Open an uploaded file."""
        return _guarded(lambda: self._upload(key, Path(path)))

    def ask(self, key: str, question: str, who: Who) -> Iterator[View]:
        """Answer, step by step."""
        try:
            session = self.sessions.get(key)
            for asked in ask(session, self.models(), question, who, tracer=self._tracer):
                yield self._asked_view(session, asked)
        except SqlFtError as error:
            yield View(notice=render.render_error(error))
        except Exception:
            logger.exception("a question failed")
            yield View(notice=render.render_error(_UNEXPECTED))

    def run(self, key: str, sql: str) -> View:
        """Run the query in the editor."""
        return _guarded(lambda: self._run(key, sql))

    def csv_of_last(self, key: str) -> str:
        """The newest result as CSV; "" if there is none."""
        last = self.sessions.get(key).last_result
        return export.to_csv(last.result) if last and last.result.ok else ""

    def sql_of_session(self, key: str) -> str:
        """All queries of the session; "" if there are none."""
        history = self.sessions.get(key).history
        return export.to_sql(history) if history else ""

    def answer(self, key: str, database: str, question: str, who: Who) -> dict[str, Any]:
        """One question as JSON, for programs.

        Raises:
            SqlFtError: It cannot be asked.
        """
        session = self.sessions.get(key)
        if database and session.title != database:
            session.open_sample(self._sample(database))
        *_, asked = ask(session, self.models(), question, who, tracer=self._tracer)
        answer = asked.answers[0]
        return {
            "model": answer.model,
            "sql": answer.sql,
            "attempts": answer.attempts,
            **_result_record(answer.result),
        }

    def query(self, key: str, sql: str) -> dict[str, Any]:
        """One query as JSON, for programs.

        Raises:
            SqlFtError: It cannot be run.
        """
        return _result_record(run_query(self.sessions.get(key), sql).result)

    def leave(self, key: str) -> None:
        """End a session and remove what it kept."""
        self.sessions.close(key)

    def _choose(self, key: str, name: str) -> View:
        session = self.sessions.get(key)
        sample = self._sample(name)
        with session.in_use():
            schema = session.open_sample(sample)
        return self._opened(name, render.render_schema(schema, self.limits), sample.questions)

    def _upload(self, key: str, path: Path) -> View:
        session = self.sessions.get(key)
        with session.in_use():
            schema = session.open_upload(path)
        return self._opened(UPLOADED, render.render_schema(schema, self.limits), ())

    def _run(self, key: str, sql: str) -> View:
        session = self.sessions.get(key)
        entry = run_query(session, sql)
        return self._result_view(session, entry.result)

    def _sample(self, name: str) -> SampleDatabase:
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise DataError(
            f"there is no sample database {render.cut(name, 60)!r}",
            expected=", ".join(self.sample_names),
        )

    def _opened(self, name: str, schema: str, questions: tuple[str, ...]) -> View:
        return View(
            database=name,
            schema=schema,
            questions=questions,
            sql="",
            steps="",
            result="",
            comparison="",
        )

    def _asked_view(self, session: Session, asked: Asked) -> View:
        steps = render.render_steps(asked)
        if not asked.done:
            return View(steps=steps)
        answer = asked.answers[0]
        view = self._result_view(session, answer.result)
        return dataclasses.replace(
            view,
            sql=answer.sql,
            steps=steps,
            comparison=render.render_comparison(asked.answers, self.limits),
        )

    def _result_view(self, session: Session, result: QueryResult) -> View:
        return View(
            result=render.render_result(result, self.limits),
            chart=choose_chart(result),
            comparison="",
            history=render.render_history(session.history, self.limits),
        )


def _guarded(act: Callable[[], View]) -> View:
    """A failure is a message on the page; one of our own is logged as well."""
    try:
        return act()
    except SqlFtError as error:
        return View(notice=render.render_error(error))
    except Exception:
        logger.exception("a request failed")
        return View(notice=render.render_error(_UNEXPECTED))


def _result_record(result: QueryResult) -> dict[str, Any]:
    from sql_ft.evaluation.result_text import format_cell

    plain = (bool, int, float, str, type(None))
    return {
        "status": str(result.status),
        "error": result.error,
        "columns": list(result.columns),
        "rows": [
            [value if isinstance(value, plain) else format_cell(value) for value in row]
            for row in result.rows
        ],
        "truncated": result.truncated,
    }
