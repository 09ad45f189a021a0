"""The report as one HTML file: no external resource, everything escaped.

The templates (`templates/`) hold markup, style and a few lines of script for the filters;
without script every question is simply shown.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sql_ft.evaluation.report_changes import Change, overall_change, slice_changes
from sql_ft.evaluation.report_data import ReportData, arm_rows, headline
from sql_ft.evaluation.report_highlights import Highlight, find_highlights
from sql_ft.evaluation.report_labels import (
    FAILURE_TEXTS,
    arm_label,
    check_label,
    format_bytes,
    format_rate,
    format_seconds,
    format_value,
)
from sql_ft.evaluation.report_plots import (
    change_style,
    plot_accuracy,
    plot_changes,
    plot_curve,
    plot_slices,
    plot_stages,
)
from sql_ft.evaluation.report_questions import (
    CHANGES,
    FAILURE,
    FilterKeys,
    filter_keys,
    list_filters,
    list_questions,
    make_card,
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Tile:
    """One of the large figures at the head."""

    label: str
    value: str
    text: str
    style: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Failure:
    """One kind of failure: counts per arm, ids with the numbers of their cards (0: none)."""

    kind: str
    text: str
    counts: list[int]
    examples: list[tuple[str, int]]
    key: str = ""


def render_html(data: ReportData) -> str:
    """One self-contained page, readable at 1280 px and on a phone, light and dark.

    Args:
        data: See `build_report_data`.
    """
    shown = list_questions(data.comparisons)
    keys = filter_keys(shown)
    counts = {change: len(data.changed(change)) for change in CHANGES}
    overall = overall_change(data)
    changes = slice_changes(data) if overall else {}
    improved, worse = find_highlights(data, changes) if overall else ([], [])
    return _template().render(
        data=data,
        headline=headline(data),
        tiles=_tiles(data, overall),
        arm_labels=[arm_label(arm) for arm in data.arms],
        rows=arm_rows(data),
        accuracy=plot_accuracy(data),
        sides=[arm_label(data.reference_arm), arm_label(data.arms[-1])] if overall else [],
        improved=_linked(improved, keys),
        worse=_linked(worse, keys),
        checks=[
            (check, check_label(check), format_value(check.value), format_value(check.threshold))
            for check in (data.decision.checks if data.decision else ())
        ],
        slices=plot_changes(overall, changes) if overall else plot_slices(data),
        curve=plot_curve(data.loss_curve),
        stages=plot_stages(data.stages),
        total_time=format_seconds(sum(stage.wall_time_s for stage in data.stages)),
        generation=_generation_rows(data),
        **_failure_tables(data, {c.sample.id: n for n, c in enumerate(shown, start=1)}, keys),
        examples=[
            (example.sample, [(arm_label(arm), text) for arm, text in example.answers.items()])
            for example in data.examples
        ],
        questions=(make_card(comparison, keys) for comparison in shown),
        n_questions=len(shown),
        left_out=len(data.comparisons) - len(shown),
        changes=[(change, CHANGES[change], n) for change, n in counts.items() if n],
        filters=list_filters(shown, keys),
    )


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _tiles(data: ReportData, overall: Change | None) -> list[_Tile]:
    """Accuracy before and after, the difference with its interval, and the flips."""
    if overall is None:
        return []
    tiles = [
        _Tile(
            arm_label(arm),
            format_rate(rate.rate),
            f"[{format_rate(rate.low)}, {format_rate(rate.high)}] of {rate.n}",
        )
        for arm in (data.reference_arm, data.arms[-1])
        for rate in (data.summaries[arm].execution_accuracy,)
    ]
    interval = f"[{overall.low:+.3f}, {overall.high:+.3f}]"
    tiles.append(_Tile("difference", f"{overall.difference:+.3f}", interval, change_style(overall)))
    flips = f"of {overall.n} answered by both"
    tiles.append(_Tile("gained, lost", f"+{overall.gains} −{overall.losses}", flips))
    return tiles


def _linked(highlights: Sequence[Highlight], keys: FilterKeys) -> list[tuple[Highlight, str]]:
    """Highlights with the key of the filter that shows their questions, "" without one."""
    return [(h, keys.get(h.key, "") if h.key else "") for h in highlights]


def _generation_rows(data: ReportData) -> list[tuple[str, list[str]]]:
    """What answering cost, one cell an arm; rows that no arm knows are left out."""
    formats = {
        "wall_time_s": ("time", format_seconds),
        "tokens_per_second": ("tokens/s", lambda value: f"{value:,.0f}"),
        "completion_tokens": ("tokens generated", lambda value: f"{value:,.0f}"),
        "peak_memory_bytes": ("peak memory", format_bytes),
    }
    rows = [
        (
            label,
            [
                form(stats[name]) if name in (stats := data.stats.get(arm, {})) else "–"
                for arm in data.arms
            ],
        )
        for name, (label, form) in formats.items()
    ]
    return [(label, cells) for label, cells in rows if any(cell != "–" for cell in cells)]


def _failure_tables(
    data: ReportData, places: Mapping[str, int], keys: FilterKeys
) -> dict[str, Any]:
    """Failures by kind, most frequent in the last arm first; and what was set aside."""
    last = data.summaries[data.arms[-1]]
    per_arm = [data.summaries[arm].failures for arm in data.arms]
    kinds = sorted(
        {kind for failures in per_arm for kind in failures},
        key=lambda kind: (-per_arm[-1].get(kind, 0), kind),
    )

    def placed(examples: Mapping[str, Sequence[str]], label: str) -> list[tuple[str, int]]:
        return [(sample_id, places.get(sample_id, 0)) for sample_id in examples.get(label, ())]

    return {
        "failures": [
            _Failure(
                kind=kind,
                text=FAILURE_TEXTS.get(kind, ""),
                counts=[failures.get(kind, 0) for failures in per_arm],
                examples=placed(last.failure_examples, kind),
                key=keys.get((FAILURE, kind), ""),
            )
            for kind in kinds
        ],
        "excluded": [
            _Failure(reason, "", [n], placed(last.excluded_examples, reason))
            for reason, n in last.excluded.items()
        ],
    }
