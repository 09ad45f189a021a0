"""A stack that `sql-ft up` has started, its runs, and their processes to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil

from sql_ft.errors import StackError
from sql_ft.stack.api import get_json, post_json
from sql_ft.stack.processes import MARK, read_background
from sql_ft.stack.services import MLFLOW, PREFECT, STACK_FOLDER, WORKER, StackSettings

ROOT = Path(__file__).parents[1]
FINAL = ("COMPLETED", "FAILED", "CANCELLED")
#: A run that is Crashed for so long will not be repeated by itself.
CRASHED_FOR_GOOD_S = 180.0
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DeployedStack:
    """`sql-ft up` on free ports, everything in one state folder; a context manager."""

    def __init__(
        self,
        state_dir: Path,
        prefect_database: str = "",
        mlflow_database: str = "",
        env: dict[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.settings = StackSettings(
            state_dir=state_dir, root=ROOT, prefect_port=free_port(), mlflow_port=free_port()
        )
        self.databases = {
            "SQL_FT_PREFECT_DATABASE": prefect_database,
            "SQL_FT_MLFLOW_DATABASE": mlflow_database,
        }
        self.env = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "300", **(env or {})}
        self.api_url, self.mlflow_url = self.settings.api_url, self.settings.mlflow_url

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.down()

    def call(self, *arguments: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a printed command: `python -m ARGUMENTS`, with both servers' addresses set."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={
                **self.env,
                "PREFECT_API_URL": self.api_url,
                "MLFLOW_TRACKING_URI": self.mlflow_url,
                **{name: value for name, value in self.databases.items() if value},
            },
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def up(self) -> str:
        """Start what is not running."""
        ports = ("--prefect-port", str(self.settings.prefect_port))
        ports += ("--mlflow-port", str(self.settings.mlflow_port))
        done = self.call("flows.cli", "up", "--state-dir", str(self.state_dir), *ports)
        if done.returncode != 0:
            raise StackError(f"`sql-ft up` failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def down(self) -> str:
        """Stop everything."""
        return self.call("flows.cli", "down", "--state-dir", str(self.state_dir)).stdout

    def submit(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Create a flow run as the API's users do; return its id."""
        found = self.ask(lambda: get_json(f"{self.api_url}/deployments/name/{deployment}"))
        url = f"{self.api_url}/deployments/{found['id']}/create_flow_run"
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        # Prefect's own client, too, asks again when a busy server answers 503.
        return str(self.ask(lambda: post_json(url, body))["id"])

    def read_run(self, run_id: str) -> dict[str, Any]:
        """The flow run as the API shows it."""
        return dict(self.ask(lambda: get_json(f"{self.api_url}/flow_runs/{run_id}")))

    def wait_until_running(self, run_id: str, timeout_s: float = 600) -> None:
        """Return once the flow itself has begun."""
        self.wait_for(lambda: self.read_run(run_id)["state"]["type"] not in _BEFORE, timeout_s)

    def wait_until_settled(self, run_id: str, timeout_s: float = 1800) -> dict[str, Any]:
        """Return the run once it has ended and nothing will repeat it."""
        crashed_since = 0.0

        def settled() -> dict[str, Any] | None:
            nonlocal crashed_since
            run = self.read_run(run_id)
            if run["state"]["type"] in FINAL:
                return run
            if run["state"]["type"] != "CRASHED":
                crashed_since = 0.0
                return None
            crashed_since = crashed_since or time.monotonic()
            return run if time.monotonic() - crashed_since > CRASHED_FOR_GOOD_S else None

        return self.wait_for(settled, timeout_s)

    def wait_for(self, ready: Callable[[], T | None], timeout_s: float) -> T:
        """Ask until there is an answer.

        Raises:
            TimeoutError: There was none in time.
        """
        deadline = time.monotonic() + timeout_s
        while not (answer := ready()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s:.0f} s; logs in {self.settings.folder}")
            time.sleep(0.5)
        return answer

    def stage(self, run_id: str) -> str:
        """The task that is running, or the last one that ran."""
        with contextlib.suppress(StackError):
            tasks = post_json(
                f"{self.api_url}/task_runs/filter",
                {
                    "flow_runs": {"id": {"any_": [run_id]}},
                    "sort": "EXPECTED_START_TIME_DESC",
                    "limit": 1,
                },
            )
            return str(tasks[0]["name"]).rpartition("-")[0] if tasks else "start"
        return "?"

    def busy_slots(self, timeout_s: float = 30) -> int:
        """Slots that are still taken after a while without runs."""
        deadline = time.monotonic() + timeout_s
        while True:
            limits = self.ask(lambda: post_json(f"{self.api_url}/v2/concurrency_limits/filter", {}))
            busy = sum(int(limit["active_slots"]) for limit in limits)
            if not busy or time.monotonic() > deadline:
                return busy
            time.sleep(1.0)

    def kill(self, name: str) -> None:
        """SIGKILL the leader of a server or worker; not what it has started."""
        process = read_background(self.settings.folder, name)
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """SIGKILL servers, worker, flow run and training at once: the machine has died."""
        family = self.marked(WORKER, PREFECT, MLFLOW)
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def marked(self, *names: str) -> list[psutil.Process]:
        """The processes of servers or worker and all that descend from them."""
        found = [read_background(self.settings.folder, name) for name in names]
        marks = {mark for process in found if process is not None for mark in process.marks}
        family = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) in marks:
                    family.append(process)
        return family

    def ask(self, question: Callable[[], T]) -> T:
        """Ask through an outage: a server that was killed comes back."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return question()
            except StackError as error:
                away = error.message.startswith("no answer") or " answered 503" in error.message
                if not away or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


_BEFORE = ("SCHEDULED", "PENDING")


def training_process(stack: DeployedStack) -> psutil.Process | None:
    """The child that trains, if there is one."""
    for process in stack.marked(WORKER):
        with contextlib.suppress(psutil.Error):
            if "sql_ft.training" in process.cmdline():
                return process
    return None


def run_processes(stack: DeployedStack, run_id: str) -> list[psutil.Process]:
    """The process of the flow run; its children end with it."""
    found = {}
    for process in stack.marked(WORKER):
        with contextlib.suppress(psutil.Error):
            if process.environ().get("PREFECT__FLOW_RUN_ID") == run_id:
                found[process.pid] = process
    return [p for p in found.values() if p.ppid() not in found]


__all__ = [
    "MLFLOW",
    "PREFECT",
    "STACK_FOLDER",
    "WORKER",
    "DeployedStack",
    "free_port",
    "run_processes",
    "training_process",
]
