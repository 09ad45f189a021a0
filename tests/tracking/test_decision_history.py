import json

import pytest
from registered_versions import make_decision, make_versions

from sql_ft.records import Check
from sql_ft.tracking.decision_history import (
    DECISIONS_TAG,
    DecisionHistory,
    decisions_of,
    main_decision,
    new_entry,
)
from sql_ft.tracking.decision_page import champion_moves, describe, describe_model
from sql_ft.tracking.promotion import record_decision, set_champion
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import RegisteredModel, RegisteredVersion, get_version, read_model


def entry(reason: str, *, promote: bool = False, run_id: str = "r", checks: int = 0):
    made = new_entry(make_decision(promote, reason), run_id, "gate", by="ann")
    filler = [Check("c" * 40, 0.5, 0.1, True, "x" * 300).to_dict() for _ in range(checks)]
    return {**made, "checks": [*made["checks"], *filler]}


def version_of(tags: dict[str, str]) -> RegisteredVersion:
    return RegisteredVersion("n", "1", "a" * 64, "r", "m", "s", tags)


def test_the_same_finding_of_another_run_is_counted_not_repeated():
    history = DecisionHistory([], [], 0)
    for run in ("r1", "r2", "r3"):
        history.add(entry("identical", run_id=run), moves=False)
    history.add(entry("worse", run_id="r4"), moves=False)
    history.add(entry("identical", run_id="r5"), moves=False)
    first, second = history.current
    assert (first["count"], second["count"]) == (4, 1)
    assert (first["run_id"], first["last_run_id"]) == ("r1", "r5")
    assert first["last_at"] >= first["at"]
    # Each of them is still found by its own id, so that a retry changes nothing.
    for run in ("r2", "r5"):
        assert history.find(entry("identical", run_id=run)["id"]) is first
    assert "(and 3 times more, last " in describe(version_of({}), history.all())


@pytest.mark.parametrize(
    "field", ["action", "champion_version", "evaluation_set_hash", "evaluator_hash", "promote"]
)
def test_what_differs_in_more_than_the_run_stands_apart(field: str):
    history = DecisionHistory([], [], 0)
    history.add(entry("identical"), moves=False)
    history.add({**entry("identical", run_id="r2"), field: "another"}, moves=False)
    assert len(history.current) == 2


def test_every_move_of_the_champion_is_an_entry():
    history = DecisionHistory([], [], 0)
    history.add(entry("by hand", promote=True), moves=True)
    history.add(entry("by hand", promote=True, run_id="r2"), moves=True)
    assert [e["count"] for e in history.current] == [1, 1]


def test_no_decision_is_dropped_when_a_tag_is_full():
    """Tags hold 100,000 characters; written one after the other, any prefix is consistent."""
    tags: dict[str, str] = {}
    for number in range(60):
        history = DecisionHistory.read(version_of(tags))
        history.add(entry(f"refusal {number}", run_id=str(number), checks=30), moves=False)
        for key, text in history.to_tags().items():
            assert len(text) <= 100_000
            if key != DECISIONS_TAG:
                assert key not in tags, "a full tag is never written again"
            tags[key] = text
            reasons = [e["reason"] for e in decisions_of(version_of(tags))]
            assert reasons[:number] == [f"refusal {i}" for i in range(number)]
    assert len(tags) >= 4
    assert len(decisions_of(version_of(tags))) == 60
    assert len(describe(version_of(tags), decisions_of(version_of(tags)))) <= 5000


def test_the_last_promotion_explains_a_version_unless_it_was_interrupted():
    promoted, refused = entry("good", promote=True), entry("identical")
    assert main_decision([promoted, refused]) is promoted
    assert main_decision([{**promoted, "interrupted": True}, refused]) is refused
    assert main_decision([]) is None


def test_entries_keep_the_paired_figures_and_are_json():
    made = entry("x")
    assert made["metrics"] == {
        "paired": {"n": 50, "difference": 0.12, "low": 0.02, "high": 0.22, "sign_flip_p": 0.01}
    }
    assert json.loads(json.dumps(made)) == made


def test_entries_of_before_counts_are_read(store: Store, run_id: str):
    (number,) = make_versions(store, run_id, "old-entries", 1)
    old = entry("identical")
    for key in ("count", "last_at", "by"):
        del old[key]
    store.client().set_model_version_tag("old-entries", number, DECISIONS_TAG, json.dumps([old]))
    record_decision(store, "old-entries", number, make_decision(False, "identical"), run_id=run_id)
    (kept,) = decisions_of(get_version(store, "old-entries", number))
    assert kept["count"] == 2


def test_the_models_page_says_what_is_live_why_and_how_to_go_back(store: Store, run_id: str):
    name = "model-page"
    first, second = make_versions(store, run_id, name, 2)
    set_champion(
        store, name, first, make_decision(True, "first"), expected_champion=None, run_id=run_id
    )
    set_champion(
        store,
        name,
        second,
        make_decision(True, "promoted: better | by far", against=first),
        expected_champion=first,
        run_id=run_id,
    )
    model = read_model(store, name)
    assert model is not None
    page = model.description
    assert f"**Live: version {second}**" in page
    assert f"sql-ft diff {first} {second}" in page
    assert "sql-ft rollback" in page
    assert f"| {first} → {second} | gate | better \\| by far |" in page
    assert f"| none → {first} | gate | first |" in page
    moves = champion_moves([get_version(store, name, v) for v in (first, second)])
    assert [(m["champion_version"], m["version"]) for m in moves] == [("", first), (first, second)]
    empty = describe_model(RegisteredModel("n", {}, {}), [])
    assert "Nothing is live" in empty
