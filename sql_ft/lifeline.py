"""A process started for another one never outlives it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_POLL_S = 1.0


def die_with_parent(parent_pid: int) -> None:
    """Have this process ended when `parent_pid` ends, even by SIGKILL.

    On Linux the kernel does it (``prctl(PR_SET_PDEATHSIG)``), also when the thread that
    started this process ends; elsewhere `watch_parent` does.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        # The parent may have ended before the kernel was told.
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), signal.SIGKILL)
    else:
        watch_parent(parent_pid)


def watch_parent(parent_pid: int) -> None:
    """Like `die_with_parent`, by a thread that looks once a second.

    For children of threads that may end before their process does.
    """
    threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), signal.SIGKILL)
