"""What a pass over prompts and a decoding step read: tensors whose addresses a graph can keep."""

from __future__ import annotations

import dataclasses

import torch


@dataclasses.dataclass(slots=True)
class State:
    """One row a place: what a step reads and leaves for the next.

    Attributes:
        tokens: ``[rows]``: chosen last.
        positions: ``[rows]``: place of that token in its row.
        places: ``[rows]``: place of its key in the cache.
        slot_starts: ``int32[rows + 1]``: first place of each row's slot.
        counts: ``int32[rows]``: tokens of each row, that one included.
        stopped: ``bool[rows]``.
        out: ``[rows, most new tokens]``.
        step: ``[1]``: tokens chosen so far.
        query_starts: ``int32[rows + 1]``: 0, 1, 2, …
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    places: torch.Tensor
    slot_starts: torch.Tensor
    counts: torch.Tensor
    stopped: torch.Tensor
    out: torch.Tensor
    step: torch.Tensor
    query_starts: torch.Tensor

    def fields(self) -> list[torch.Tensor]:
        """Return its tensors, in their order."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def load(self, other: State) -> None:
        """Take another's values into these tensors."""
        for mine, theirs in zip(self.fields(), other.fields(), strict=True):
            mine.copy_(theirs)

    def kept(self, rows: torch.Tensor) -> State:
        """Return a state of some of the rows."""
        starts = self.slot_starts.index_select(0, rows)
        return State(
            tokens=self.tokens[rows],
            positions=self.positions[rows],
            places=self.places[rows],
            slot_starts=torch.cat([starts, starts[-1:]]),
            counts=self.counts[rows],
            stopped=self.stopped[rows],
            out=self.out[rows],
            step=self.step.clone(),
            query_starts=self.query_starts[: len(rows) + 1].clone(),
        )


@dataclasses.dataclass(slots=True)
class Prompts:
    """Prompts end to end: what a pass over them reads.

    Attributes:
        ids: ``[tokens]``.
        positions: ``[tokens]``: place of each token in its prompt.
        places: ``[tokens]``: place of each token in the cache.
        boundaries: ``int32[rows + 1]``.
        lasts: ``[prompts]``: index of each prompt's last token.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    places: torch.Tensor
    boundaries: torch.Tensor
    lasts: torch.Tensor

    def fields(self) -> list[torch.Tensor]:
        """Return its tensors, in their order."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]
