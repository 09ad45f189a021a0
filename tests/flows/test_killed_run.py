"""A deployed run whose training is killed, then its worker with all it started; it ends well.

All kinds of kills at random moments: benchmarks/killed_runs.py.
"""

import collections
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deployed_stack import WORKER, DeployedStack, training_process
from prefect import State
from prefect.client.schemas.objects import StateType
from promotion_checks import check_registry
from tiny_run import run_settings, write_inputs

from flows.repetition import REPEATED, end_before_repetition
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import list_versions

SAVE_STEPS = 10


@pytest.mark.slow
def test_training_killed_then_worker_killed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    base, rows = write_inputs(tmp_path / "inputs")
    parameters = {"config": run_settings(base, rows, state, "killed")}
    with DeployedStack(state) as stack:
        run_id = stack.submit("finetune/weekly", parameters)
        child = stack.wait_for(lambda: training_process(stack), 300)
        checkpoints = "training/*/checkpoints/checkpoint-*/complete.json"
        stack.wait_for(lambda: list(state.glob(checkpoints)), 300)
        child.kill()
        stack.wait_for(lambda: list(state.glob("training/*/result.json")), 300)
        for process in stack.marked(WORKER):
            process.kill()
        # Repeated by this command, or by the automations where it takes longer than they wait.
        stack.up()
        run = stack.wait_until_settled(run_id)
        assert (run["state_name"], run["run_count"]) == ("Completed", 2)
        assert stack.busy_slots() == 0

        store = prepare_store(stack.mlflow_url, tmp_path / "checks")
        assert [v.version for v in list_versions(store, "killed")] == ["1"]
        check_registry(store, "killed", {"1"})
        client = store.client()
        experiment = client.get_experiment_by_name("killed")
        (tracked,) = client.search_runs([experiment.experiment_id])
        assert tracked.info.status == "FINISHED"
        history = client.get_metric_history(tracked.info.run_id, "train/loss")
        steps = collections.Counter(metric.step for metric in history)
        assert sum(steps.values()) - len(steps) <= SAVE_STEPS


def history(*entries: tuple[StateType, str]) -> list[State]:
    now = datetime.now(UTC)
    return [
        State(type=kind, message=message, timestamp=now + timedelta(seconds=number))
        for number, (kind, message) in enumerate(entries)
    ]


def test_a_run_that_has_ended_is_not_repeated() -> None:
    begun = ((StateType.SCHEDULED, ""), (StateType.RUNNING, ""))
    again = ((StateType.SCHEDULED, REPEATED), (StateType.RUNNING, ""))
    crashed = (StateType.CRASHED, "gone")
    for end in (StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED):
        found = end_before_repetition(history(*begun, crashed, *again, (end, "so it is"), *again))
        assert found is not None
        assert (found.type, found.message) == (end, "so it is")
    assert end_before_repetition(history(*begun)) is None
    assert end_before_repetition(history(*begun, crashed, *again)) is None
    by_hand = ((StateType.SCHEDULED, "Retry from the UI"), (StateType.RUNNING, ""))
    assert end_before_repetition(history(*begun, (StateType.FAILED, ""), *by_hand)) is None


def test_the_automation_says_what_the_flow_listens_for() -> None:
    file = Path(__file__).parents[2] / "deployments" / "automations.yaml"
    assert f"message: {REPEATED}" in file.read_text(encoding="utf-8")
