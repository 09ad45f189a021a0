"""A task that starts while Prefect's server is down waits for it."""

import httpx
import pytest
from prefect.concurrency import _sync
from prefect.concurrency._asyncio import ConcurrencySlotAcquisitionError

from flows.outage import asked_again, outlive_server


class MinimalAnswer:
    """There is no limit of that name."""

    limits: tuple[str, ...] = ()


class Server:
    """Answers the question after so many failures."""

    def __init__(self, failures: int, cause: Exception) -> None:
        self.failures, self.cause, self.asked = failures, cause, 0

    def acquire(self, name: str, *, slots: int) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise ConcurrencySlotAcquisitionError(name) from self.cause
        return f"{name} {slots}"


def test_no_answer_is_waited_for() -> None:
    server = Server(3, httpx.ConnectError("All connection attempts failed"))
    assert asked_again(server.acquire, pause_s=0.01)("tag:data", slots=1) == "tag:data 1"
    assert server.asked == 4


def test_a_refusal_of_the_server_stands() -> None:
    answer = httpx.Response(422, request=httpx.Request("POST", "http://test"))
    refusal = httpx.HTTPStatusError("no", request=answer.request, response=answer)
    server = Server(1, refusal)
    with pytest.raises(ConcurrencySlotAcquisitionError):
        asked_again(server.acquire, pause_s=0.01)("tag:data", slots=1)
    assert server.asked == 1


def test_a_server_that_stays_away_is_told() -> None:
    server = Server(10**6, httpx.ConnectError("gone"))
    with pytest.raises(ConcurrencySlotAcquisitionError):
        asked_again(server.acquire, wait_s=0.1, pause_s=0.01)("tag:data", slots=1)
    assert server.asked > 1


def test_tasks_ask_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(1, httpx.ConnectError("gone"))

    def acquire(names: list[str], occupy: int, **_: object) -> MinimalAnswer:
        server.acquire(names[0], slots=occupy)
        return MinimalAnswer()

    monkeypatch.setattr(_sync, "acquire_concurrency_slots_with_lease", acquire)
    monkeypatch.setattr("flows.outage.time.sleep", lambda _: None)
    outlive_server()
    installed = _sync.acquire_concurrency_slots_with_lease
    outlive_server()
    assert _sync.acquire_concurrency_slots_with_lease is installed
    with _sync.concurrency("tag:data"):
        pass
    assert server.asked == 2
