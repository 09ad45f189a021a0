"""Ctrl-C and SIGTERM: one line that says what stands, in the words of the command that ran."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

_state = {"message": ""}


def tell_if_interrupted(message: str) -> None:
    """Say what is true if this process is interrupted from here on.

    A command or flow calls it again when that changes, e.g. once a decision is recorded.

    Args:
        message: e.g. ``the champion is untouched``.
    """
    _state["message"] = message


def interruption_message() -> str:
    """The line for a person who interrupted, or whose scheduler did."""
    kept = f"{_state['message']}; " if _state["message"] else ""
    return f"{kept}run again to resume"


class Interruption:
    """Remembers that a signal asked this process to stop.

    Ctrl-C reaches the whole process group, Prefect's temporary server included, so what
    surfaces may be a refused connection rather than the interrupt itself.
    """

    def __init__(self) -> None:
        self.happened = False

    def __call__(self, signum: int, frame: FrameType | None) -> NoReturn:
        """Handle the signal: unwind by KeyboardInterrupt."""
        # A terminated run unwinds as an interrupted one does: the MLflow run is closed as
        # KILLED and the training process is ended before this one exits.
        self.happened = True
        raise KeyboardInterrupt(f"signal {signal.Signals(signum).name}")
