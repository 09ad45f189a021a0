"""Where the children of a sweep run: threads of this host, or a Dask or Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import Task
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from sql_ft.config import SweepConfig
from sql_ft.errors import ConfigError

T = TypeVar("T")
R = TypeVar("R")


def make_runner(sweep: SweepConfig) -> TaskRunner[Any]:
    """The task runner that `sweep.runner` names, not started yet.

    Raises:
        ConfigError: Its extra is not installed.
    """
    if sweep.runner == "thread":
        return ThreadPoolTaskRunner(max_workers=sweep.max_parallel)
    try:
        runner: TaskRunner[Any] = _dask(sweep) if sweep.runner == "dask" else _ray(sweep)
    except ImportError as error:
        raise ConfigError(
            f"sweep.runner is {sweep.runner!r}, and {error.name or error} is not installed",
            setting="sweep.runner",
            expected=f"pip install 'sql-ft[{sweep.runner}]', or thread",
        ) from error
    return runner


def _dask(sweep: SweepConfig) -> Any:
    from prefect_dask import DaskTaskRunner

    if sweep.runner_address:
        return DaskTaskRunner(address=sweep.runner_address)
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": sweep.max_parallel,
            "threads_per_worker": 1,
            # Nobody elsewhere is to reach it; two sweeps of one host are not in each other's way.
            "host": "127.0.0.1",
            "dashboard_address": "127.0.0.1:0",
            "worker_dashboard_address": "127.0.0.1:0",
            # Trainings are child processes of the worker, which its limit would not see.
            "memory_limit": 0,
        }
    )


def _ray(sweep: SweepConfig) -> Any:
    if not sweep.runner_address:
        # Read when Ray is imported, and its only way to keep to loopback: Ray itself takes
        # 127.0.0.1 for a mistake, and listens on every interface.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    from prefect_ray import RayTaskRunner

    if sweep.runner_address:
        return RayTaskRunner(address=sweep.runner_address)
    options = {"num_cpus": sweep.max_parallel, "include_dashboard": False}
    return RayTaskRunner(init_kwargs=options)


@contextmanager
def reachable_server(sweep: SweepConfig) -> Iterator[None]:
    """Let workers in other processes report to this run's Prefect server.

    Raises:
        ConfigError: Another host is to report to a temporary server of this one.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if sweep.runner == "thread" or PREFECT_API_URL.value():
        yield
        return
    if sweep.runner_address:
        raise ConfigError(
            f"the workers at {sweep.runner_address} cannot reach this run's temporary Prefect "
            "server",
            setting="PREFECT_API_URL",
            expected="a Prefect server that all of them reach, e.g. that of `make up`",
        )
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    server.start()  # the run's own one: started already, and then this does nothing
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        yield


def map_in_window(
    runner: TaskRunner[Any],
    task: Task[..., R],
    items: Sequence[T],
    parameters: Callable[[T], dict[str, Any]],
    limit: int,
) -> Iterator[tuple[T, R | BaseException]]:
    """Run `task` for every item, at most `limit` at once; yield each as it ends.

    Args:
        runner: Started; a cluster may have more room than `limit`.
        task: Called with what `parameters` gives.
        items: In the order in which they start.
        parameters: Item → arguments.
        limit: Tasks submitted and not ended.

    Yields:
        The item, and its result or what ended it (a worker that died, among others).
    """
    waiting = list(items)[::-1]
    running: dict[PrefectFuture[Any], T] = {}
    while waiting or running:
        while waiting and len(running) < limit:
            item = waiting.pop()
            running[runner.submit(task, parameters(item))] = item
        future = next(iter(as_completed(list(running))))
        item = running.pop(future)
        try:
            result = future.result(raise_on_failure=True)
        except Exception as error:
            yield item, error
        else:
            yield item, result
