"""Seconds of calls whose work a GPU does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

CUDA = torch.cuda.is_available()


def synchronize() -> None:
    if CUDA:
        torch.cuda.synchronize()


def timed(call: Callable[[], Any], repeats: int, warm: int = 1) -> tuple[list[float], Any, float]:
    """Return the seconds of each repeat, the last result, and the first call's seconds."""
    first = 0.0
    result = None
    for number in range(warm):
        synchronize()
        started = time.monotonic()
        result = call()
        synchronize()
        if number == 0:
            first = time.monotonic() - started
    seconds = []
    for _ in range(repeats):
        synchronize()
        started = time.monotonic()
        result = call()
        synchronize()
        seconds.append(time.monotonic() - started)
    return seconds, result, first
