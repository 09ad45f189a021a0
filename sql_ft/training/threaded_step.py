"""A CPU's optimizer step: one flat micro-batch a core, each in a thread of its own.

PyTorch divides single operations among threads. Half of a small model's step are operations
too short for that: they run on one core while the other waits. Here the rows are divided
instead, each thread runs its passes without dividing anything, and the cores meet once a
step. Gradients are summed in the order of the micro-batches, so the same seed still gives
the same adapter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch


class ThreadedStep:
    """Runs the micro-batches of a step side by side; takes the place of one `PackedStep`.

    Attributes:
        loss: As `PackedStep` has it.
        correct: As `PackedStep` has it.
    """

    def __init__(self, make_step: Callable[[], Any], threads: int) -> None:
        """Prepare one step for each thread.

        Args:
            make_step: Makes a `PackedStep`; each has gradients of its own.
            threads: Micro-batches at a time.
        """
        self._steps = [make_step() for _ in range(threads)]
        self.loss = torch.zeros(())
        self.correct = torch.zeros(())

    def run(self, micro_batches: Sequence[dict[str, Any]], supervised: int) -> None:
        """Compute loss and gradients of one optimizer step; see `PackedStep.run`."""
        count = len(self._steps)
        shares = [micro_batches[number::count] for number in range(count)]
        used = [(step, share) for step, share in zip(self._steps, shares, strict=True) if share]
        with _undivided_operations(), ThreadPoolExecutor(count) as pool:
            running = [pool.submit(step.run, share, supervised) for step, share in used[1:]]
            first = used[0][0]
            first.run(used[0][1], supervised)
            for future in running:
                future.result()
        for step, _ in used[1:]:
            first.sums.add_(step.sums)
        # The others set their own when they ended.
        first.set_gradients()
        self.loss, self.correct = first.loss, first.correct


@contextlib.contextmanager
def _undivided_operations() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
