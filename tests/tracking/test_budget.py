"""The spent error budget in the registry: idempotent, gapless, closed when unreadable."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from sql_ft.config import PromotionConfig
from sql_ft.errors import BudgetChangedError, ChampionChangedError, TrackingError
from sql_ft.evaluation.error_budget import next_look
from sql_ft.records import Decision
from sql_ft.tracking.budget import read_looks, spend_look
from sql_ft.tracking.promotion import decisions_of, record_decision, set_champion
from sql_ft.tracking.registry import get_alias, get_version
from sql_ft.tracking.store import Store

POLICY = PromotionConfig()


@pytest.fixture
def versions(store: Store, run_id: str, request) -> tuple[str, list[str]]:
    """A registered model of this test's own, with two versions without files."""
    name = request.node.name[:80]
    client = store.client()
    client.create_registered_model(name)
    source = client.get_run(run_id).info.artifact_uri
    return name, [
        str(
            client.create_model_version(
                name, source, run_id, {"adapter_hash": letter * 64}, await_creation_for=0
            ).version
        )
        for letter in "ab"
    ]


def decide(store, name, key, *, promote=False, spends=True, asked="set-1", against=""):
    """A decision on the look that the registry gives to this comparison."""
    look = next_look(read_looks(store, name), key=key, evaluation_set_hash=asked, policy=POLICY)
    return Decision(
        promote=promote,
        reason="better" if promote else "no better",
        checks=(),
        reference_arm="champion" if against else "base",
        champion_version=against,
        evaluation_set_hash=asked,
        look=dataclasses.replace(look, promoted=False),
        spends_look=spends,
    )


def test_a_model_without_looks_is_at_its_first(store, versions):
    assert read_looks(store, "no-such-model") == []
    assert read_looks(store, versions[0]) == []
    assert decide(store, versions[0], "k").look.alpha == 0.025


def test_looks_are_spent_once_and_a_promotion_earns(store, versions, run_id):
    name, (first, second) = versions
    refused = decide(store, name, "one")
    record_decision(store, name, first, refused, run_id=run_id)
    record_decision(store, name, first, refused, run_id=run_id)
    (look,) = read_looks(store, name)
    assert look == refused.look
    # The same comparison by another run: another record, no other look.
    again = decide(store, name, "one")
    assert again.look == look
    with store.lock("test"):
        assert not spend_look(store, name, again)

    promoted = decide(store, name, "two", promote=True)
    assert (promoted.look.number, promoted.look.sequence) == (2, 2)
    set_champion(store, name, second, promoted, expected_champion=None, run_id=run_id)
    assert [look.promoted for look in read_looks(store, name)] == [False, True]
    assert decide(store, name, "three").look.number == 1
    (entry,) = decisions_of(get_version(store, name, second))
    assert (entry["look"]["alpha"], entry["spends_look"]) == (promoted.look.alpha, True)


def test_what_needed_no_look_spends_nothing(store, versions, run_id):
    name, (first, _) = versions
    record_decision(store, name, first, decide(store, name, "k", spends=False), run_id=run_id)
    old = dataclasses.replace(decide(store, name, "k"), look=None)
    record_decision(store, name, first, old, run_id=run_id)
    assert read_looks(store, name) == []


def test_two_decisions_cannot_stand_on_the_same_look(store, versions, run_id):
    name, (first, second) = versions
    winner, loser = decide(store, name, "w"), decide(store, name, "l", promote=True)
    assert winner.look.sequence == loser.look.sequence == 1
    record_decision(store, name, first, winner, run_id=run_id)
    with pytest.raises(BudgetChangedError, match=r"look 1 .* was taken by another comparison"):
        set_champion(store, name, second, loser, expected_champion=None, run_id=run_id)
    # The loser wrote nothing and moved nothing; it decides again, with less.
    assert issubclass(BudgetChangedError, ChampionChangedError)
    assert get_alias(store, name, "champion") is None
    assert decisions_of(get_version(store, name, second)) == []
    assert decide(store, name, "l").look.alpha < 0.001


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("error_budget.look.0002", "{"),
        ("error_budget.look.0002", '{"key": "x"}'),
        ("error_budget.look.two", "{}"),
        ("error_budget.look.0003", None),
    ],
    ids=["no JSON", "no look", "no number", "a gap"],
)
def test_an_unreadable_budget_promotes_nothing(store, versions, run_id, tag, value):
    name, (first, second) = versions
    known = decide(store, name, "one")
    record_decision(store, name, first, known, run_id=run_id)
    made = decide(store, name, "two", promote=True)
    if value is None:  # a look is missing
        value = json.dumps({**made.look.to_dict(), "sequence": 3})
    store.client().set_registered_model_tag(name, tag, value)
    for attempt in (
        lambda: decide(store, name, "two"),
        lambda: set_champion(store, name, second, made, expected_champion=None, run_id=run_id),
    ):
        with pytest.raises(TrackingError, match=r"error.budget"):
            attempt()
    assert get_alias(store, name, "champion") is None
    assert decisions_of(get_version(store, name, second)) == []


def test_a_crash_between_look_and_alias_is_completed_without_paying_twice(
    store, versions, run_id, monkeypatch
):
    name, (first, _) = versions
    made = decide(store, name, "one", promote=True)
    client_class = type(store.client())

    class CrashError(BaseException):
        pass

    with monkeypatch.context() as patch:

        def die(*args, **kwargs):
            raise CrashError

        patch.setattr(client_class, "update_model_version", die)
        with pytest.raises(CrashError):
            set_champion(store, name, first, made, expected_champion=None, run_id=run_id)
    assert get_alias(store, name, "champion") is None
    assert len(read_looks(store, name)) == 1
    again = decide(store, name, "one", promote=True)
    assert again == made
    assert set_champion(store, name, first, again, expected_champion=None, run_id=run_id)
    assert len(read_looks(store, name)) == 1
    assert len(decisions_of(get_version(store, name, first))) == 1


RACER = """
import dataclasses, sys
from pathlib import Path
from sql_ft.config import PromotionConfig
from sql_ft.errors import BudgetChangedError
from sql_ft.evaluation.error_budget import next_look
from sql_ft.records import Decision
from sql_ft.tracking.budget import read_looks
from sql_ft.tracking.promotion import record_decision
from sql_ft.tracking.store import prepare_store
uri, state, name, version, run_id = sys.argv[1:]
store = prepare_store(uri, Path(state))
def decide():
    look = next_look(read_looks(store, name), key=version, evaluation_set_hash="s",
                     policy=PromotionConfig())
    return Decision(False, "no", (), "base", candidate_version=version, look=look,
                    spends_look=True)
made = decide()
print("ready", flush=True); sys.stdin.readline()
for attempt in range(3):
    try:
        record_decision(store, name, version, made, run_id=run_id)
        print(made.look.sequence, attempt, flush=True)
        break
    except BudgetChangedError:
        made = decide()
"""


def test_of_two_processes_on_one_look_the_loser_takes_the_next(store, versions, run_id):
    name, made = versions
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, store.tracking_uri, str(store.state_dir), name, version,
             run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for version in made
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert outcomes == ["1 0", "2 1"]
    assert [look.number for look in read_looks(store, name)] == [1, 2]
