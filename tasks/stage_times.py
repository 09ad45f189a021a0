"""How long each stage of a run takes."""

from __future__ import annotations

import time


class StageClock:
    """Gives the time since the last lap to the stage that just ended.

    Attributes:
        times_s: Stage → seconds, in the order of their first lap.
    """

    def __init__(self) -> None:
        self.times_s: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """End a stage; one that ends twice (a comparison made again) has both times."""
        now = time.monotonic()
        self.times_s[stage] = self.times_s.get(stage, 0.0) + now - self._last
        self._last = now
