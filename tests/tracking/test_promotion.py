import pickle
import subprocess
import sys

import pytest
from registered_versions import make_decision as decision
from registered_versions import make_versions

from sql_ft.errors import ChampionChangedError, TrackingError
from sql_ft.records import Decision
from sql_ft.tracking import registry
from sql_ft.tracking.promotion import decisions_of, record_decision, set_champion
from sql_ft.tracking.registry import get_alias, get_version
from sql_ft.tracking.runs import attach_run
from sql_ft.tracking.store import Store


@pytest.fixture
def versions(store: Store, run_id: str, request) -> tuple[str, list[str]]:
    """A registered model of this test's own, with three versions without files."""
    name = request.node.name[:80]
    return name, make_versions(store, run_id, name)


def champion(store: Store, name: str) -> str | None:
    found = get_alias(store, name, "champion")
    return found.version if found else None


def test_the_alias_moves_with_a_record_and_remembers_the_previous(store, versions, run_id):
    name, (first, second, _) = versions
    assert set_champion(store, name, first, decision(True), expected_champion=None, run_id=run_id)
    assert champion(store, name) == first
    assert get_alias(store, name, "previous") is None
    assert set_champion(
        store, name, second, decision(True, "better by 12", against=first),
        expected_champion=first, run_id=run_id,
    )  # fmt: skip
    assert champion(store, name) == second
    previous = get_alias(store, name, "previous")
    assert previous is not None
    assert previous.version == first
    found = get_version(store, name, second)
    assert found.tags["decision"] == "promote"
    assert found.tags["replaces"] == first
    assert found.tags["evaluation_set_hash"] == "e" * 64
    assert "### Promoted: better by 12" in found.description
    assert f"against version {first}" in found.description
    experiment = attach_run(store, run_id).experiment_id
    page = f"#/experiments/{experiment}/runs/{run_id}/artifacts/report/report.html"
    assert f"cost]({page})**" in found.description
    assert "| ✓ | gain | paired |" in found.description
    assert "| ✓ | arm\\|odd | a b (threshold >= 1) |" in found.description
    saved = attach_run(store, run_id).read_json("decision.json")
    assert saved["version"] == second
    assert Decision.from_dict(
        {k: v for k, v in saved.items() if k in Decision.__dataclass_fields__}
    ) == decision(True, "better by 12", against=first)


def test_it_fails_closed_when_the_champion_is_another_one(store, versions, run_id):
    name, (first, second, third) = versions
    set_champion(store, name, first, decision(True), expected_champion=None, run_id=run_id)
    for expected in (None, third):
        with pytest.raises(ChampionChangedError, match=f"is now version {first}"):
            set_champion(
                store, name, second, decision(True), expected_champion=expected, run_id=run_id
            )
    assert champion(store, name) == first
    assert decisions_of(get_version(store, name, second)) == []
    with pytest.raises(ValueError, match="refusal"):
        set_champion(store, name, second, decision(False), expected_champion=first, run_id=run_id)
    with pytest.raises(TrackingError):
        set_champion(store, name, "99", decision(True), expected_champion=first, run_id=run_id)
    assert champion(store, name) == first


def test_repeating_a_promotion_changes_nothing(store, versions, run_id):
    name, (first, second, _) = versions
    set_champion(store, name, first, decision(True), expected_champion=None, run_id=run_id)
    for moved in (True, False, False):
        assert moved == set_champion(
            store, name, second, decision(True), expected_champion=first, run_id=run_id
        )
    previous = get_alias(store, name, "previous")
    assert previous is not None
    assert previous.version == first
    assert len(decisions_of(get_version(store, name, second))) == 1


class CrashError(BaseException):
    pass


def crash_before_write(patch: pytest.MonkeyPatch, client_class: type, number: int) -> None:
    """Make the `number`-th write to MLflow (from 0) the moment at which the process dies."""
    writes = 0

    def crashing(method):
        def call(self, *args, **kwargs):
            nonlocal writes
            writes += 1
            if writes == number + 1:
                raise CrashError
            return method(self, *args, **kwargs)

        return call

    for name in (
        "log_text",
        "set_model_version_tag",
        "update_model_version",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "update_registered_model",
    ):
        patch.setattr(client_class, name, crashing(getattr(client_class, name)))


def test_a_crash_anywhere_leaves_one_champion_and_running_again_completes_it(
    store, versions, run_id, monkeypatch
):
    name, (old, new, _) = versions
    set_champion(store, name, old, decision(True), expected_champion=None, run_id=run_id)
    late = 0
    for write in range(40):
        made = decision(True, f"attempt {write}", against=old)
        before = len(decisions_of(get_version(store, name, new)))

        def promote(made=made, old=old, new=new):
            return set_champion(store, name, new, made, expected_champion=old, run_id=run_id)

        with monkeypatch.context() as patch:
            crash_before_write(patch, type(store.client()), write)
            try:
                promote()
            except CrashError:
                crashed = True
            else:
                crashed = False
        if not crashed:
            break
        moved = champion(store, name)
        assert moved in (old, new), f"crash before write {write}"
        moved_late = moved == new
        late += moved_late
        assert promote() is not moved_late, "running it again completes it, once"
        assert champion(store, name) == new
        previous = get_alias(store, name, "previous")
        assert previous is not None
        assert previous.version == old
        found = get_version(store, name, new)
        assert len(decisions_of(found)) == before + 1
        assert f"### Promoted: attempt {write}" in found.description
        old, new = new, old
    assert write >= 10, "every write was a moment to crash at"
    # After the alias only the note "done" and the model's page are written.
    assert late == 2
    assert champion(store, name) == new


def test_a_refusal_is_recorded_and_never_hides_a_promotion(store, versions, run_id):
    name, (first, second, _) = versions
    record_decision(store, name, second, decision(False, "two points worse"), run_id=run_id)
    refused = get_version(store, name, second)
    assert "### Not promoted: two points worse" in refused.description
    assert "| **✗** | gain | paired |" in refused.description
    assert refused.tags["decision"] == "refuse"

    set_champion(store, name, first, decision(True, "good"), expected_champion=None, run_id=run_id)
    record_decision(
        store, name, first, decision(False, "identical to the champion", against=first),
        run_id=run_id,
    )  # fmt: skip
    kept = get_version(store, name, first)
    assert "### Promoted: good" in kept.description
    assert "refuse: identical to the champion" in kept.description
    assert (kept.tags["decision"], kept.tags["decision_reason"]) == ("promote", "good")
    assert [entry["promote"] for entry in decisions_of(kept)] == [True, False]


def test_rolling_back_is_a_promotion_with_another_action(store, versions, run_id):
    name, (first, second, _) = versions
    set_champion(store, name, first, decision(True), expected_champion=None, run_id=run_id)
    set_champion(store, name, second, decision(True), expected_champion=first, run_id=run_id)
    set_champion(
        store, name, first, decision(True, "answers in French"),
        expected_champion=second, run_id=run_id, action="rollback",
    )  # fmt: skip
    assert champion(store, name) == first
    previous = get_alias(store, name, "previous")
    assert previous is not None
    assert previous.version == second
    assert "· rollback by " in get_version(store, name, first).description


def test_a_lock_of_the_callers_own_is_held_while_the_alias_moves(store, versions, run_id):
    name, (first, _, _) = versions
    seen = []

    class Lock:
        def __enter__(self):
            seen.append(champion(store, name))

        def __exit__(self, *error):
            seen.append(champion(store, name))

    set_champion(
        store, name, first, decision(True), expected_champion=None, run_id=run_id, lock=Lock()
    )
    assert seen == [None, first]


RACER = """
import sys
from pathlib import Path
from sql_ft.errors import ChampionChangedError
from sql_ft.records import Decision
from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.store import prepare_store
uri, state, name, version, run_id = sys.argv[1:]
store = prepare_store(uri, Path(state))
decision = Decision(True, "better", (), "base", candidate_version=version)
print("ready", flush=True); sys.stdin.readline()
try:
    set_champion(store, name, version, decision, expected_champion=None, run_id=run_id)
    print("moved", flush=True)
except ChampionChangedError:
    print("refused", flush=True)
"""


def test_of_two_processes_that_promote_at_once_one_wins(store, versions, run_id):
    name, made = versions
    racers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                RACER,
                store.tracking_uri,
                str(store.state_dir),
                name,
                v,
                run_id,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for v in made[:2]
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert sorted(outcomes) == ["moved", "refused"]
    assert champion(store, name) == made[outcomes.index("moved")]


def test_versions_and_errors_cross_process_borders(store):
    version = registry.RegisteredVersion("n", "1", "a", "r", "m", "s", {"t": "x"})
    assert pickle.loads(pickle.dumps((store, version))) == (store, version)
    error = pickle.loads(pickle.dumps(ChampionChangedError("x", expected="y")))
    assert (type(error), error.expected) == (ChampionChangedError, "y")
