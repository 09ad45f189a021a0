"""One child process of the sandbox, as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from sql_ft.errors import SandboxError
from sql_ft.execution import wire
from sql_ft.records import ExecutionResult, ExecutionStatus

START_TIMEOUT_S = 60.0
LOAD_TIMEOUT_S = 60.0
# The worker interrupts itself first and ends itself one second later; the parent's
# kill is for the worker that does neither.
KILL_GRACE_S = 2.0

# The worker starts isolated: no PYTHONPATH, no working directory on its path. It is told
# where this package and the engine are, so that it runs the ones that its parent runs.
_ROOTS = (Path(__file__).resolve().parents[2], Path(duckdb.__file__).resolve().parents[1])
_BOOT = """
import sys
at = next((i for i, p in enumerate(sys.path) if p.endswith("-packages")), len(sys.path))
sys.path[at:at] = sys.argv[1:]
from sql_ft.execution.worker import main
main()
"""


class WorkerProcess:
    """A child, its pipes, its clock and how it ended.

    Args:
        limits: `Limits` as a dictionary.
        folder: Empty directory that becomes its working directory.

    Raises:
        SandboxError: The process cannot be started.
    """

    def __init__(self, limits: dict[str, Any], folder: str) -> None:
        if os.name != "posix":
            raise SandboxError(f"no sandbox on {os.name}", expected="Linux or macOS")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, *map(str, _ROOTS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=folder,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start a sandbox worker: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin = self._process.stdin.fileno()
        self.stdout = self._process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        self.outgoing = bytearray()
        self.over = False
        self.dead = False
        self.complaint = ""
        self.jobs_done = 0
        self._timeout_s = float(limits["query_timeout_s"])
        self._reader = wire.FrameReader()
        self._running = False
        self._distrusted = False
        self._late = False
        self._ready = False
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self.outgoing += wire.pack({**limits, "engine_memory_mb": limits["memory_limit_mb"] // 2})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send_job(self, job: dict[str, Any]) -> None:
        """Queue a job; the clock of its first database starts."""
        self.over = False
        self.outgoing += wire.pack(job)
        self.flush()
        self.restart_clock(running=False)

    def flush(self) -> None:
        """Write what the pipe takes."""
        while self.outgoing:
            try:
                written = os.write(self.stdin, self.outgoing[: 1 << 16])
            except BlockingIOError:
                return
            except BrokenPipeError:
                self.outgoing.clear()
                self.over = self.dead = True
                return
            del self.outgoing[:written]

    def receive(self) -> list[dict[str, Any]]:
        """Messages that have arrived; none and `over` at the end of the pipe."""
        data = os.read(self.stdout, 1 << 20)
        if not data:
            self.over = self.dead = True
            return []
        try:
            messages = self._reader.feed(data)
        except ValueError:
            self.distrust()
            return []
        self._ready = self._ready or bool(messages)
        return messages

    def restart_clock(self, *, running: bool) -> None:
        """A query begins (`running`), or a database is being loaded."""
        self._running = running
        allowed = self._timeout_s + KILL_GRACE_S if running else LOAD_TIMEOUT_S
        self.deadline = time.monotonic() + allowed

    def distrust(self) -> None:
        """It wrote something that no worker writes."""
        self._distrusted = True
        self.over = self.dead = True

    def finish_job(self) -> None:
        """Its job is done; it may take another."""
        self.over = True
        self.jobs_done += 1

    def kill(self) -> None:
        """End it, whatever it is doing; harmless if it has ended."""
        if not self.dead and time.monotonic() > self.deadline:
            self._late = True
        self.dead = True
        if self._process.poll() is None:
            # Not reaped yet, so the group is still its own: it leads its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        errors = self._process.stderr
        if not self._ready and errors is not None and not errors.closed:
            self.complaint = os.read(errors.fileno(), 1 << 16).decode("utf-8", "replace")
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    @property
    def was_killed(self) -> bool:
        """Something outside ended it with SIGKILL, and it was not late."""
        return self._process.poll() == -signal.SIGKILL and not (self._late or self._distrusted)

    @property
    def death(self) -> ExecutionResult:
        """What its end says about the query that it was running.

        Raises:
            SandboxError: It never got as far as taking a job, and said why.
        """
        code = self._process.poll()
        if self.complaint and not self.was_killed:
            raise SandboxError(
                f"a sandbox worker does not start: {self.complaint.strip().splitlines()[-1]}",
                setting="evaluation.memory_limit_mb",
            )
        if not self._running and not self._distrusted:
            return ExecutionResult(
                ExecutionStatus.HARNESS, error=f"worker ended with {code} while loading a database"
            )
        if self._late or code in (75, -signal.SIGXCPU):
            return ExecutionResult(
                ExecutionStatus.TIMEOUT, error=f"killed after {self._timeout_s:g} s"
            )
        if self._distrusted:
            return ExecutionResult(ExecutionStatus.RUNTIME_ERROR, error="worker was subverted")
        return ExecutionResult(ExecutionStatus.MEMORY, error=f"worker ended with {code}")
