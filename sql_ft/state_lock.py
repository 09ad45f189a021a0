"""Who uses `state_dir`: any number of runs at once, or one that prunes it.

A lock of the kernel on one file: shared by runs, exclusive for pruning. It is free the moment
its holder is gone, however it went.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sql_ft.errors import ConfigError

_FILE = "locks/state-in-use.lock"


@contextmanager
def use_state(state_dir: Path) -> Iterator[None]:
    """Keep the files of `state_dir` from being pruned; waits while they are.

    Raises:
        ConfigError: The folder cannot be written.
    """
    with _opened(state_dir) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def own_state(state_dir: Path) -> Iterator[bool]:
    """Yield True with `state_dir` to oneself, False if a run uses it; never waits.

    Raises:
        ConfigError: The folder cannot be written.
    """
    with _opened(state_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _opened(state_dir: Path) -> Iterator[IO[bytes]]:
    path = state_dir / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}",
            setting="state_dir",
            expected="a folder this user can write",
        ) from error
    with file:  # closing it gives the lock back
        yield file
