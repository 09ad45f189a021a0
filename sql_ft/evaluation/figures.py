"""The report's plots as matplotlib figures, for those who want a PNG.

The only module that needs matplotlib, and it does so when a figure is drawn: the core
installation has none. No pyplot: it keeps state for the whole process, and tasks run in
threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sql_ft.evaluation.report_changes import Change, overall_change, slice_changes
from sql_ft.evaluation.report_data import ReportData
from sql_ft.evaluation.report_labels import arm_label, slice_label
from sql_ft.evaluation.report_plots import axis_limit, change_style, describe_change

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 60
"""Slices drawn in one figure; those with the most questions are kept."""

_COLOURS = {"": "#5b6672", "good": "#1a7f37", "bad": "#c62828", "last": "#1f6feb"}
_ROW_INCHES = 0.27
_DPI = 110


def draw_figures(data: ReportData) -> dict[str, Figure]:
    """File name → figure: accuracy by arm, gain per slice and loss curve, as far as known.

    Args:
        data: See `build_report_data`.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra ``flow`` brings it).
    """
    figures = {"accuracy_by_arm.png": _draw_accuracy(data)}
    overall = overall_change(data)
    if overall is not None:
        figures["gain_per_slice.png"] = _draw_gains(data, overall)
    curve = [(step, loss) for step, loss in data.loss_curve if math.isfinite(loss)]
    if len(curve) > 1:
        figures["loss_curve.png"] = _draw_curve(curve)
    return figures


def _draw_accuracy(data: ReportData) -> Figure:
    figure, axes = new_figure(7.0, 1.2 + 0.45 * len(data.arms))
    for place, arm in enumerate(data.arms):
        rate = data.summaries[arm].execution_accuracy
        if rate.rate is None or rate.low is None or rate.high is None:
            continue
        colour = _COLOURS["last" if arm == data.arms[-1] else ""]
        axes.plot([rate.low, rate.high], [place, place], color=colour)
        axes.plot(rate.rate, place, "o", color=colour)
        axes.annotate(
            f"{rate.rate:.3f}",
            (rate.rate, place),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    name_rows(axes, [arm_label(arm) for arm in data.arms])
    axes.set_xlim(0, 1)
    axes.set_xlabel("execution accuracy, 95% Wilson interval")
    axes.set_title(_plain(data.title), loc="left")
    return figure


def _draw_gains(data: ReportData, overall: Change) -> Figure:
    rows = [change for changes in slice_changes(data).values() for change in changes]
    kept = {id(c) for c in sorted(rows, key=lambda c: -c.n)[:MAX_ROWS]}
    shown = [overall, *(change for change in rows if id(change) in kept)]
    figure, axes = new_figure(9.0, 1.3 + _ROW_INCHES * len(shown))
    limit = axis_limit(shown)
    for place, change in enumerate(shown):
        colour = _COLOURS[change_style(change)]
        axes.plot([change.low, change.high], [place, place], color=colour)
        axes.plot(change.difference, place, "o", color=colour, markersize=5)
        axes.annotate(
            describe_change(change),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=colour,
        )
    names = [f"{slice_label(c.tag)}: {c.value or '(empty)'}" if c.tag else "all" for c in shown]
    name_rows(axes, names)
    axes.axvline(0.0, color="#1b1f24", linewidth=0.8)
    axes.set_xlim(-limit, limit)
    before, after = arm_label(data.reference_arm), arm_label(data.arms[-1])
    axes.set_xlabel(f"accuracy of {after} minus that of {before}, 95% interval")
    axes.set_title(_plain(data.title), loc="left")
    return figure


def _draw_curve(curve: list[tuple[int, float]]) -> Figure:
    figure, axes = new_figure(7.0, 3.4)
    axes.plot([step for step, _ in curve], [loss for _, loss in curve], color=_COLOURS["last"])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("training loss")
    return figure


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty plot in the report's style, sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#e5e9ed", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def name_rows(axes: Axes, names: list[str]) -> None:
    """Name the rows of a plot, the first on top."""
    axes.set_yticks(range(len(names)), [_plain(name) for name in names])
    axes.tick_params(axis="y", labelsize=9, length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formula, one line of at most 60 characters."""
    one_line = " ".join(text.split()).replace("$", r"\$")
    return one_line if len(one_line) <= 60 else f"{one_line[:59]}…"
