"""One loaded base model, on which predictors take turns with their adapters."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_ft.base_model import ResolvedModel, load_tokenizer, pick_device, stop_ids
from sql_ft.config import GenerationConfig, ModelConfig
from sql_ft.generation.apply_adapter import adapter_applied, merges
from sql_ft.generation.engine import Engine
from sql_ft.hardware import pick_threads


class SharedBase:
    """A base model, its tokenizer and its decoder.

    Args:
        model: Which base, held how.
        generation: How it decodes.
        resolved: What `model` was resolved to.

    Raises:
        ModelError: The base cannot be loaded.
    """

    def __init__(
        self, model: ModelConfig, generation: GenerationConfig, resolved: ResolvedModel
    ) -> None:
        if pick_device(model) == "cpu":
            import torch

            torch.set_num_threads(pick_threads())
        self.model = model
        self.generation = generation
        self.resolved = resolved
        self.tokenizer = load_tokenizer(model)
        self.engine = Engine(model, generation)
        self.stop_ids = stop_ids(self.tokenizer)
        # Not reentrant: a stream may be begun by one thread and ended by another.
        self._lock = threading.Lock()
        self._applied: list[tuple[Path, contextlib.ExitStack, Any]] = []
        # Also when the interpreter ends: later there is nothing left to take it off with.
        weakref.finalize(self, _take_off, self._applied)

    def serves(
        self, model: ModelConfig, generation: GenerationConfig, resolved: ResolvedModel
    ) -> bool:
        """True if what was loaded is this."""
        return (model, generation, resolved) == (self.model, self.generation, self.resolved)

    @contextlib.contextmanager
    def armed(self, adapter_dir: Path | None) -> Iterator[Any]:
        """Hold the model with an adapter on it, or without one.

        The adapter stays on until another is asked for: who asks one version again and
        again does not pay for loading it each time.

        Raises:
            ModelError: The adapter cannot be put on.
        """
        with self._lock:
            yield self._switch(adapter_dir)

    def _switch(self, adapter_dir: Path | None) -> Any:
        if self._applied and self._applied[0][0] != adapter_dir:
            _take_off(self._applied)
        if adapter_dir is None:
            return self.engine.base_model
        if not self._applied:
            stack = contextlib.ExitStack()
            model = stack.enter_context(
                adapter_applied(
                    self.engine.base_model,
                    adapter_dir,
                    base=self.resolved,
                    merge=merges(self.model),
                )
            )
            self._applied.append((adapter_dir, stack, model))
        return self._applied[0][2]


def _take_off(applied: list[tuple[Path, contextlib.ExitStack, Any]]) -> None:
    while applied:
        _, stack, _ = applied.pop()
        stack.close()
