"""A run waits for a Prefect server that was killed, where Prefect's own client gives up.

Prefect 3.8.8 asks the server for a slot of every tag before each task, and that one call is not
repeated when nothing listens: a task that starts while the server is down fails the run.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import httpx
from prefect.concurrency import _sync
from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError
from prefect.logging import get_logger

#: Longer than `make up` takes to start a server again; then the error stands.
WAIT_S = 300.0
_PAUSE_S = 2.0
P = ParamSpec("P")
R = TypeVar("R")


def outlive_server() -> None:
    """Let the tasks of this process wait for their slots through an outage of the server."""
    acquire = _sync.acquire_concurrency_slots_with_lease
    if not hasattr(acquire, "__wrapped__"):
        _sync.acquire_concurrency_slots_with_lease = asked_again(acquire)


def asked_again(
    acquire: Callable[P, R], wait_s: float = WAIT_S, pause_s: float = _PAUSE_S
) -> Callable[P, R]:
    """Return `acquire`, called until it is answered; an answer of the server stands.

    Args:
        acquire: Asks the server for slots.
        wait_s: Seconds after which the last error stands.
        pause_s: Seconds between two questions.
    """

    @functools.wraps(acquire)
    def acquire_through_outage(*args: P.args, **kwargs: P.kwargs) -> R:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return acquire(*args, **kwargs)
            except ConcurrencySlotAcquisitionError as error:
                away = isinstance(error.__cause__, httpx.TransportError)
                if not away or time.monotonic() + pause_s > deadline:
                    raise
                get_logger("sql_ft").warning("Prefect's server does not answer; waiting for it")
                time.sleep(pause_s)

    return acquire_through_outage
