"""The comparison as a plot: one row a child, with its interval, and the base as a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sql_ft.evaluation.figures import name_rows, new_figure
from sql_ft.sweep.comparison import ChildOutcome, by_accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BEST, _OTHER, _BASE = "#1f6feb", "#5b6672", "#9a6700"
_NAME = "validation/execution_accuracy"


def draw_comparison(
    outcomes: Sequence[ChildOutcome], best: ChildOutcome | None, base_accuracy: float | None
) -> Figure:
    """Validation accuracy of every scored child, best first.

    Args:
        outcomes: The children; those without a figure are left out.
        best: Drawn in its own colour.
        base_accuracy: Of the base without an adapter; None draws no line.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra ``flow`` brings it).
    """
    rows = [o for o in by_accuracy(outcomes) if o.accuracy is not None]
    figure, axes = new_figure(8.0, 1.4 + 0.3 * max(1, len(rows)))
    for place, outcome in enumerate(rows):
        chosen = best is not None and outcome.number == best.number
        colour = _BEST if chosen else _OTHER
        low, high = (outcome.metrics.get(f"{_NAME}_{end}") for end in ("low", "high"))
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colour)
        axes.plot(outcome.metrics[_NAME], place, "o", color=colour)
        axes.annotate(
            f"{outcome.metrics[_NAME]:.3f}",
            (outcome.metrics[_NAME], place),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=colour,
        )
    if base_accuracy is not None:
        axes.axvline(base_accuracy, color=_BASE, linestyle="--", linewidth=1.0)
        axes.set_title(f"dashed: base without adapter, {base_accuracy:.3f}", fontsize=9, loc="left")
    name_rows(axes, [outcome.label for outcome in rows])
    axes.set_xlabel("execution accuracy on the validation questions, 95% interval")
    return figure
