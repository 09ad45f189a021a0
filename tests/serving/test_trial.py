"""What the agent would have answered with fewer attempts, read off one run."""

from __future__ import annotations

import sqlite3

import pytest

from sql_ft.records import Sample
from sql_ft.serving.agent import Agent
from sql_ft.serving.answers import Answer
from sql_ft.serving.live_database import open_database
from sql_ft.serving.steps import AgentOptions
from sql_ft.serving.trial import Trial, run_trials

CONTEXT = "CREATE TABLE shop (id INTEGER, city TEXT)"


class Script:
    """Answers in the order written, whatever is asked; remembers what it was shown."""

    label, prompt_room = "script", 10_000

    def __init__(self, *sqls: str) -> None:
        self.sqls = list(sqls)
        self.shown: list[str] = []

    def predict(self, questions, *, n_best=1):
        self.shown.append(questions[0].question)
        sql = self.sqls.pop(0) if len(self.sqls) > 1 else self.sqls[0]
        return [Answer(sql, sql, True, "stop", 1, 1, (sql,) if sql else ())]

    def count_tokens(self, question):
        return 1


@pytest.fixture
def shops(tmp_path):
    path = tmp_path / "shops.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(CONTEXT)
    connection.executemany("INSERT INTO shop VALUES (?, ?)", [(1, "Bonn"), (2, "Rome")])
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize(
    "sqls",
    [
        ("SELECT city FROM shop",),
        ("SELECT town FROM shop", "SELECT city FROM shop"),
        ("SELECT town FROM shop", "SELECT x FROM y", "SELECT city FROM shop"),
        ("SELECT city FROM shop WHERE city = 'Oslo'", "SELECT town FROM shop", "SELECT z FROM y"),
        ("SELECT town FROM shop", "SELECT city FROM shop WHERE id = 9", "SELECT x FROM shop"),
        ("SELECT town FROM shop", "SELECT town FROM shop"),
        ("", "SELECT city FROM shop"),
    ],
)
def test_equals_an_agent_that_may_try_only_so_often(shops, sqls):
    limit = 3
    with open_database(shops) as database:
        whole = Agent(Script(*sqls), database, AgentOptions(attempts=limit)).ask(
            "Cities?", context=CONTEXT
        )
        trial = Trial.of("s", whole, limit)
        for most in range(1, limit + 1):
            own = Agent(Script(*sqls), database, AgentOptions(attempts=most)).ask(
                "Cities?", context=CONTEXT
            )
            assert trial.sqls[most - 1] == own.sql, most
    assert list(trial.durations_s) == sorted(trial.durations_s)
    assert trial.durations_s[-1] == whole.duration_s


def test_questions_are_asked_of_their_own_database_and_the_gold_of_nobody(shops, tmp_path):
    opened = []

    def open_named(name):
        opened.append(name)
        return open_database(shops)

    samples = [
        Sample(str(n), f"Question {n}?", CONTEXT, "SELECT 'the secret gold'", group, tags)
        for n, (group, tags) in enumerate(
            [("a", {}), ("b", {"evidence": "Rome is far"}), ("a", {})]
        )
    ]
    script = Script("SELECT city FROM shop")
    steps = []
    trials = run_trials(
        script, samples, open_named, AgentOptions(attempts=1), lambda *step: steps.append(step)
    )
    assert [trial.sample_id for trial in trials] == ["0", "1", "2"]
    assert opened == ["a", "b"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert "Question 1?\nEvidence: Rome is far" in script.shown
    assert not any("secret" in text for text in script.shown)
    assert trials[0].to_dict()["attempts"] == 1


def test_an_interrupted_run_continues_after_the_last_whole_answer(shops, tmp_path):
    samples = [Sample(str(n), f"{n}?", CONTEXT, "SELECT 1", "a") for n in range(4)]
    file = tmp_path / "trials.jsonl"

    class Stopped(Script):
        def predict(self, questions, *, n_best=1):
            if len(self.shown) == 2:
                raise KeyboardInterrupt
            return super().predict(questions, n_best=n_best)

    options = AgentOptions(attempts=1)
    with pytest.raises(KeyboardInterrupt):
        run_trials(
            Stopped("SELECT id FROM shop"), samples, lambda _: open_database(shops), options,
            file=file,
        )  # fmt: skip
    with file.open("a") as lines:
        lines.write('{"sample_id": "2", "sq')  # torn by a kill
    script = Script("SELECT city FROM shop")
    steps = []
    trials = run_trials(
        script, samples, lambda _: open_database(shops), options,
        lambda *step: steps.append(step), file=file,
    )  # fmt: skip
    assert script.shown == ["2?", "3?"]
    assert [t.sqls[0] for t in trials] == ["SELECT id FROM shop"] * 2 + [
        "SELECT city FROM shop"
    ] * 2
    assert steps == [(3, 4), (4, 4)]
    again = run_trials(script, samples, lambda _: open_database(shops), options, file=file)
    assert again == trials
