"""Parts of batches on the cores of a CPU.

A decoding step of a small model is many short operations; dividing each of them among the
cores leaves the cores waiting for each other. Here each core decodes rows of its own. How a
batch is cut depends on that batch and the machine alone, so that the same batch gives the
same bits when it is asked about again (the check of what is served does).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

# Fewer rows are not worth a core of their own: the weights are read for each part.
_MIN_ROWS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Rows that are decoded together.

    Attributes:
        indices: Of the prompts.
        threads: Cores that each operation is divided among.
    """

    indices: list[int]
    threads: int


def cut_batch(batch: Sequence[int], cores: int) -> list[Part]:
    """Cut a batch into one part a core, or fewer where it is small."""
    count = max(1, min(cores, len(batch) // _MIN_ROWS))
    # Neighbours have the same length: a part that took every second row would pad as little.
    return [Part(list(batch[number::count]), cores // count) for number in range(count)]


def run_side_by_side(
    work: Callable[[Part], Part], parts: Sequence[Part], cores: int
) -> Iterator[Part]:
    """Run `work` on every part, as many at a time as there are cores for; yield the finished.

    Raises:
        Exception: Whatever `work` raised; parts that have not begun are dropped.
    """
    for threads in sorted({part.threads for part in parts}):
        group = [part for part in parts if part.threads == threads]
        at_a_time = min(len(group), max(1, cores // threads))
        with _operations_divided(threads):
            if at_a_time == 1:
                yield from map(work, group)
                continue
            with ThreadPoolExecutor(at_a_time) as pool:
                running = [pool.submit(work, part) for part in group]
                try:
                    for future in as_completed(running):
                        yield future.result()
                finally:
                    pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _operations_divided(threads: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if before != threads:
            torch.set_num_threads(before)
