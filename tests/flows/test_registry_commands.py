"""`sql-ft versions · show · diff · promote · rollback · history`, as a user runs them."""

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from registered_versions import (
    make_decision,
    make_versions,
    score_and_promote,
)
from typer.testing import CliRunner

from flows.cli import app, report_error
from sql_ft.errors import SqlFtError
from sql_ft.tracking.promotion import record_decision
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import aliases_of

Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    state = tmp_path_factory.mktemp("commands") / "state"
    return prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)


def fill(store: Store, name: str) -> str:
    """Versions 1 and 2 promoted one after the other, both scored; 3 refused, never scored."""
    with start_run(store, "sql-ft", name="train") as run:
        run.log_text("<html></html>", "report/page.html")
        first, second, third = make_versions(store, run.run_id, name)
        for version, before, outcomes in ((first, None, "ccww"), (second, first, "cwcc")):
            score_and_promote(
                store,
                name,
                version,
                run.run_id,
                outcomes=outcomes,
                reason=f"promoted: version {version} is good",
                before=before,
            )
        refusal = make_decision(False, f"kept v{second}: no better", against=second)
        record_decision(store, name, third, refusal, run_id=run.run_id)
    return name


@pytest.fixture(scope="module")
def read_only(store: Store) -> str:
    """A model that no test changes."""
    return fill(store, "sql-ft-tiny")


@pytest.fixture
def own(store: Store, request: pytest.FixtureRequest) -> str:
    """A model of this test's own."""
    return fill(store, request.node.name[:80])


def run(store: Store, *arguments: str, name: str, answer: str = "") -> tuple[int, str]:
    """Exit code and everything printed, as `flows.cli.main` would have it."""
    from rich.console import Console

    settings = (f"state_dir={store.state_dir}", f"tracking.registered_model_name={name}")
    options = [part for setting in settings for part in ("--set", setting)]
    result = CliRunner(env={"COLUMNS": "160", "MLFLOW_TRACKING_URI": ""}).invoke(
        app, [*arguments[:1], *options, *arguments[1:]], input=answer
    )
    if isinstance(result.exception, SqlFtError):
        console = Console(width=500)
        with console.capture() as printed:
            report_error(result.exception, console)
        return result.exception.exit_code, result.output + printed.get()
    assert result.exception is None or isinstance(result.exception, SystemExit), result
    return result.exit_code, result.output


@pytest.fixture
def sql_ft(store: Store, read_only: str) -> Callable[..., tuple[int, str]]:
    return functools.partial(run, store, name=read_only)


@pytest.fixture
def sql_ft_own(store: Store, own: str) -> Callable[..., tuple[int, str]]:
    return functools.partial(run, store, name=own)


def test_versions_has_date_gain_and_reason(sql_ft) -> None:
    code, output = sql_ft("versions")
    assert code == 0, output
    for text in ("champion", "previous", "+0.120", "v1", "version 2 is good", "no better", "20"):
        assert text in output
    rows = json.loads(sql_ft("versions", "--json")[1])
    assert [row["version"] for row in rows] == ["3", "2", "1"]
    assert (rows[1]["gain"], rows[1]["decision"], rows[2]["against"]) == (0.12, "promote", "base")


def test_show_answers_what_a_reviewer_asks(sql_ft, store: Store) -> None:
    code, output = sql_ft("show", "champion")
    assert code == 0, output
    for text in (
        "sql-ft-tiny version 2",
        "live since",
        "promoted: version 2 is good",
        "version 1",
        "paired",
        "page.html",
        "0.750 on 4 questions",
        "sql-ft diff 1 2",
        'sql-ft rollback --reason "…"',
    ):
        assert text in output
    code, output = sql_ft("show", "v3")
    assert "refused: kept v2: no better" in output
    assert "live now" in output
    story = json.loads(sql_ft("show", "1", "--json")[1])
    assert story["state"].startswith("was live until")
    assert story["aliases"] == ["previous"]
    assert Path(story["report"]).is_file()
    assert [check["name"] for check in story["decision"]["checks"]] == ["gain", "arm|odd"]


def test_diff_both_ways(sql_ft) -> None:
    code, output = sql_ft("diff", "previous", "champion")
    assert code == 0, output
    for text in ("2 gained, 1 lost, net +1", "Question 1?", "SELECT 1 /* w */", "rows_differ"):
        assert text in output
    found = json.loads(sql_ft("diff", "1", "2", "--json")[1])
    assert (found["from"], found["to"], found["n"]) == ("1", "2", 4)
    assert [flip["question"] for flip in found["lost"]] == ["Question 1?"]
    code, output = sql_ft("diff", "2", "3")
    assert code == 6
    assert "never scored on the same set" in output
    assert "sql-ft score 2 3" in output


def test_promote_asks_and_records(sql_ft_own, store: Store, own: str) -> None:
    code, output = sql_ft_own("promote", "3", "--reason", "the set is stale", answer="n\n")
    assert code == 1
    assert "The gate said: kept v2: no better" in output
    assert aliases_of(store, own)["champion"] == "2"
    code, output = sql_ft_own("promote", "3", "--reason", "the set is stale", answer="y\n")
    assert code == 0, output
    assert f"version 3 of {own} is the champion (was version 2)" in output
    assert aliases_of(store, own) == {"champion": "3", "previous": "2"}
    code, output = sql_ft_own("promote", "3", "--reason", "again", "--yes")
    assert (code, "already" in output) == (0, True)
    assert "the set is stale" in sql_ft_own("show", "3")[1]


def test_rollback_and_again(sql_ft_own, store: Store, own: str) -> None:
    code, output = sql_ft_own("rollback", answer="n\n")
    assert code == 1
    assert "from version 2 to 1?" in output
    code, output = sql_ft_own("rollback", "--reason", "slow", "--yes")
    assert code == 0, output
    assert aliases_of(store, own) == {"champion": "1", "previous": "2"}
    assert "withdrawn: slow" in sql_ft_own("versions")[1]
    code, output = sql_ft_own("rollback", "--yes")
    assert code == 6
    assert "already" in output
    assert aliases_of(store, own)["champion"] == "1"


def test_history(sql_ft, store: Store) -> None:
    code, output = sql_ft("history")
    assert code == 0, output
    for text in ("champion", "kept", "0.12", "history.duckdb", "--tables"):
        assert text in output
    rows = json.loads(
        sql_ft("history", "--json", "--sql", "SELECT version FROM versions ORDER BY 1")[1]
    )
    assert rows == [{"version": 1}, {"version": 2}, {"version": 3}]
    (store.state_dir / "history.duckdb").unlink()
    assert "rebuilt (no cache yet)" in sql_ft("history")[1]
    assert "rebuilt (--rebuild)" in sql_ft("history", "--rebuild")[1]
    code, output = sql_ft("history", "--sql", "SELECT x FROM versions")
    assert code == 2
    assert "--tables" in output
    for text in ("decisions", "champion_version", "one row a check"):
        assert text in sql_ft("history", "--tables")[1]
    assert "checks" in json.loads(sql_ft("history", "--tables", "--json")[1])


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["show", "9"], ["no version '9'", "versions 1, 2, 3", "champion"], 6),
        (["show", "nobody"], ["no alias 'nobody'", "champion, previous"], 6),
        (["show", "1.5"], ["no alias '1.5'"], 6),
        (["diff", "1", "9"], ["no version '9'"], 6),
        (["diff", "1", "previous"], ["against itself"], 6),
        (["score", "9"], ["no version '9'"], 6),
        (["promote", "9", "--reason", "r", "--yes"], ["no version '9'"], 6),
        (["promote", "3", "--yes"], ["no reason given", "--reason"], 2),
        (["promote", "3", "--reason", " ", "--yes"], ["no reason given"], 2),
        (["rollback", "--reason", "x" * 2000, "--yes"], ["2000 characters"], 2),
        (["history", "--sql", " "], ["no SQL"], 2),
        (["show"], ["Missing argument"], 2),
    ],
)
def test_bad_input(
    sql_ft, store: Store, read_only: str, arguments: list[str], words: list[str], code: int
) -> None:
    got, output = sql_ft(*arguments)
    assert got == code, output
    for word in words:
        assert word in output
    assert aliases_of(store, read_only) == {"champion": "2", "previous": "1"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "1"],
        ["diff", "1", "2"],
        ["score", "1"],
        ["promote", "1", "--reason", "r", "--yes"],
        ["rollback", "--yes"],
        ["history"],
    ],
)
def test_no_registry(sql_ft, tmp_path: Path, arguments: list[str]) -> None:
    elsewhere = tmp_path / "mistyped"
    code, output = sql_ft(*arguments, "--set", f"state_dir={elsewhere}")
    assert code == 6, output
    assert "there is no registry at" in output
    assert "mistyped" in output
    assert not elsewhere.exists()


def test_no_versions_of_that_name(sql_ft) -> None:
    other = ["--set", "tracking.registered_model_name=other"]
    code, output = sql_ft("show", "champion", *other)
    assert code == 6
    assert "no version of 'other' is registered" in output
    code, output = sql_ft("rollback", "--yes", *other)
    assert code == 6
    assert "no champion" in output
    assert "no versions of other" in sql_ft("versions", *other)[1]
    assert json.loads(sql_ft("versions", "--json", *other)[1]) == []


def test_a_lock_that_cannot_be_had_stops_a_promotion(
    sql_ft, store: Store, read_only: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    # Other tests of this process may have a server.
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        code, output = sql_ft(
            "promote", "3", "--reason", "r", "--yes", "--set", "promotion.lock=prefect"
        )
    assert code == 2
    assert "no Prefect server is configured" in output
    assert aliases_of(store, read_only)["champion"] == "2"


def test_the_real_command_prints_one_line_of_error(command: Command, store: Store) -> None:
    process = command("show", "9", "--set", f"state_dir={store.state_dir}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 6
    assert "no version '9'" in output
    assert "Traceback" not in output


def test_show_of_a_version_whose_run_is_gone(sql_ft_own, store: Store) -> None:
    run_id = json.loads(sql_ft_own("show", "2", "--json")[1])["run_id"]
    store.client().delete_run(run_id)
    code, output = sql_ft_own("show", "2")
    assert code == 0, output
    assert "live since" in output
