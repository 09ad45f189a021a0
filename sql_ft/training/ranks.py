"""Which of several training processes this one is, and which rows of a step are its own.

Every process draws the whole step, in the same order, and keeps its share. So a step holds
the rows that it holds in one process, its loss is divided by the same count of supervised
tokens, and nothing need be exchanged but gradients. (Data loaders that deal batches out to
processes change what a step holds, and fill the last one up with rows of the first.)
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

from sql_ft.training.dataset import IGNORED


@dataclasses.dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        index: Its number; process 0 reports and writes.
        processes: How many there are.
    """

    index: int = 0
    processes: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """Read what PyTorch's launcher wrote into the environment."""
        return cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))

    @property
    def first(self) -> bool:
        """Whether this process reports and writes."""
        return self.index == 0

    def backend(self, device: str) -> str | None:
        """Return how processes exchange tensors; None leaves PyTorch's choice (NCCL)."""
        return "gloo" if device == "cpu" else None

    @staticmethod
    def part() -> None:
        """Leave the others; a process that ends without it may abort while another still talks."""
        import torch.distributed

        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.processes > 1:
            import torch.distributed

            torch.distributed.barrier()


def share_rows(lengths: Sequence[int], processes: int) -> list[list[int]]:
    """Divide a step's rows so that no process has many more tokens than another.

    Longest first, each to the process with the fewest tokens; the same on every process.

    Returns:
        Indices into `lengths` for each process, ascending; empty where rows are fewer.
    """
    shares: list[list[int]] = [[] for _ in range(processes)]
    tokens = [0] * processes
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        rank = min(range(processes), key=lambda r: (tokens[r], len(shares[r]), r))
        shares[rank].append(index)
        tokens[rank] += lengths[index]
    return [sorted(share) for share in shares]


def divide_step(batch: int, accumulation: int, processes: int) -> tuple[int, int]:
    """Return rows and number of a step's micro-batches when `processes` share each of them.

    The rows of a step stay as they are; a process holds no more of them at once than alone.
    """
    fewer = -(-accumulation // processes)
    if accumulation % fewer:
        return batch, accumulation
    return batch * accumulation // fewer, fewer


@dataclasses.dataclass(frozen=True, slots=True)
class SharingCollator:
    """Pads this process's share of a micro-batch.

    Attributes:
        pad: The collator that makes tensors of rows.
        ranks: Whose share.
    """

    pad: Callable[[list[dict[str, Any]]], dict[str, Any]]
    ranks: Ranks

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the share; a process without a row computes one that teaches nothing."""
        lengths = [len(row["input_ids"]) for row in rows]
        mine = share_rows(lengths, self.ranks.processes)[self.ranks.index]
        if mine:
            return self.pad([rows[index] for index in mine])
        # Gradients are averaged in the backward pass: all must run one.
        idle = min(rows, key=lambda row: len(row["input_ids"]))
        return self.pad([{**idle, "labels": [IGNORED] * len(idle["labels"])}])
