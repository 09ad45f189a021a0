"""Runs whose process is gone are repeated when the stack is started again.

The automations do this on a stack that is up. They cannot see a run that died before its
first heartbeat, nor one whose last event was lost with a killed server.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import psutil
from prefect import State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.repetition import REPEATED
from sql_ft.stack.processes import Background
from sql_ft.stack.services import WORKER_NAME

#: As deployments/automations.yaml has it: a run that has died three times stays Crashed.
MAX_ATTEMPTS = 3
_CRASHED_WITHIN = timedelta(days=1)
_LIMIT = 200


def repeat_dead_runs(api_url: str, pool: str, worker: Background | None) -> list[str]:
    """Mark runs without a process Crashed and schedule them again; return their names.

    Nothing is done while another worker serves the pool: the run may be on its machine.

    Args:
        api_url: Prefect's API.
        pool: Work pool of the stack.
        worker: The last worker of this stack, which is not running any more.
    """
    with (
        temporary_settings({PREFECT_API_URL: api_url}),
        get_client(sync_client=True) as client,
    ):
        others = client.read_workers_for_work_pool(pool)
        if any(w.status == "ONLINE" and w.name != WORKER_NAME for w in others):
            return []
        alive = _runs_of(worker.survivors()) if worker is not None else set()
        repeated = []
        for run in _read_runs(client, pool):
            if str(run.id) in alive or run.state is None or run.run_count >= MAX_ATTEMPTS:
                continue
            if run.state.type is not StateType.CRASHED:
                gone = State(
                    type=StateType.CRASHED,
                    message="The stack was started again and its process was gone.",
                )
                # Forced: a run that never began may not crash by Prefect's rules.
                client.set_flow_run_state(run.id, gone, force=True)
            again = State(type=StateType.SCHEDULED, name="AwaitingRetry", message=REPEATED)
            client.set_flow_run_state(run.id, again)
            repeated.append(run.name)
    return repeated


def _read_runs(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    """Runs that should have a process, and those that crashed lately."""
    types = [StateType.RUNNING, StateType.PENDING, StateType.CRASHED]
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types))
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        limit=_LIMIT,
    )
    since = datetime.now(UTC) - _CRASHED_WITHIN
    return [
        run
        for run in found
        if run.state is not None
        and (run.state.type is not StateType.CRASHED or run.state.timestamp > since)
    ]


def _runs_of(processes: list[psutil.Process]) -> set[str]:
    """Ids of the flow runs that these processes belong to."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
    return found - {""}
