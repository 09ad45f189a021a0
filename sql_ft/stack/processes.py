"""Background processes that a later command can stop: exactly those, and all they started.

Each process leads a session of its own. A record beside its log holds the process id and the
time it started, because ids are used again, and a mark that the process and everything it
started carry in their environment: what outlives a killed server or worker is found by it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from sql_ft.errors import StackError

#: Seconds between the polite signal and the end.
STOP_TIMEOUT_S = 20.0
_START_TOLERANCE_S = 2.0
_LOG_TAIL_BYTES = 1500
#: Environment variable with the mark of the background process that a process descends from.
MARK = "SQL_FT_BACKGROUND"

#: Handles of what this process started: it may outlive this process, so nobody waits for it.
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclasses.dataclass(frozen=True, slots=True)
class Background:
    """A recorded background process.

    Attributes:
        name: E.g. ``mlflow``; names the record and the log.
        folder: Where both are.
        pid: Process, session and process group.
        started_s: Start of the process, seconds since the epoch, as the system tells it.
        marks: Values of `MARK` in the environment of the process and its descendants; the
            first are those of killed predecessors whose descendants were left alone.
    """

    name: str
    folder: Path
    pid: int
    started_s: float
    marks: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        """Everything the process has printed."""
        return self.folder / f"{self.name}.log"

    @property
    def alive(self) -> bool:
        """True if the recorded process, and no later one with its id, is running."""
        return self._process() is not None

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_s) < _START_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def log_tail(self) -> str:
        """The end of the log, for an error message."""
        with contextlib.suppress(OSError), self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _LOG_TAIL_BYTES))
            return stream.read().decode("utf-8", "replace").strip()
        return ""

    def survivors(self) -> list[psutil.Process]:
        """What the process started and left behind when it was killed."""
        return [] if self.alive else _marked(self.marks)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """End the process and everything it started, also what outlived it; forget the record.

        Returns:
            True if something was running.
        """
        process = self._process()
        # Children may lead groups of their own; the list is taken while they have a parent.
        family = [process, *_children(process)] if process is not None else self.survivors()
        if process is not None:
            _signal_group(self.pid, signal.SIGTERM)
            _, left = psutil.wait_procs([process], timeout=timeout_s)
            # Helpers get a moment of their own: a flow run closes its MLflow run.
            _, left = psutil.wait_procs(family, timeout=5.0 if not left else 0.0)
            if left:
                _signal_group(self.pid, signal.SIGKILL)
            _kill(left)
        else:
            _terminate(family, timeout_s)
        _kill(_marked(self.marks))
        record_path(self.folder, self.name).unlink(missing_ok=True)
        return bool(family)

    def clear_away(self) -> None:
        """End what a killed process left behind: it may hold the port of its successor."""
        _terminate(self.survivors(), STOP_TIMEOUT_S)


def record_path(folder: Path, name: str) -> Path:
    """Where the record of a process is."""
    return folder / f"{name}.process.json"


def start_background(
    name: str, command: Sequence[str], folder: Path, env: Mapping[str, str], cwd: Path
) -> Background:
    """Start `command` in a session of its own, its output in ``<name>.log``.

    Raises:
        StackError: It is running already, or cannot be started.
    """
    known = read_background(folder, name)
    if known is not None and known.alive:
        raise StackError(
            f"{name} is running already (process {known.pid})", expected="`sql-ft down` first"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    marks = (*(known.marks if known is not None and known.survivors() else ()), mark)
    try:
        with (folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**env, MARK: mark},
                cwd=cwd,
                start_new_session=True,
            )
    except OSError as error:
        raise StackError(f"cannot start {name}: {error}") from error
    _STARTED.append(child)
    started_s = psutil.Process(child.pid).create_time()
    record = {"pid": child.pid, "started_s": started_s, "marks": marks}
    path = record_path(folder, name)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return Background(name, folder, child.pid, started_s, marks)


def read_background(folder: Path, name: str) -> Background | None:
    """Return the recorded process, None if there is no readable record."""
    try:
        record = json.loads(record_path(folder, name).read_text(encoding="utf-8"))
        marks = tuple(str(mark) for mark in record.get("marks", ()))
        return Background(name, folder, int(record["pid"]), float(record["started_s"]), marks)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def recorded(folder: Path) -> list[Background]:
    """Every recorded process, in the order in which they were started."""
    names = [path.name.removesuffix(".process.json") for path in folder.glob("*.process.json")]
    found = [read_background(folder, name) for name in names]
    return sorted((b for b in found if b is not None), key=lambda b: b.started_s)


def wait_until_ready(process: Background, url: str, timeout_s: float) -> None:
    """Return once `url` answers 200.

    Raises:
        StackError: The process ended, or did not answer in time; with the end of its log.
    """
    import urllib.error
    import urllib.request

    # A proxy from the environment must not be asked for this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not process.alive:
            raise StackError(
                f"{process.name} ended while starting; {process.log}:\n{process.log_tail()}"
            )
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            opener.open(url, timeout=5.0) as response,
        ):
            if response.status == 200:
                return
        time.sleep(0.25)
    raise StackError(
        f"{process.name} did not answer at {url} within {timeout_s:.0f} s; "
        f"{process.log}:\n{process.log_tail()}"
    )


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _marked(marks: Sequence[str]) -> list[psutil.Process]:
    """Every process with one of these marks in its environment; not this one."""
    found: list[psutil.Process] = []
    if not marks:
        return found
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) in marks:
                found.append(process)
    return found


def _terminate(family: Sequence[psutil.Process], timeout_s: float) -> None:
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(list(family), timeout=timeout_s)
    _kill(left)


def _kill(family: Sequence[psutil.Process]) -> None:
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(list(family), timeout=5.0)


def _signal_group(pgid: int, signum: signal.Signals) -> None:
    # The leader's id is its group's: the session was made for it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signum)


def stop_all(folder: Path) -> list[str]:
    """Stop every recorded process, the last started first; return the names of the running."""
    return [process.name for process in reversed(recorded(folder)) if process.stop()]
