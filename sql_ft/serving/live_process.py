"""Parent side of a live database's child: started, asked, ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from sql_ft.errors import DataError, SandboxError
from sql_ft.execution import wire

_START_TIMEOUT_S = 60.0
# The engine is interrupted in time; who does not notice is killed.
_GRACE_S = 1.5
_EXPECTED = "a SQLite or DuckDB database that this user can read"
_ROOTS = (Path(__file__).resolve().parents[2], Path(duckdb.__file__).resolve().parents[1])
# As in `execution.process`: isolated, no PYTHONPATH, but the very packages of the parent.
_BOOT = """
import sys
at = next((i for i, p in enumerate(sys.path) if p.endswith("-packages")), len(sys.path))
sys.path[at:at] = sys.argv[1:]
from sql_ft.serving.live_worker import main
main()
"""


class LateError(Exception):
    """The child did not answer in time and was killed."""


class DeadError(Exception):
    """The child ended instead of answering."""


class LiveProcess:
    """A child that holds one database file.

    Args:
        options: `QueryLimits` as a dictionary, with ``path`` and ``folder``.

    Raises:
        DataError: It is no database, or cannot be opened.
        SandboxError: The process cannot be started.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        if os.name != "posix":
            raise SandboxError(f"no sandbox on {os.name}", expected="Linux or macOS")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, *map(str, _ROOTS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=options["folder"],
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start a database process: {error}") from error
        self._frames = wire.FrameReader()
        try:
            ready = self._exchange(options, _START_TIMEOUT_S)
            self.kind = str(ready["ready"])
            self.direct = bool(ready["direct"])
        except (LateError, DeadError) as error:
            raise SandboxError(
                f"a database process does not start: {error}", setting="memory_limit_mb"
            ) from error
        except BaseException:
            self.kill()
            raise

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer; after an exception the child has ended.

        Raises:
            DataError: The file is to blame.
            LateError: No answer in time.
            DeadError: It ended: a crash of the engine, a kill from outside.
        """
        try:
            return self._exchange(request, float(request["timeout_s"]) + _GRACE_S)
        except BaseException:
            self.kill()
            raise

    def _exchange(self, message: dict[str, Any], allowed_s: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + allowed_s
        try:
            self._process.stdin.write(wire.pack(message))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DeadError(self._complaint()) from None
        out = self._process.stdout.fileno()
        while True:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([out], [], [], rest)[0]:
                self.kill()
                raise LateError(f"no answer within {allowed_s:g} s")
            data = os.read(out, 1 << 20)
            if not data:
                raise DeadError(self._complaint())
            try:
                answers = self._frames.feed(data)
            except ValueError as error:
                raise DeadError(f"not an answer: {error}") from error
            if answers:
                (answer,) = answers
                if "fault" in answer:
                    raise DataError(str(answer["fault"]), expected=_EXPECTED)
                return answer

    def _complaint(self) -> str:
        self.kill()
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        if lines:
            return lines[-1]
        code = self._process.returncode
        if code < 0:
            return f"it was ended by signal {-code}"
        return f"it ended with exit code {code}"

    def kill(self) -> None:
        """End it, whatever it is doing; harmless if it has ended."""
        if self._process.stderr is None or self._process.stderr.closed:
            return
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors = self._process.stderr.read()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
