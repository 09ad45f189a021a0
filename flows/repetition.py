"""A run that has ended is not repeated, whatever an automation thinks of it.

Prefect's automations act on events, and an event may be looked at long after it happened: one
whose predecessor was lost in a crash of the server waits a quarter of an hour. By then the run
that it calls crashed may have been repeated, and may have completed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from flows.logging_setup import outlive_reader
from flows.outage import outlive_server

#: Message of the automation that repeats crashed runs: deployments/automations.yaml.
REPEATED = "Repeated after a crash."
_ENDED = (StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED)


def begin_run() -> State[Any] | None:
    """What a flow does first, so that no death of a worker or server costs or repeats a run.

    Returns:
        The state in which this very run ended before: the flow returns it and does no more.
    """
    if deployment.id:
        outlive_reader()
        outlive_server()
    return find_earlier_end()


def find_earlier_end() -> State[Any] | None:
    """Return the state in which this very run ended before, if it was repeated by mistake."""
    if not flow_run.id or (flow_run.run_count or 0) < 2:
        return None
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(UUID(flow_run.id))
    found = end_before_repetition(states)
    if found is not None:
        get_run_logger().warning(
            "this run ended %s before it was repeated; nothing is done again", found.name
        )
    return found


def end_before_repetition(states: Sequence[State[Any]]) -> State[Any] | None:
    """Return the final state that the last automatic repetition replaced; None after a crash.

    A repetition by a person carries another message and is meant.
    """
    history = sorted(states, key=lambda state: state.timestamp)
    asked = [i for i, s in enumerate(history) if s.is_scheduled()]
    if not asked or history[asked[-1]].message != REPEATED or asked[-1] == 0:
        return None
    before = history[asked[-1] - 1]
    if before.type not in _ENDED:
        return None
    return State(type=before.type, name=before.name, message=before.message)
