"""Threads and memory of the machine, the same for training and for generation."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

#: Environment of processes that compute; libraries read it when they are loaded.
#:
#: How OpenMP's threads wait for each other: a training step of the tiny base on two idle
#: cores took 0.50 s with passive waiting, 0.30 s with the default's long spins and 0.32 s with
#: short ones; with one busy process beside it 0.68 s, 1.30 s and 0.83 s. Short spins are good
#: enough in both cases.
#:
#: With an arena for each thread, glibc returns a step's memory to the system and takes it back
#: at the next one: 25,000 page faults a step of two passes, none with one arena.
THREADING = {"GOMP_SPINCOUNT": "1000", "MALLOC_ARENA_MAX": "1"}

# A run's own process, Prefect's server, and two processes that import ahead.
_CORES_TO_SPARE = 4


def pick_threads() -> int:
    """Return the CPU threads to use: ``OMP_NUM_THREADS``, else the physical cores we may use."""
    import psutil

    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed or 1))


def has_cores_to_spare() -> bool:
    """Whether processes may start before they are needed without slowing what runs now."""
    return pick_threads() >= _CORES_TO_SPARE


def peak_memory_bytes(device: str) -> int:
    """Return the peak memory of this process so far.

    On a GPU what PyTorch's allocator held at most, else the resident set's high-water
    mark. (`ru_maxrss` would be the parent's peak right after a vfork; VmHWM is not.)
    """
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
