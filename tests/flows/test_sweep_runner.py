"""Where children run: threads in a window, a real Dask and a real Ray cluster of two workers."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from prefect import flow, task

from flows.sweep_runner import make_runner, map_in_window, reachable_server
from sql_ft.config import SweepConfig, parse_config
from sql_ft.errors import ConfigError

#: What the processes of a local Dask or Ray cluster have in their command lines.
CLUSTER = ("distributed", "raylet", "gcs_server", "ray::", "ray/_private", "ray/dashboard")

pytestmark = pytest.mark.usefixtures("prefect_server")


@task
def where(number: int) -> tuple[int, int]:
    """Which process ran it; odd numbers fail."""
    time.sleep(0.2)
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number, os.getpid()


def results(sweep: SweepConfig, count: int) -> dict[int, object]:
    @flow
    def all_of_them() -> dict[int, object]:
        with make_runner(sweep) as runner:
            ended = map_in_window(
                runner, where, range(count), lambda n: {"number": n}, sweep.max_parallel
            )
            return dict(ended)

    with reachable_server(sweep):
        return all_of_them()


@pytest.fixture
def workers() -> Iterator[None]:
    """No process is left behind."""
    me = psutil.Process()
    before = {p.pid for p in me.children(recursive=True)}
    yield
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        left = [
            p
            for p in me.children(recursive=True)
            if p.pid not in before and any(n in " ".join(p.cmdline()) for n in CLUSTER)
        ]
        if not left:
            return
        time.sleep(0.2)
    pytest.fail(f"left behind: {left}")


def test_a_child_can_be_sent_to_a_worker() -> None:
    import cloudpickle

    from flows.sweep import sweep
    from sql_ft.sweep.grid import expand_grid
    from tasks.sweep import run_child

    # A task goes by value, and its flow with it, with every global that their functions name.
    (child,) = expand_grid(parse_config({}))
    sent = cloudpickle.dumps((sweep, run_child, child))
    _, task_there, child_there = cloudpickle.loads(sent)
    assert task_there.name == run_child.name
    assert child_there == child


def test_threads_keep_to_their_number() -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    @task
    def busy(number: int) -> int:
        with lock:
            running.append(number)
            most.append(len(running))
        time.sleep(0.1)
        with lock:
            running.remove(number)
        return number

    @flow
    def six() -> list[int]:
        with make_runner(SweepConfig(max_parallel=4)) as runner:
            # The window holds where the runner has more room.
            ended = map_in_window(runner, busy, range(6), lambda n: {"number": n}, 2)
            return [int(result) for _, result in ended]

    assert sorted(six()) == list(range(6))
    assert max(most) == 2


def cluster(runner: str) -> SweepConfig:
    # Not imported here: what a sweep sets before it imports Ray is part of the test.
    if importlib.util.find_spec(f"prefect_{runner}") is None:
        pytest.skip(f"the extra {runner} is not installed")
    return parse_config({"sweep": {"runner": runner, "max_parallel": 2}}).sweep


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_a_local_cluster_listens_on_loopback_alone(workers: None, runner: str) -> None:
    sweep = cluster(runner)

    @flow
    def addresses() -> set[str]:
        with make_runner(sweep) as started:
            dict(map_in_window(started, where, [0, 2], lambda n: {"number": n}, 2))
            me = psutil.Process()
            return {
                connection.laddr.ip
                for process in [me, *me.children(recursive=True)]
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }

    with reachable_server(sweep):
        found = addresses()
    assert found
    assert {a.removeprefix("::ffff:") for a in found} <= {"127.0.0.1", "::1"}


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_children_run_on_a_cluster_of_two_workers(workers: None, runner: str) -> None:
    sweep = cluster(runner)
    found = results(sweep, 6)
    good = {n: r for n, r in found.items() if n % 2 == 0}
    assert {n: r[0] for n, r in good.items()} == {0: 0, 2: 2, 4: 4}
    pids = {r[1] for r in good.values()}
    assert os.getpid() not in pids
    # What goes wrong on a worker is that child's result, with its own words.
    assert {n: str(r) for n, r in found.items() if n % 2} == {n: f"{n} is odd" for n in (1, 3, 5)}


def test_stopping_ends_the_trainings_of_this_process_alone() -> None:
    from tasks.sweep import allow_children, stop_children

    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    training = subprocess.Popen([*sleeping, "sql_ft.training"])
    other = subprocess.Popen(sleeping)
    try:
        stop_children()
        assert training.wait(20) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        allow_children()
        for process in (training, other):
            process.kill()
            process.wait()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(ConfigError, match="not installed") as error:
        make_runner(SweepConfig(runner="dask"))
    assert error.value.setting == "sweep.runner"
    assert "sql-ft[dask]" in str(error.value.expected)


def test_workers_elsewhere_need_a_server_they_reach() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    sweep = SweepConfig(runner="dask", runner_address="tcp://10.0.0.1:8786")
    with (
        temporary_settings({PREFECT_API_URL: None}),
        pytest.raises(ConfigError, match="temporary Prefect server"),
        reachable_server(sweep),
    ):
        pass
