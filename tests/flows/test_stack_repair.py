"""`sql-ft up` repeats runs whose process is gone, and no others."""

import pytest


@pytest.mark.usefixtures("prefect_server")
def test_dead_runs_are_repeated() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.client.schemas.objects import State, StateType
    from prefect.settings import PREFECT_API_URL

    from flows.repetition import REPEATED
    from flows.stack_repair import repeat_dead_runs

    pool = "repair-test"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        flow_id = client.create_flow_from_name("repair-test")
        deployment = client.create_deployment(flow_id, "repair-test", work_pool_name=pool)
        runs = {}
        for kind in (StateType.RUNNING, StateType.PENDING, StateType.CRASHED, StateType.COMPLETED):
            run = client.create_flow_run_from_deployment(deployment)
            client.set_flow_run_state(run.id, State(type=kind), force=True)
            runs[kind] = run
        repeated = repeat_dead_runs(str(PREFECT_API_URL.value()), pool, None)
        states = {kind: client.read_flow_run(run.id).state for kind, run in runs.items()}
    ended = states.pop(StateType.COMPLETED)
    assert ended is not None
    assert ended.type is StateType.COMPLETED
    assert sorted(repeated) == sorted(runs[kind].name for kind in states)
    assert {(s.type, s.name, s.message) for s in states.values() if s} == {
        (StateType.SCHEDULED, "AwaitingRetry", REPEATED)
    }
