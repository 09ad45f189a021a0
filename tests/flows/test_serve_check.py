"""The flow's two looks at what is served: one prevents, the other takes back."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_training import make_samples

from sql_ft.config import RunConfig
from sql_ft.generation.prediction_cache import write_predictions
from sql_ft.records import Check, Decision, Prediction, write_jsonl
from sql_ft.tracking import fresh_process, served_check
from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import get_alias, get_version

PROMOTED = Decision(True, "promoted: better", (), "base", candidate_version="1")


@pytest.fixture
def situation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A registry with one version, judged answers on disk, and no process to start."""
    from tasks import serve_check

    config = RunConfig(state_dir=str(tmp_path))
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    client = store.client()
    with start_run(store, "served", name="train") as run:
        client.create_registered_model(name)
        client.create_model_version(
            name, "file:///none", run.run_id, {"adapter_hash": "h"}, await_creation_for=0
        )
        run_id = run.run_id
    samples = make_samples(4)
    write_jsonl(tmp_path / "eval.jsonl", samples)
    predictions = [
        Prediction(s.id, "candidate", s.gold_sql, s.gold_sql, True, 9, 3, "stop") for s in samples
    ]
    write_predictions(tmp_path / "answers.jsonl", predictions, {})
    monkeypatch.setattr(fresh_process, "kept_process", lambda store, adapter_hash: None)
    monkeypatch.setattr(serve_check, "get_run_logger", lambda: logging.getLogger("test"))
    return {
        "config": config,
        "store": store,
        "run_id": run_id,
        "dataset": {"eval_path": str(tmp_path / "eval.jsonl")},
        "answers": {"candidate": {"path": str(tmp_path / "answers.jsonl")}},
    }


def served_answers(monkeypatch: pytest.MonkeyPatch, passed: bool) -> list[str]:
    """Decide what the check finds; return the list of what it was asked about."""
    asked: list[str] = []

    def check(process: Any, uri: str, version: Any, *rest: Any, **options: Any) -> Check:
        asked.append(uri)
        assert version.adapter_hash == "h"
        return Check("served_answers", 0 if passed else 3, 0, passed, "3 of 4 answers differ")

    monkeypatch.setattr(served_check, "check_served", check)
    return asked


def before(situation: dict[str, Any]) -> Decision:
    from tasks.serve_check import check_served

    values = check_served.fn(
        situation["config"],
        situation["dataset"],
        situation["answers"],
        PROMOTED.to_dict(),
        {"version": "1"},
    )
    return Decision.from_dict(values)


def test_before_the_move_a_difference_is_a_refusal(
    situation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = served_answers(monkeypatch, passed=False)
    decision = before(situation)
    assert not decision.promote
    assert decision.reason == "not promoted: 3 of 4 answers differ"
    assert decision.checks[-1].name == "served_answers"
    assert asked == ["models:/sql-ft-tiny/1"]

    served_answers(monkeypatch, passed=True)
    decision = before(situation)
    assert decision.promote
    assert [check.passed for check in decision.checks] == [True]


@pytest.mark.parametrize("passed", [True, False])
def test_after_the_move_a_difference_takes_the_alias_back(
    situation: dict[str, Any], monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    from tasks.serve_check import check_champion

    store: Store = situation["store"]
    config: RunConfig = situation["config"]
    name, run_id = config.tracking.registered_model_name, situation["run_id"]
    set_champion(store, name, "1", PROMOTED, expected_champion=None, run_id=run_id)
    asked = served_answers(monkeypatch, passed)
    values = check_champion.fn(
        config,
        run_id,
        situation["dataset"],
        situation["answers"],
        PROMOTED.to_dict(),
        {"version": "1"},
    )
    assert asked == [f"models:/{name}@champion"]
    assert values["promote"] is passed
    champion = get_alias(store, name, "champion")
    assert (champion is not None) is passed
    assert ("withdrawn" in get_version(store, name, "1").tags) is not passed


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Processes that load versions, in the order of their starts; stand-ins without one."""
    found: list[Any] = []

    class Process:
        def __init__(self, store: Store) -> None:
            self.alive = True
            found.append(self)

        def close(self) -> None:
            self.alive = False

    monkeypatch.setattr(fresh_process, "FreshProcess", Process)
    return found


def test_the_kept_process_is_one_a_version(started: list[Any], tmp_path: Path) -> None:
    """Asking about another version ends the first process; a dead one is replaced."""
    keep: Callable[..., Any] = fresh_process.kept_process
    store = Store("sqlite:///x.db", tmp_path)
    first = keep(store, "a")
    assert keep(store, "a") is first
    second = keep(store, "b")
    assert (first.alive, second.alive) == (False, True)
    second.alive = False
    assert keep(store, "b") is not second
    fresh_process.end_kept_process()
    assert [process.alive for process in started] == [False, False, False]


def test_a_process_started_ahead_is_the_one_that_is_kept(
    started: list[Any], tmp_path: Path
) -> None:
    keep: Callable[..., Any] = fresh_process.kept_process
    store, other = Store("sqlite:///x.db", tmp_path), Store("sqlite:///y.db", tmp_path)
    fresh_process.start_ahead(store)
    fresh_process.start_ahead(store)
    (ahead,) = started
    assert keep(store, "a") is ahead
    assert keep(store, "a") is ahead
    fresh_process.end_kept_process()

    # Of another store, or dead before it was asked: of no use.
    fresh_process.start_ahead(other)
    assert keep(store, "a") is not started[1]
    fresh_process.end_kept_process()
    fresh_process.start_ahead(store)
    started[-1].alive = False
    assert keep(store, "a") is not started[-2]
    fresh_process.end_kept_process()
    assert not any(process.alive for process in started)
