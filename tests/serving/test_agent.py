"""The loop: which steps it takes, when it stops, and what it answers with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from live_files import ScriptedAnswerer, make_sqlite

from sql_ft.errors import DataError
from sql_ft.execution.schema import parse_schema
from sql_ft.records import ExecutionStatus
from sql_ft.serving.agent import Agent, AgentOptions, Step, StepKind, diagnose
from sql_ft.serving.answers import Question
from sql_ft.serving.live_database import LiveDatabase, QueryResult, open_database, render_context
from sql_ft.serving.vote import elect

GOOD = "SELECT name FROM shop WHERE city = 'Paris'"


@pytest.fixture
def shop_database(tmp_path: Path) -> Iterator[LiveDatabase]:
    with open_database(make_sqlite(tmp_path / "shop.sqlite")) as database:
        yield database


def say(*statements: str) -> Callable[[Question, int], Sequence[str]]:
    """Always the same list, best first."""
    return lambda question, n_best: statements


def test_a_first_answer_that_holds(shop_database: LiveDatabase) -> None:
    seen: list[Step] = []
    answerer = ScriptedAnswerer(say(GOOD))
    answer = Agent(answerer, shop_database).ask("Which shops are in Paris?", on_step=seen.append)
    assert (answer.sql, answer.result.rows) == (GOOD, (("Nord",),))
    assert (answer.attempts, answer.repaired, answer.ok) == (1, False, True)
    kinds = [step.kind.value for step in seen]
    assert kinds == ["introspect", "generate", "check", "execute", "answer"]
    assert seen[-1].answer is answer
    assert answer.steps == tuple(seen[:-1])
    assert answerer.asked[0].context.startswith("CREATE TABLE shop (id INTEGER PRIMARY KEY")


def test_feedback_tells_what_was_wrong(shop_database: LiveDatabase) -> None:
    def answer(question: Question, n_best: int) -> Sequence[str]:
        return [GOOD] if "Reason: " in question.question else ["SELECT nme FROM shop"]

    answerer = ScriptedAnswerer(answer)
    options = AgentOptions(repair="feedback")
    found = Agent(answerer, shop_database, options).ask("Which shops are in Paris?")
    assert (found.sql, found.repaired, found.attempts) == (GOOD, True, 2)
    told = answerer.asked[1].question
    assert "SELECT nme FROM shop" in told
    assert "nme does not exist in the schema; the schema has name" in told


def test_feedback_that_is_ignored_falls_back_on_other_beams(shop_database: LiveDatabase) -> None:
    def answer(question: Question, n_best: int) -> Sequence[str]:
        return ["SELECT nme FROM shop", GOOD][:n_best]

    options = AgentOptions(repair="feedback")
    found = Agent(ScriptedAnswerer(answer), shop_database, options).ask("q")
    assert (found.sql, found.repaired) == (GOOD, True)


def test_next_best_asks_once_more_and_no_query_runs_twice(shop_database: LiveDatabase) -> None:
    wrong = ("SELECT a FROM shop", "SELECT b FROM shop")
    answerer = ScriptedAnswerer(say(*wrong, GOOD))
    found = Agent(answerer, shop_database, AgentOptions(repair="next_best")).ask("q")
    tried = [s.sql for s in found.steps if s.kind == StepKind.EXECUTE]
    assert tried == [*wrong, GOOD]
    assert (found.sql, found.attempts) == (GOOD, 2)


def test_attempts_are_bounded_and_the_best_is_kept(shop_database: LiveDatabase) -> None:
    empty = "SELECT name FROM shop WHERE city = 'paris'"
    answerer = ScriptedAnswerer(say("SELECT a FROM shop", empty, "SELECT c FROM shop", GOOD))
    found = Agent(answerer, shop_database, AgentOptions(attempts=3)).ask("q")
    # The empty one at least ran.
    assert (found.sql, found.ok, found.result.rows) == (empty, True, ())
    found = Agent(answerer, shop_database, AgentOptions(attempts=1)).ask("q")
    assert (found.sql, found.ok) == ("SELECT a FROM shop", False)
    assert found.result.status == ExecutionStatus.UNKNOWN_COLUMN


def test_a_model_without_sql(shop_database: LiveDatabase) -> None:
    found = Agent(ScriptedAnswerer(say()), shop_database).ask("q")
    assert (found.sql, found.ok, found.attempts) == ("", False, 1)
    assert found.result.error == "the model wrote no SQL"


@pytest.mark.parametrize(
    "statement", ["DROP TABLE shop", "DELETE FROM shop", "SELECT 1; DROP TABLE shop"]
)
def test_a_prompt_that_asks_to_drop_tables(shop_database: LiveDatabase, statement: str) -> None:
    found = Agent(ScriptedAnswerer(say(statement)), shop_database).ask("Drop all tables!")
    assert found.result.status == ExecutionStatus.NOT_A_QUERY
    assert shop_database.run("SELECT COUNT(*) FROM shop").rows == ((3,),)


def test_candidates_vote_by_their_results(shop_database: LiveDatabase) -> None:
    same = "SELECT name FROM shop WHERE city LIKE 'Paris'"
    statements = ("SELECT name FROM shop", GOOD, same, "SELECT x FROM shop")
    options = AgentOptions(candidates=4)
    found = Agent(ScriptedAnswerer(say(*statements)), shop_database, options).ask("q")
    assert found.sql == GOOD
    (vote,) = [s for s in found.steps if s.kind == StepKind.VOTE]
    assert vote.text == "2 of 4 candidates agree"


def test_election_prefers_results_that_say_something() -> None:
    def result(*rows: tuple[Any, ...]) -> QueryResult:
        return QueryResult(ExecutionStatus.OK, ("a",), rows)

    failed = QueryResult(ExecutionStatus.SYNTAX, error="no")
    assert elect([result(), result(), result((1,))]) == (2, 1)
    assert elect([failed, result((1,), (2,)), result((2,), (1,))]) == (1, 2)
    assert elect([result((1,)), result((2,))]) == (0, 1)
    assert elect([failed, failed]) == (0, 0)


def test_diagnosis(shop_database: LiveDatabase) -> None:
    context = (
        "CREATE TABLE shop (id INTEGER, name VARCHAR, city VARCHAR); "
        "CREATE TABLE sale (id INTEGER, amount REAL)"
    )

    def why(sql: str) -> str:
        return diagnose(sql, context, shop_database.run(sql), shop_database)

    assert why(GOOD) == ""
    assert why("SELECT rowid FROM shop") == ""
    assert why("SELECT name FROM shop WHERE city = 'paris'") == (
        "no row has city = 'paris'; it holds 'Paris'"
    )
    assert why("SELECT COUNT(*) FROM shop WHERE city IN ('par')") == (
        "no row has city = 'par'; it holds 'Paris'"
    )
    # Empty because nothing is so, not because of a value that is not there.
    assert why("SELECT name FROM shop WHERE city = 'Paris' AND id > 5") == ""
    assert (
        why("SELECT name FROM shops") == "shops does not exist in the schema; the schema has shop"
    )
    assert why("SELECT shop.amount FROM shop") == (
        "shop.amount does not exist; amount is a column of sale"
    )
    assert why("SELECT FROM WHERE").startswith("syntax")
    assert diagnose("", context, None) == "no SQL was written"


def test_a_given_context_is_shown_and_checked(shop_database: LiveDatabase) -> None:
    answerer = ScriptedAnswerer(say(GOOD))
    context = "CREATE TABLE shop (name VARCHAR)"
    found = Agent(answerer, shop_database, AgentOptions(attempts=1)).ask("q", context=context)
    assert answerer.asked[0].context == context
    # The engine has the last word: it ran.
    assert found.ok
    assert [s.ok for s in found.steps if s.kind == StepKind.CHECK] == [False]


def test_a_schema_too_large_keeps_the_tables_asked_about(tmp_path: Path) -> None:
    many = "".join(
        f"CREATE TABLE thing_{i} (id INTEGER, colour_{i} VARCHAR, weight_{i} REAL);"
        for i in range(50)
    )
    script = many + (
        "CREATE TABLE city (city_id INTEGER PRIMARY KEY, city_name VARCHAR);"
        "CREATE TABLE inhabitant (name VARCHAR, city_id INTEGER REFERENCES city (city_id));"
    )
    with open_database(make_sqlite(tmp_path / "many.sqlite", script)) as database:
        live = database.schema()
        question = "How many inhabitants does each have?"
        shown = render_context(live, question, fits=lambda text: len(text) < 200)
        # What is asked about, and where its key leads.
        assert {"inhabitant", "city"} <= set(shown.tables)
        assert len(shown.tables) + len(shown.left_out) == 52
        assert len(parse_schema(shown.text).tables) == len(shown.tables)
        with pytest.raises(DataError, match="no table of the schema"):
            render_context(live, question, fits=lambda _: False)
        answerer = ScriptedAnswerer(say("SELECT COUNT(*) FROM inhabitant"), room=60)
        found = Agent(answerer, database).ask(question)
        assert found.ok
        assert "left out" in found.steps[0].text
        assert answerer.count_tokens(answerer.asked[0]) <= 60


class Spans:
    """Keeps what a tracer is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, Any]] = []
        self.ended: list[tuple[str, str]] = []

    def begin(
        self, name: str, kind: str, inputs: Mapping[str, Any], parent: Any = None
    ) -> "Spans.One":
        self.begun.append((name, kind, parent.name if parent else None))
        return Spans.One(self, name)

    class One:
        def __init__(self, spans: "Spans", name: str) -> None:
            self.spans, self.name = spans, name

        def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
            self.spans.ended.append((self.name, failed))


def test_every_step_is_a_span_and_every_span_ends(shop_database: LiveDatabase) -> None:
    spans = Spans()
    answerer = ScriptedAnswerer(say("SELECT x FROM shop", GOOD))
    Agent(answerer, shop_database, tracer=spans).ask("q")
    assert spans.begun[0] == ("ask", "AGENT", None)
    assert {parent for _, _, parent in spans.begun[1:]} == {"ask"}
    assert sorted(n for n, *_ in spans.begun) == sorted(n for n, _ in spans.ended)
    assert ("execute", "no such column: x") in spans.ended
    # Who leaves in the middle leaves no span open.
    spans = Spans()
    steps = Agent(answerer, shop_database, tracer=spans).steps("q")
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert spans.ended[-1] == ("ask", "nobody waited for the answer")
