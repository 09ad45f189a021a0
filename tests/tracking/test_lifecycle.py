"""Promotion by hand and rollback, and what a crash in the middle of either leaves."""

import pytest
from registered_versions import make_decision, make_versions

from sql_ft.errors import ConfigError, TrackingError, WithdrawnVersionError
from sql_ft.tracking import promotion
from sql_ft.tracking.champion_move import WITHDRAWN_TAG, last_move, settle
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.lifecycle import MAX_REASON_CHARS, promote_by_hand, roll_back
from sql_ft.tracking.promotion import record_decision, set_champion
from sql_ft.tracking.store import Store
from sql_ft.tracking.version_story import explain_version
from sql_ft.tracking.versions import aliases_of, get_version, read_model

EXPERIMENT = "registry"


@pytest.fixture
def live(store: Store, run_id: str, request) -> tuple[str, str, str, str]:
    """Versions 1 and 2 were promoted by the gate, 2 is live; 3 was refused."""
    name = request.node.name.translate(str.maketrans("[]", "--"))[:80]
    first, second, third = make_versions(store, run_id, name)
    set_champion(store, name, first, make_decision(True), expected_champion=None, run_id=run_id)
    set_champion(
        store,
        name,
        second,
        make_decision(True, "better", against=first),
        expected_champion=first,
        run_id=run_id,
    )
    record_decision(store, name, third, make_decision(False, against=second), run_id=run_id)
    return name, first, second, third


def test_by_hand_on_the_record(store: Store, live):
    name, _, second, third = live
    move = promote_by_hand(
        store, name, f"v{third}", reason="  the gate's set\n is stale ", experiment=EXPERIMENT
    )
    assert (move.version, move.replaced, move.moved) == (third, second, True)
    aliases = aliases_of(store, name)
    assert (aliases["champion"], aliases["previous"]) == (third, second)
    entry = decisions_of(get_version(store, name, third))[-1]
    assert entry["reason"] == "the gate's set is stale"
    assert (entry["action"], entry["champion_version"]) == ("manual", second)
    assert entry["by"]
    run = store.client().get_run(move.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["sql_ft.action"] == "manual"
    # The gate's refusal is still there, and the page says who overruled it.
    description = get_version(store, name, third).description
    assert "refuse: no better" in description
    assert "· manual by " in description

    again = promote_by_hand(store, name, "champion", reason="again", experiment=EXPERIMENT)
    assert not again.moved
    assert len(decisions_of(get_version(store, name, third))) == 2


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (MAX_REASON_CHARS + 1)])
def test_a_reason_is_needed(store: Store, live, reason: str):
    name, _, second, third = live
    with pytest.raises(ConfigError, match="reason"):
        promote_by_hand(store, name, third, reason=reason, experiment=EXPERIMENT)
    with pytest.raises(ConfigError, match="reason"):
        roll_back(store, name, reason=reason, experiment=EXPERIMENT)
    assert aliases_of(store, name)["champion"] == second


def test_rollback_withdraws_and_a_second_one_is_refused(store: Store, live, run_id: str):
    name, first, second, third = live
    move = roll_back(store, name, reason="answers in French", experiment=EXPERIMENT)
    assert (move.version, move.replaced) == (first, second)
    aliases = aliases_of(store, name)
    assert (aliases["champion"], aliases["previous"]) == (first, second)
    withdrawn = get_version(store, name, second)
    assert withdrawn.tags[WITHDRAWN_TAG] == "answers in French"
    assert decisions_of(withdrawn)[-1]["action"] == "withdrawal"
    assert "**Withdrawn by a rollback:** answers in French" in withdrawn.description
    assert explain_version(store, name, second).state.startswith("withdrawn by a rollback")
    assert explain_version(store, name, first).state.startswith("live since")

    # Repeated by mistake, or after a crash: nothing comes back.
    with pytest.raises(TrackingError, match="live by a rollback already") as caught:
        roll_back(store, name, reason="again", experiment=EXPERIMENT)
    assert f"sql-ft promote {second}" in str(caught.value)
    assert aliases_of(store, name)["champion"] == first

    # Nor does the gate bring it back, in the identical run of next week.
    with pytest.raises(WithdrawnVersionError, match="answers in French"):
        set_champion(
            store,
            name,
            second,
            make_decision(True, "better", against=first),
            expected_champion=first,
            run_id=run_id,
        )
    assert aliases_of(store, name)["champion"] == first

    # A person does, and then a rollback is possible again.
    promote_by_hand(store, name, second, reason="French was asked for", experiment=EXPERIMENT)
    back = get_version(store, name, second)
    assert WITHDRAWN_TAG not in back.tags
    assert "Withdrawn" not in back.description
    promote_by_hand(store, name, third, reason="newest", experiment=EXPERIMENT)
    assert roll_back(store, name, reason="no", experiment=EXPERIMENT).version == second


def test_rollback_without_anything_to_go_back_to(store: Store, run_id: str):
    name = "rollback-nothing"
    (only,) = make_versions(store, run_id, name, 1)
    with pytest.raises(TrackingError, match="no champion"):
        roll_back(store, name, reason="r", experiment=EXPERIMENT)
    with pytest.raises(TrackingError, match="no champion"):
        roll_back(store, "never-made", reason="r", experiment=EXPERIMENT)
    set_champion(store, name, only, make_decision(True), expected_champion=None, run_id=run_id)
    with pytest.raises(TrackingError, match="no alias 'previous'"):
        roll_back(store, name, reason="r", experiment=EXPERIMENT)
    assert aliases_of(store, name)["champion"] == only


def test_a_previous_version_that_was_deleted_is_no_way_back(store: Store, live):
    name, first, second, _ = live
    store.client().delete_model_version(name, first)
    with pytest.raises(TrackingError, match="no alias 'previous'"):
        roll_back(store, name, reason="r", experiment=EXPERIMENT)
    assert aliases_of(store, name)["champion"] == second


class DiedError(BaseException):
    pass


WRITES = (
    "log_text",
    "set_model_version_tag",
    "delete_model_version_tag",
    "update_model_version",
    "set_registered_model_alias",
    "set_registered_model_tag",
    "update_registered_model",
    "create_run",
    "set_terminated",
)


def die_before(patch: pytest.MonkeyPatch, client_class: type, number: int) -> None:
    left = number

    def dying(method):
        def call(self, *args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise DiedError
            return method(self, *args, **kwargs)

        return call

    for name in WRITES:
        patch.setattr(client_class, name, dying(getattr(client_class, name)))


@pytest.mark.slow
def test_a_rollback_that_dies_anywhere_is_completed_or_undone(
    store: Store, run_id: str, monkeypatch
):
    """Whatever the write it dies before: run again, and the older version is live, once."""
    # Every other write: all of them take a minute.
    for write in range(1, 60, 2):
        name = f"dying-rollback-{write}"
        first, second = make_versions(store, run_id, name, 2)
        for alias, version in (("champion", second), ("previous", first)):
            store.client().set_registered_model_alias(name, alias, version)
        with monkeypatch.context() as patch:
            die_before(patch, type(store.client()), write)
            try:
                roll_back(store, name, reason="bad", experiment=EXPERIMENT)
            except DiedError:
                died = True
            else:
                died = False
        if not died:
            break
        if aliases_of(store, name)["champion"] == second:
            # Not rolled back: the next operation of anyone settles it.
            with store.lock(promotion.champion_lock_name(name)):
                settle(store, name)
            assert WITHDRAWN_TAG not in get_version(store, name, second).tags
            assert aliases_of(store, name)["previous"] == first
            roll_back(store, name, reason="bad", experiment=EXPERIMENT)
        else:
            with pytest.raises(TrackingError, match="already"):
                roll_back(store, name, reason="bad", experiment=EXPERIMENT)
        aliases = aliases_of(store, name)
        assert (aliases["champion"], aliases["previous"]) == (first, second), write
        assert get_version(store, name, second).tags[WITHDRAWN_TAG] == "bad"
        withdrawals = [
            e
            for e in decisions_of(get_version(store, name, second))
            if e["action"] == "withdrawal" and not e.get("interrupted")
        ]
        assert len(withdrawals) == 1, write
        move = last_move(read_model(store, name))
        assert move is not None
        assert (move["from"], move["to"], move["state"]) == (second, first, "done")
    assert write >= 15, "every write was a moment to die at"


def test_an_interrupted_promotion_is_told_and_taken_back(store: Store, live, run_id, monkeypatch):
    name, first, second, third = live
    made = make_decision(True, "better still", against=second)

    def die(self, model, alias, version):
        raise DiedError

    def promote():
        return set_champion(store, name, third, made, expected_champion=second, run_id=run_id)

    with monkeypatch.context() as patch:
        # `previous` has moved by then; its own alias call must go through.
        real = type(store.client()).set_registered_model_alias
        patch.setattr(
            type(store.client()),
            "set_registered_model_alias",
            lambda self, m, a, v: die(self, m, a, v) if a == "champion" else real(self, m, a, v),
        )
        with pytest.raises(DiedError):
            promote()
    assert aliases_of(store, name)["previous"] == second
    story = explain_version(store, name, third)
    assert "has not ended" in story.warning
    assert f"version {second} is live" in story.warning

    # Anyone's next operation settles it: the way back is the old one again.
    record_decision(store, name, first, make_decision(False, "no", against=second), run_id=run_id)
    assert aliases_of(store, name)["previous"] == first
    story = explain_version(store, name, third)
    assert story.warning == ""
    assert story.state == "not live: its promotion was interrupted before the champion moved"
    assert decisions_of(get_version(store, name, third))[-1]["interrupted"]

    # The same decision again completes it.
    assert promote()
    story = explain_version(store, name, third)
    assert story.state.startswith("live since")
    assert story.replaced == second
    assert [e.get("interrupted", False) for e in story.decisions] == [False, False]


def test_an_alias_moved_by_something_else_is_told(store: Store, live):
    name, first, second, _ = live
    store.client().set_registered_model_alias(name, "champion", first)
    for version in (first, second):
        assert "moved by something else" in explain_version(store, name, version).warning
