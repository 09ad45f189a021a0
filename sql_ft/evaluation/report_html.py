"""The report as one HTML file: no external resource, everything escaped.

The template (`templates/report.html.j2`) holds markup, style and a few lines of script
for the filters; without script every question is simply shown.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sql_ft.evaluation.metrics import ArmSummary, Rate, failure_kind
from sql_ft.evaluation.report_data import (
    Comparison,
    ReportData,
    arm_label,
    arm_rows,
    check_label,
    format_value,
    mark_differences,
)
from sql_ft.records import Outcome, Verdict

MAX_QUESTIONS = 2000
"""Questions listed; the flipped ones come first, and the page says how many it leaves out."""

_CHANGES = {
    "gained": "gained",
    "lost": "lost",
    "both_right": "both right",
    "both_wrong": "both wrong",
    "right": "right",
    "wrong": "wrong",
    "excluded": "excluded",
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    label: str
    pieces: list[tuple[str, bool]]
    correct: bool
    failure: str
    detail: str
    head: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Bar:
    """One interval of a plot; positions in percent of the axis from 0 to 1."""

    label: str
    low: float
    rate: float
    high: float
    text: str
    is_last: bool


def render_html(data: ReportData) -> str:
    """One self-contained page, readable at 1280 px and on a phone, light and dark.

    Args:
        data: See `build_report_data`.
    """
    order = {change: i for i, change in enumerate(_CHANGES)}
    questions = sorted(data.comparisons, key=lambda c: order[c.change])
    counts = {change: len(data.changed(change)) for change in _CHANGES}
    shown = questions[:MAX_QUESTIONS]
    return _template().render(
        data=data,
        arm_labels=[arm_label(arm) for arm in data.arms],
        rows=arm_rows(data),
        accuracy=[
            _bar(arm_label(arm), data.summaries[arm].execution_accuracy, arm == data.arms[-1])
            for arm in data.arms
        ],
        checks=[
            (check, check_label(check), format_value(check.value), format_value(check.threshold))
            for check in (data.decision.checks if data.decision else ())
        ],
        slices=_slices(data),
        failures=_failures(data),
        excluded=_excluded(data.summaries[data.arms[-1]]),
        examples=[
            (example.sample, [(arm_label(arm), text) for arm, text in example.answers.items()])
            for example in data.examples
        ],
        questions=[_question(comparison, data) for comparison in shown],
        left_out=len(questions) - len(shown),
        changes=[(change, _CHANGES[change], n) for change, n in counts.items() if n],
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


def _bar(label: str, rate: Rate, is_last: bool) -> _Bar | None:
    if rate.rate is None or rate.low is None or rate.high is None:
        return None
    return _Bar(
        label=label,
        low=100 * rate.low,
        rate=100 * rate.rate,
        high=100 * rate.high,
        text=f"{rate.rate:.3f} ({rate.hits} of {rate.n})",
        is_last=is_last,
    )


def _slices(data: ReportData) -> list[tuple[str, list[tuple[str, list[_Bar]]]]]:
    """Tag → value → one bar per compared arm; values of the last arm, in their order."""
    last = data.summaries[data.arms[-1]]
    arms = [arm for arm in (data.reference_arm, data.arms[-1]) if arm]
    tags = []
    for tag, values in last.slices.items():
        rows = []
        for value in values:
            bars = [
                _bar(arm_label(arm), rates[value], arm == data.arms[-1])
                for arm in arms
                if value in (rates := data.summaries[arm].slices.get(tag, {}))
            ]
            rows.append((value or "(empty)", [bar for bar in bars if bar is not None]))
        tags.append((tag, rows))
    return tags


def _failures(data: ReportData) -> list[tuple[str, list[int]]]:
    """Kind of failure, then its count in every arm; most frequent in the last arm first."""
    per_arm = [data.summaries[arm].failures for arm in data.arms]
    kinds = sorted(
        {kind for failures in per_arm for kind in failures},
        key=lambda kind: (-per_arm[-1].get(kind, 0), kind),
    )
    return [(kind, [failures.get(kind, 0) for failures in per_arm]) for kind in kinds]


def _excluded(summary: ArmSummary) -> list[tuple[str, int]]:
    return list(summary.excluded.items())


def _question(comparison: Comparison, data: ReportData) -> dict[str, Any]:
    sample, after = comparison.sample, comparison.after
    answers = [_answer(after)]
    if comparison.before is not None:
        answers.insert(0, _answer(comparison.before))
    return {
        "id": sample.id,
        "change": comparison.change,
        "change_label": _CHANGES[comparison.change],
        "question": sample.question,
        "context": sample.context,
        "tags": sorted(sample.tags.items()),
        "gold_written": sample.gold_sql,
        "gold_sql": after.gold_sql,
        # Each side is compared on its own deciding database; the candidate's is shown.
        "gold_head": after.gold_head,
        "answers": answers,
    }


def _answer(verdict: Verdict) -> _Answer:
    if verdict.outcome == Outcome.EXCLUDED:
        failure = verdict.reason
    else:
        failure = "" if verdict.correct else failure_kind(verdict)
    pieces = mark_differences(verdict.gold_sql, verdict.predicted_sql)
    return _Answer(
        label=arm_label(verdict.arm),
        pieces=pieces,
        correct=verdict.correct,
        failure=failure,
        detail=verdict.detail,
        head=verdict.predicted_head,
    )
