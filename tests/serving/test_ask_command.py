"""`sql-ft ask` and `sql-ft sample-db`, without a model."""

import json
from pathlib import Path

import pytest
from live_files import ScriptedAnswerer, make_sqlite
from typer.testing import CliRunner

from flows import ask_command
from flows.cli import app
from sql_ft.assets.sample_databases.questions import QUESTIONS
from sql_ft.assets.sample_databases.write import DATABASES
from sql_ft.errors import ConfigError, DataError
from sql_ft.serving.live_database import open_database


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    def answer(question, n_best):
        if "fail" in question.question:
            return ["SELECT nme FROM shop"]
        return ["SELECT name, '\x1b[31mred' AS colour FROM shop WHERE id = 1"]

    monkeypatch.setattr(ask_command, "load_predictor", lambda *_, **__: ScriptedAnswerer(answer))
    monkeypatch.setattr("flows.logging_setup.configure_process", lambda *_: None)
    return CliRunner()


def test_prints_sql_and_result_without_terminal_codes(runner: CliRunner, tmp_path: Path) -> None:
    path = make_sqlite(tmp_path / "shop.sqlite")
    done = runner.invoke(app, ["ask", "first?", "--db", str(path), "--steps"])
    assert done.exit_code == 0, done.output
    assert "Nord" in done.output
    assert "scripted · 1 attempt" in done.output
    assert "\x1b[31m" not in done.output
    done = runner.invoke(app, ["ask", "fail?", "--db", str(path)])
    assert done.exit_code == 1
    assert "unknown_column: no such column: nme" in done.output


def test_questions_from_standard_input(runner: CliRunner, tmp_path: Path) -> None:
    path = make_sqlite(tmp_path / "shop.sqlite")
    done = runner.invoke(app, ["ask", "--db", str(path), "--json"], input="one\n\nfail\ntwo\n")
    answers = [json.loads(line) for line in done.output.splitlines()]
    assert [a["status"] for a in answers] == ["ok", "unknown_column", "ok"]
    assert done.exit_code == 1


def test_wrong_use_is_said_at_once(runner: CliRunner, tmp_path: Path) -> None:
    missing = runner.invoke(app, ["ask", "q", "--db", str(tmp_path / "no.db")])
    assert isinstance(missing.exception, DataError)
    both = runner.invoke(app, ["ask", "q", "--db", "x", "--base", "--version", "1"])
    assert isinstance(both.exception, ConfigError)


def test_every_example_gold_runs(examples: Path) -> None:
    """Through the same access that a model's queries take."""
    for name, questions in QUESTIONS.items():
        assert len(questions) == 10
        with open_database(examples / DATABASES[name]) as database:
            for _, gold in questions:
                result = database.run(gold)
                assert result.ok, (gold, result)
                assert not result.says_nothing, gold
