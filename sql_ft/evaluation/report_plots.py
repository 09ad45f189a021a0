"""Where the marks of a plot stand, in percent of its width and height.

The page draws them as inline SVG (`templates/plots.html.j2`). Percent let one plot fit a
screen of any width without a line of script.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from sql_ft.evaluation.metrics import Rate
from sql_ft.evaluation.report_changes import Change
from sql_ft.evaluation.report_data import ReportData, StageTime
from sql_ft.evaluation.report_labels import (
    arm_label,
    format_seconds,
    ordered_slices,
    ordered_values,
    slice_label,
)

MIN_FOR_AXIS = 20
"""A slice of fewer questions does not stretch the axis: its marks may run off it."""

_TOPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One interval.

    Attributes:
        label: Read aloud; the arm, if there are several.
        low: Left end, 0 to 100.
        point: Its value.
        high: Right end.
        text: Its value for a reader.
        style: ``last`` for the arm in question, ``good``, ``bad``, or "".
        cut: It goes on beyond the axis: "", ``left``, ``right`` or ``both``.
    """

    label: str
    low: float
    point: float
    high: float
    text: str
    style: str = ""
    cut: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of a plot: a name, and its intervals under each other."""

    label: str
    bars: tuple[Bar, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Plot:
    """Lines over one axis.

    Attributes:
        rows: From top to bottom.
        ticks: (Place, text) of the axis.
        zero: Place of the line that means "no difference"; None without one.
        title: Heading; "" if the section has it.
    """

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None = None
    title: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class CurvePlot:
    """A curve; `y` grows downwards, as SVG has it.

    Attributes:
        points: ``x,y x,y …``, each 0 to 100.
        x_ticks: (Place, text) from the left.
        y_ticks: (Place, text) from the top.
        label: What it shows, in words.
    """

    points: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class StageBar:
    """Time of one stage; `width` in percent of the longest."""

    label: str
    width: float
    text: str
    note: str


def plot_accuracy(data: ReportData) -> Plot:
    """Execution accuracy of every arm, on an axis from 0 to 1."""
    last = data.arms[-1]
    bars = (
        (arm, _rate_bar(arm, data.summaries[arm].execution_accuracy, last)) for arm in data.arms
    )
    rows = tuple(Row(arm_label(arm), (bar,)) for arm, bar in bars if bar is not None)
    return Plot(rows, _unit_ticks())


def plot_slices(data: ReportData) -> list[Plot]:
    """Execution accuracy of the last arm on every slice, on an axis from 0 to 1."""
    last = data.arms[-1]
    slices = data.summaries[last].slices
    return [
        Plot(
            tuple(
                Row(value or "(empty)", (bar,))
                for value in ordered_values(slices[tag])
                if (bar := _rate_bar(last, slices[tag][value], last)) is not None
            ),
            _unit_ticks(),
            title=slice_label(tag),
        )
        for tag in ordered_slices(slices)
    ]


def plot_changes(overall: Change, changes: dict[str, list[Change]]) -> list[Plot]:
    """Difference in accuracy on every slice; one axis for all, so that they compare."""
    limit = axis_limit([overall, *(change for rows in changes.values() for change in rows)])
    ticks = ((0.0, f"−{limit:g}"), (50.0, "0"), (100.0, f"+{limit:g}"))
    plots = [Plot((_change_row("all", overall, limit),), ticks, zero=50.0, title="all questions")]
    for tag, rows in changes.items():
        lines = tuple(_change_row(row.value or "(empty)", row, limit) for row in rows)
        plots.append(Plot(lines, ticks, zero=50.0, title=slice_label(tag)))
    return plots


def axis_limit(changes: Iterable[Change]) -> float:
    """End of a symmetric axis, a multiple of 0.1; see `MIN_FOR_AXIS`."""
    ends = [0.1]
    for change in changes:
        if change.n >= MIN_FOR_AXIS:
            ends += [abs(change.difference), abs(change.low), abs(change.high)]
    return min(1.0, math.ceil(round(10 * max(ends), 6)) / 10)


def plot_curve(points: Sequence[tuple[int, float]]) -> CurvePlot | None:
    """A loss curve from 0; None with fewer than two points that are numbers."""
    finite = [(step, loss) for step, loss in points if math.isfinite(loss)]
    if len(finite) < 2 or finite[0][0] == finite[-1][0]:
        return None
    first, last = finite[0][0], finite[-1][0]
    top = _round_up(max(loss for _, loss in finite))
    return CurvePlot(
        points=" ".join(
            f"{100 * (step - first) / (last - first):.2f},{100 * (1 - max(loss, 0.0) / top):.2f}"
            for step, loss in finite
        ),
        x_ticks=((0.0, f"step {first:,}"), (100.0, f"step {last:,}")),
        y_ticks=((0.0, f"{top:g}"), (50.0, f"{top / 2:g}"), (100.0, "0")),
        label=f"training loss from {finite[0][1]:.3f} at step {first} to {finite[-1][1]:.3f} "
        f"at step {last}",
    )


def plot_stages(stages: Sequence[StageTime]) -> list[StageBar]:
    """Time of every stage, the longest as wide as the plot."""
    longest = max((stage.wall_time_s for stage in stages), default=0.0)
    return [
        StageBar(
            stage.name,
            100 * stage.wall_time_s / longest if longest > 0 else 0.0,
            format_seconds(stage.wall_time_s),
            stage.note,
        )
        for stage in stages
    ]


def _rate_bar(arm: str, rate: Rate, last: str) -> Bar | None:
    if rate.rate is None or rate.low is None or rate.high is None:
        return None
    return Bar(
        label=arm_label(arm),
        low=100 * rate.low,
        point=100 * rate.rate,
        high=100 * rate.high,
        text=f"{rate.rate:.3f} ({rate.hits} of {rate.n})",
        style="last" if arm == last else "",
    )


def _change_row(label: str, change: Change, limit: float) -> Row:
    left, right = change.low < -limit, change.high > limit

    def place(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / limit))

    return Row(
        label,
        (
            Bar(
                label="difference",
                low=place(change.low),
                point=place(change.difference),
                high=place(change.high),
                text=describe_change(change),
                style=change_style(change),
                cut="both" if left and right else "left" if left else "right" if right else "",
            ),
        ),
    )


def describe_change(change: Change) -> str:
    """One change in a few characters: difference, flips both ways, questions."""
    return f"{change.difference:+.3f} (+{change.gains} −{change.losses} of {change.n})"


def change_style(change: Change) -> str:
    """``good`` or ``bad`` where zero lies outside the interval, else ""."""
    if not change.is_clear:
        return ""
    return "good" if change.difference > 0 else "bad"


def _unit_ticks() -> tuple[tuple[float, str], ...]:
    return ((0.0, "0"), (50.0, "0.5"), (100.0, "1"))


def _round_up(value: float) -> float:
    """The next round number; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(top * unit for top in _TOPS if top * unit >= value * (1 - 1e-12))
