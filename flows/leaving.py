"""The end of a command, without taking every library apart first.

After its last line an interpreter that has imported torch, transformers, MLflow and Prefect
spends one to two seconds of a core on freeing what the system frees anyway.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading


def leave(code: int) -> None:
    """End the process: wait for its threads, run what is registered for the end, and go.

    Returns, for the interpreter to end as always, where a Python has no such steps by these
    names.
    """
    wait_for_threads = getattr(threading, "_shutdown", None)
    run_registered = getattr(atexit, "_run_exitfuncs", None)
    if wait_for_threads is None or run_registered is None:
        return
    # The interpreter's own order. Prefect sends its last logs in the first and ends its
    # temporary server in the second.
    wait_for_threads()
    run_registered()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # A reader that has gone away: what the interpreter says of it is 120.
            code = code or 120
    os._exit(code)
