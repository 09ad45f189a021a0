"""A promotion that a person must approve: yes, no, and no answer, on a real Prefect server.

The chain around it is the flow's own from the registry on; what models would answer is given.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from registered_versions import make_decision, make_versions

from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import aliases_of, get_version

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    state = tmp_path_factory.mktemp("approval") / "state"
    store = prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)
    with start_run(store, "sql-ft", name="train") as run:
        yield store, run.run_id


@pytest.fixture
def asked(registry, request, monkeypatch) -> tuple[Callable[[], dict[str, Any]], Store, str, str]:
    """Ask for approval of a candidate and apply what came of it, in a flow run."""
    from prefect import flow

    from flows import approval
    from tasks.promote import apply_decision

    monkeypatch.setattr(approval, "_POLL_INTERVAL_S", 0.2)
    store, run_id = registry
    name = request.node.name.translate(str.maketrans("[]", "--"))[:80]
    (version,) = make_versions(store, run_id, name, 1)
    timeout_s = getattr(request, "param", 60)
    config = RunConfig.model_validate(
        {
            "state_dir": str(store.state_dir),
            "promotion": {"require_approval": True, "approval_timeout_s": timeout_s},
            "tracking": {"registered_model_name": name},
        }
    )

    @flow(name="approval-test")
    def promote() -> dict[str, Any]:
        candidate = {"version": version}
        decision = make_decision(True, "promoted: clearly better").to_dict()
        decision = approval.ask_for_approval(config, decision, candidate)
        applied = apply_decision(config, run_id, decision, candidate, None)
        assert applied is not None
        return applied

    return promote, store, name, version


def answer(flow_name: str, run_input: dict[str, Any]) -> tuple[threading.Thread, list[Any]]:
    """Wait for the paused flow run and answer its form, as a reviewer in the UI does."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.exceptions import PrefectHTTPStatusError

    seen: list[Any] = []

    def reviewer() -> None:
        deadline = time.monotonic() + 60
        with get_client(sync_client=True) as client:
            while time.monotonic() < deadline:
                runs = client.read_flow_runs(
                    flow_filter=FlowFilter.model_validate({"name": {"any_": [flow_name]}}),
                    flow_run_filter=FlowRunFilter.model_validate(
                        {"state": {"type": {"any_": ["PAUSED"]}}}
                    ),
                    limit=10,
                    sort=FlowRunSort.START_TIME_DESC,
                )
                for run in runs:
                    keyset = run.state.state_details.run_input_keyset
                    try:
                        form = client.read_flow_run_input(run.id, keyset["schema"])
                        text = client.read_flow_run_input(run.id, keyset["description"])
                    except PrefectHTTPStatusError:  # paused, and the form not yet saved
                        continue
                    seen.extend([form, text])
                    # An answer that does not fit the form leaves the run paused.
                    seen.append(client.resume_flow_run(run.id, run_input={"approve": True}))
                    seen.append(client.resume_flow_run(run.id, run_input=run_input))
                    return
                time.sleep(0.2)

    thread = threading.Thread(target=reviewer)
    thread.start()
    return thread, seen


def test_yes_promotes_and_says_who(asked) -> None:
    promote, store, name, version = asked
    thread, seen = answer(
        "approval-test", {"approve": True, "reviewer": "Ann", "reason": "read the flips"}
    )
    applied = promote()
    thread.join()
    assert applied["promote"]
    assert aliases_of(store, name)["champion"] == version
    form, description, incomplete, accepted = seen
    assert {"approve", "reviewer", "reason"} <= set(str(form).replace('"', " ").split())
    assert "clearly better" in str(description)
    assert (incomplete.status.value, accepted.status.value) == ("REJECT", "ACCEPT")
    (entry,) = decisions_of(get_version(store, name, version))
    assert entry["checks"][-1]["detail"] == "approved by Ann: read the flips"
    assert "approved by Ann" in get_version(store, name, version).description


def test_no_keeps_the_champion_and_says_why(asked) -> None:
    promote, store, name, version = asked
    thread, _ = answer(
        "approval-test", {"approve": False, "reviewer": "Bob", "reason": "loses joins"}
    )
    applied = promote()
    thread.join()
    assert not applied["promote"]
    assert "champion" not in aliases_of(store, name)
    (entry,) = decisions_of(get_version(store, name, version))
    assert entry["reason"] == "not promoted: not approved by Bob: loses joins"


@pytest.mark.parametrize("asked", [2], indirect=True)
def test_no_answer_keeps_the_champion_and_the_run_ends_well(asked) -> None:
    promote, store, name, version = asked
    state = promote(return_state=True)
    assert state.is_completed(), state
    assert "champion" not in aliases_of(store, name)
    (entry,) = decisions_of(get_version(store, name, version))
    assert entry["reason"] == "not promoted: approval timed out after 2 s"
    assert not entry["checks"][-1]["passed"]


def test_the_page_shows_the_decision_before_the_question(asked) -> None:
    from flows.approval import render_request

    config = RunConfig.model_validate({"promotion": {"require_approval": True}})
    decision = make_decision(True, "promoted: better", against="4")
    page = render_request(config, decision, {"version": "5"})
    for text in ("make version 5 the champion?", "version 4", "**promoted: better**", "| ✓ | gain"):
        assert text in page
    assert "sql-ft diff 4 5" in page


def test_without_a_server_nothing_is_begun(monkeypatch, tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.approval import check_approval_possible

    config = RunConfig.model_validate({"promotion": {"require_approval": True}})
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        with pytest.raises(ConfigError, match="no Prefect server") as caught:
            check_approval_possible(config)
        check_approval_possible(RunConfig())
    assert caught.value.setting == "PREFECT_API_URL"
    check_approval_possible(config)
