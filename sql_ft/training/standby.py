"""The training process, started when it is needed or before.

One that stands by imports its libraries, which takes seconds of one core, and then waits for a
line that says what to train, in which environment. Nothing else of it differs; where it died, or
a variable that is read while libraries are imported has changed since, another is started as if
there had been none.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sql_ft.folder_hash import known_hashes

if TYPE_CHECKING:
    Process = subprocess.Popen[str]

_waiting: list[tuple[Process, dict[str, str]]] = []
_turn = threading.Lock()


def stand_by(environment: Mapping[str, str]) -> None:
    """Start a training process that waits for `start_child`; at most one does."""
    with _turn:
        if not _waiting:
            process = subprocess.Popen(
                [*_COMMAND, "--stand-by", "--parent-pid", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # It has no log yet. What fails now fails again in a process that has one.
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                text=True,
                encoding="utf-8",
            )
            _waiting.append((process, dict(environment)))


def start_child(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start training, in the process that stands by if there is a fitting one.

    Args:
        arguments: Of `python -m sql_ft.training`, without the parent's number.
        environment: Its whole environment.
        log: Receives its standard error.
    """
    environment = {**environment, **known_hashes()}
    if (process := _take(environment)) is not None:
        order = {
            "arguments": list(arguments),
            "environment": environment,
            "log": str(log.resolve()),
        }
        try:
            assert process.stdin is not None
            with process.stdin as stream:
                stream.write(json.dumps(order) + "\n")
            return process
        except BrokenPipeError:
            _end(process)
    with log.open("w", encoding="utf-8") as stream:
        return subprocess.Popen(
            [*_COMMAND, *arguments, "--parent-pid", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            env=environment,
            text=True,
            encoding="utf-8",
        )


def end_standby() -> None:
    """End the process that stands by, if there is one."""
    with _turn:
        while _waiting:
            _end(_waiting.pop()[0])


def wait_for_order() -> list[str] | None:
    """In the process that stands by: import, wait, and return the arguments; None at the end."""
    _import_ahead()
    line = sys.stdin.readline()
    if not line:
        return None
    order = json.loads(line)
    for name in os.environ.keys() - order["environment"].keys():
        del os.environ[name]
    os.environ.update(order["environment"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    arguments: list[str] = order["arguments"]
    return arguments


# What the interpreter, the loader, and libraries that compute read when they start.
_READ_EARLY = (
    *("PYTHON", "LD_", "MALLOC_", "OMP_", "GOMP_", "KMP_", "MKL_", "CUDA_", "NVIDIA_", "NCCL_"),
    *("PYTORCH_", "TORCH_", "BNB_", "HF_", "TRANSFORMERS_", "TOKENIZERS_", "TRITON_"),
)
_COMMAND = (sys.executable, "-m", "sql_ft.training")


def _take(environment: Mapping[str, str]) -> Process | None:
    with _turn:
        while _waiting:
            process, started_with = _waiting.pop()
            if process.poll() is None and _read_early(started_with) == _read_early(environment):
                return process
            _end(process)
    return None


def _read_early(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_READ_EARLY)}


def _end(process: Process) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _import_ahead() -> None:
    # A library that is missing is reported by the training that needs it.
    with contextlib.suppress(ImportError):
        from sql_ft.model_libraries import import_ahead

        import_ahead()
        import trl  # noqa: F401

        import sql_ft.training.core
        import sql_ft.training.packed_trainer
        import sql_ft.training.sft  # noqa: F401


atexit.register(end_standby)
