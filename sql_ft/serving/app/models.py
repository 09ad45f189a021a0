"""Who can be asked: the champion if there is one, and always its base."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Literal

from sql_ft.config import RunConfig
from sql_ft.errors import AliasNotSetError
from sql_ft.serving.answers import Answerer

Who = Literal["champion", "base", "both"]
NO_CHAMPION = "No champion yet: the base model answers. `make demo` trains and promotes one."
_LOOK_AGAIN_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Answerers:
    """Models at one moment.

    Attributes:
        base: The base without an adapter.
        champion: None before the first promotion.
    """

    base: Answerer
    champion: Answerer | None

    @property
    def choices(self) -> tuple[Who, ...]:
        """What a person may choose."""
        return ("champion", "base", "both") if self.champion else ("base",)

    @property
    def labels(self) -> str:
        """Names for a person."""
        if self.champion is None:
            return f"{self.base.label}, the base"
        return f"{self.champion.label} on {self.base.label}"


class Models:
    """Loads the models once; looks for a first champion now and then while there is none.

    Args:
        config: Names registry, model and base.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._close: Callable[[], None] = lambda: None
        self._now = self._load_champion() or Answerers(_load_base(config), None)

    def now(self) -> Answerers:
        """The models that answer now.

        Raises:
            TrackingError: The registry does not answer.
            ModelError: A first champion cannot be loaded.
        """
        with self._lock:
            due = time.monotonic() - self._looked > _LOOK_AGAIN_S
            if self._now.champion is None and due:
                self._looked = time.monotonic()
                self._now = self._load_champion() or self._now
            return self._now

    def close(self) -> None:
        """Give up what the models hold; they answer no more."""
        self._close()

    def _load_champion(self) -> Answerers | None:
        from sql_ft.serving.predictor import Predictor
        from sql_ft.tracking.store import missing_sqlite_file

        if missing_sqlite_file(self._config.resolved_tracking_uri) is not None:
            return None
        try:
            champion = Predictor.from_alias("champion", self._config)
        except AliasNotSetError:
            return None
        self._close = champion.close
        champion.warm_up()
        return Answerers(champion.base(), champion)


def _load_base(config: RunConfig) -> Answerer:
    from sql_ft.serving.predictor import Predictor

    base = Predictor.from_base(config)
    base.warm_up()
    return base
