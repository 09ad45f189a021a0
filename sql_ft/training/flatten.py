"""Rows of a batch end to end, in as few forward passes as the memory allows.

A step's rows are the same as with padding, so is its loss (the mean over the step's
supervised tokens); only the layout differs. Where the rows do not fit into one pass of
`token_budget` tokens, they become several micro-batches whose gradients add up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sql_ft.training.dataset import IGNORED
from sql_ft.training.ranks import Ranks, share_rows

# Longer passes have finer head sizes: there rounding costs more than another capture.
_LONG_PASS = 4096
_ROWS_STEP = 64


def split_rows(lengths: Sequence[int], token_budget: int, *, at_least: int = 1) -> list[list[int]]:
    """Divide rows, in their order, into runs of at most `token_budget` tokens.

    The runs are as even as the order allows: a last run of a few tokens would cost a whole
    pass. A row longer than the budget is a run of its own. `at_least` so many runs are made
    where there are as many rows.
    """
    total = sum(lengths)
    passes = max(min(at_least, len(lengths)), -(-total // token_budget), 1)
    while True:
        aim = total / passes
        runs: list[list[int]] = []
        used = 0
        for index, length in enumerate(lengths):
            full = bool(runs) and used + length > token_budget
            reached = bool(runs) and len(runs) < passes and used + length / 2 > aim
            if not runs or full or reached:
                runs.append([])
                used = 0
            runs[-1].append(index)
            used += length
        if len(runs) <= passes or len(runs) == len(lengths):
            return runs
        passes = len(runs)


def rounding(tokens: int) -> int:
    """Return what a pass of `tokens` is rounded up to a multiple of.

    Few enough shapes that each can be captured once and replayed; at most 6 % of filling.
    """
    return 256 if tokens <= 8192 else 512 if tokens <= 16384 else 1024


def round_up(value: int, step: int) -> int:
    """Return the smallest multiple of `step` that is at least `value`."""
    return -(-value // step) * step


@dataclasses.dataclass(frozen=True, slots=True)
class FlattenCollator:
    """Turns rows into micro-batches of one flat sequence each.

    Attributes:
        token_budget: Most tokens of a forward pass.
        longest: Tokens of the longest row of the dataset.
        pad_id: Fills up to the rounded shape; such tokens are rows of their own that
            carry no loss.
        rounded: Round shapes up, so that they repeat and can be captured (GPU).
        passes: At least so many micro-batches, where there are as many rows.
        ranks: Which share of the rows to lay out; the counts are those of all.
    """

    token_budget: int
    longest: int
    pad_id: int
    rounded: bool
    passes: int = 1
    ranks: Ranks = dataclasses.field(default_factory=Ranks)

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
        """Return ``micro_batches``, and all ids and labels under TRL's names."""
        import torch

        lengths = [len(row["input_ids"]) for row in rows]
        mine = share_rows(lengths, self.ranks.processes)[self.ranks.index]
        runs = split_rows(
            [lengths[index] for index in mine], self.token_budget, at_least=self.passes
        )
        micro_batches = [self._flatten([rows[mine[place]] for place in run]) for run in runs]
        labels = [[IGNORED, *row["labels"][1:]] for row in rows]
        return {
            "input_ids": torch.tensor([[i for row in rows for i in row["input_ids"]]]),
            "labels": torch.tensor([[label for row in labels for label in row]]),
            "micro_batches": micro_batches,
            "tokens": sum(lengths),
            "supervised": sum(label != IGNORED for row in labels for label in row),
        }

    def _flatten(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
        import torch

        ids: list[int] = []
        places: list[int] = []
        predicting: list[int] = []
        targets: list[int] = []
        lengths: list[int] = []
        for row in rows:
            start = len(ids)
            ids.extend(row["input_ids"])
            places.extend(range(len(row["input_ids"])))
            lengths.append(len(row["input_ids"]))
            for offset, label in enumerate(row["labels"][1:]):
                if label != IGNORED:
                    predicting.append(start + offset)
                    targets.append(label)
        if self.rounded:
            self._fill(ids, places, lengths, predicting, targets)
        # The way back from positions to heads; filling is not on it.
        slots = [len(predicting)] * len(ids)
        for slot, (place, target) in enumerate(zip(predicting, targets, strict=True)):
            if target != IGNORED:
                slots[place] = slot
        ends = [0]
        for length in lengths:
            ends.append(ends[-1] + length)
        if self.rounded:
            # Empty rows: the kernel skips them.
            ends.extend([ends[-1]] * (round_up(len(lengths), _ROWS_STEP) - len(lengths)))
        return {
            "input_ids": torch.tensor([ids]),
            "position_ids": torch.tensor([places]),
            "boundaries": torch.tensor(ends, dtype=torch.int32),
            "predicting": torch.tensor(predicting),
            "targets": torch.tensor(targets),
            "slots": torch.tensor(slots),
            "lengths": tuple(lengths),
        }

    def _fill(
        self,
        ids: list[int],
        places: list[int],
        lengths: list[int],
        predicting: list[int],
        targets: list[int],
    ) -> None:
        tokens = len(ids)
        wanted = round_up(tokens, rounding(tokens))
        while len(ids) < wanted:
            # Flash attention's grid covers rows of at most `longest` tokens.
            length = min(self.longest, wanted - len(ids))
            ids.extend([self.pad_id] * length)
            places.extend(range(length))
            lengths.append(length)
        if wanted <= _LONG_PASS:
            # One head size a shape, in most cases: half of the tokens, else all of them.
            heads = wanted // 2 if len(predicting) <= wanted // 2 else wanted
        else:
            heads = round_up(len(predicting), max(512, round_up(wanted, 8192) // 32))
        predicting.extend([0] * (heads - len(predicting)))
        targets.extend([IGNORED] * (heads - len(targets)))
