"""TRL's trainer without what this project does not ship: model cards."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer


class PlainSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """`trl.SFTTrainer` that writes no README into its checkpoints.

    The card would carry a path of this machine and look packages up on each save.
    """

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""
