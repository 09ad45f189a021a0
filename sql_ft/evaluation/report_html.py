"""The report as one HTML file: no external resource, everything escaped.

The templates (`templates/`) hold markup, style and a few lines of script for the filters;
without script every question is simply shown.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sql_ft.evaluation.differences import mark_differences
from sql_ft.evaluation.metrics import Rate, failure_kind
from sql_ft.evaluation.report_data import (
    FAILURE_TEXTS,
    MAX_FILTER_VALUES,
    Comparison,
    ReportData,
    arm_label,
    arm_rows,
    check_label,
    format_value,
    headline,
    ordered_slices,
    ordered_values,
    slice_label,
)
from sql_ft.evaluation.result_text import ResultHead, split_head
from sql_ft.records import Outcome, Verdict

MAX_QUESTIONS = 2000
"""Questions listed; the flipped ones come first, and the page says how many it leaves out."""

MAX_SQL_CHARS, MAX_SAID_CHARS = 4000, 600
"""Of one SQL text, and of an answer without SQL, this much is shown."""

_CHANGES = {
    "gained": "gained",
    "lost": "lost",
    "wrong": "wrong",
    "both_right": "both right",
    "both_wrong": "both wrong",
    "right": "right",
    "excluded": "excluded",
}
_OPEN = ("gained", "lost", "wrong")
"""Changes whose results are shown without a click: what a reader came for."""

_FAILURE = "failure"


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    label: str
    pieces: list[tuple[str, bool]]
    said: str
    correct: bool
    failure: str
    detail: str
    head: ResultHead
    executed: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Bar:
    """One interval of a plot; positions in percent of the axis from 0 to 1."""

    label: str
    low: float
    rate: float
    high: float
    text: str
    is_last: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """One line of a plot: a name, and one bar an arm."""

    label: str
    bars: list[_Bar]


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
    order = {change: i for i, change in enumerate(_CHANGES)}
    questions = sorted(data.comparisons, key=lambda c: order[c.change])
    counts = {change: len(data.changed(change)) for change in _CHANGES}
    shown = questions[:MAX_QUESTIONS]
    keys = _filter_keys(shown)
    places = {comparison.sample.id: n for n, comparison in enumerate(shown, start=1)}
    last = data.arms[-1]
    arms = [arm for arm in (data.reference_arm, last) if arm]
    accuracy = [
        _Row(arm_label(arm), [bar])
        for arm in data.arms
        if (bar := _bar(arm_label(arm), data.summaries[arm].execution_accuracy, arm == last))
    ]
    return _template().render(
        data=data,
        headline=headline(data),
        arm_labels=[arm_label(arm) for arm in data.arms],
        rows=arm_rows(data),
        accuracy=accuracy,
        checks=[
            (check, check_label(check), format_value(check.value), format_value(check.threshold))
            for check in (data.decision.checks if data.decision else ())
        ],
        legend=[(arm_label(arm), arm == last) for arm in arms] if len(arms) > 1 else [],
        slices=_slices(data, arms),
        failures=_failures(data, places, keys),
        excluded=[
            _Failure(
                reason, "", [n], _placed(data.summaries[last].excluded_examples, reason, places)
            )
            for reason, n in data.summaries[last].excluded.items()
        ],
        examples=[
            (example.sample, [(arm_label(arm), text) for arm, text in example.answers.items()])
            for example in data.examples
        ],
        questions=[_question(comparison, keys) for comparison in shown],
        left_out=len(questions) - len(shown),
        changes=[(change, _CHANGES[change], n) for change, n in counts.items() if n],
        filters=_filters(shown, keys),
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


def _slices(data: ReportData, arms: Sequence[str]) -> list[tuple[str, list[_Row]]]:
    """Slice → one line a value of the last arm, one bar per compared arm."""
    last = data.summaries[arms[-1]]
    tags = []
    for tag in ordered_slices(last.slices):
        rows = []
        for value in ordered_values(last.slices[tag]):
            bars = [
                _bar(arm_label(arm), rates[value], arm == arms[-1])
                for arm in arms
                if value in (rates := data.summaries[arm].slices.get(tag, {}))
            ]
            rows.append(_Row(value or "(empty)", [bar for bar in bars if bar is not None]))
        tags.append((slice_label(tag), rows))
    return tags


def _failures(
    data: ReportData, places: Mapping[str, int], keys: Mapping[tuple[str, str], str]
) -> list[_Failure]:
    """Kind of failure, its count in every arm, examples; most frequent in the last arm first."""
    per_arm = [data.summaries[arm].failures for arm in data.arms]
    kinds = sorted(
        {kind for failures in per_arm for kind in failures},
        key=lambda kind: (-per_arm[-1].get(kind, 0), kind),
    )
    examples = data.summaries[data.arms[-1]].failure_examples
    return [
        _Failure(
            kind=kind,
            text=FAILURE_TEXTS.get(kind, ""),
            counts=[failures.get(kind, 0) for failures in per_arm],
            examples=_placed(examples, kind, places),
            key=keys.get((_FAILURE, kind), ""),
        )
        for kind in kinds
    ]


def _placed(
    examples: Mapping[str, Sequence[str]], label: str, places: Mapping[str, int]
) -> list[tuple[str, int]]:
    return [(sample_id, places.get(sample_id, 0)) for sample_id in examples.get(label, ())]


def _labels(comparison: Comparison) -> list[tuple[str, str]]:
    """What the page's filters can ask of a question: (filter, value)."""
    pairs = [(tag, value) for tag, values in comparison.slices.items() for value in values]
    after = comparison.after
    if after.outcome != Outcome.EXCLUDED and not after.correct:
        pairs.append((_FAILURE, failure_kind(after)))
    return pairs


def _filter_keys(comparisons: Sequence[Comparison]) -> dict[tuple[str, str], str]:
    """(Filter, value) → its short key in the page; filters that help nobody have none."""
    counts = Counter(pair for comparison in comparisons for pair in _labels(comparison))
    values: dict[str, list[str]] = {}
    for name, value in counts:
        values.setdefault(name, []).append(value)
    useful = {
        name
        for name, of_name in values.items()
        if name == _FAILURE
        or (1 < len(of_name) <= MAX_FILTER_VALUES and any(counts[(name, v)] > 1 for v in of_name))
    }
    pairs = [(n, v) for n in ordered_slices(useful) for v in ordered_values(values[n])]
    return {pair: f"k{number}" for number, pair in enumerate(pairs)}


def _filters(
    comparisons: Sequence[Comparison], keys: Mapping[tuple[str, str], str]
) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """Label of a filter → its options: key, text, questions."""
    counts = Counter(pair for comparison in comparisons for pair in _labels(comparison))
    filters: dict[str, list[tuple[str, str, int]]] = {}
    for (name, value), key in keys.items():
        label = _FAILURE if name == _FAILURE else slice_label(name)
        filters.setdefault(label, []).append((key, value or "(empty)", counts[(name, value)]))
    return sorted(filters.items(), key=lambda item: item[0] != _FAILURE)


def _question(comparison: Comparison, keys: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    sample, after = comparison.sample, comparison.after
    # As written, both sides are what a reader knows; if one is unknown, both as executed.
    written = after.arm in comparison.written
    gold = (sample.gold_sql if written else after.gold_sql).strip()
    shown = (comparison.written[after.arm] if written else after.predicted_sql).strip()
    verdicts = [v for v in (comparison.before, after) if v is not None]
    return {
        "id": sample.id,
        "change": comparison.change,
        "change_label": _CHANGES[comparison.change],
        "labels": " ".join(keys[pair] for pair in _labels(comparison) if pair in keys),
        "question": sample.question,
        "context": sample.context,
        "tags": [
            (slice_label(tag), ", ".join(values)) for tag, values in comparison.slices.items()
        ],
        # Against an empty answer all of the gold would be marked, which says nothing.
        "gold": _cut(mark_differences(shown, gold)) if shown else [(gold, False)],
        "gold_executed": after.gold_sql,
        # Each side is compared on its own deciding database; the candidate's is shown.
        "gold_head": split_head(after.gold_head),
        "open": comparison.change in _OPEN,
        "answers": [
            _answer(v, gold, comparison.written.get(v.arm), comparison.said.get(v.arm, ""))
            for v in verdicts
        ],
    }


def _answer(verdict: Verdict, gold: str, written: str | None, said: str) -> _Answer:
    if verdict.outcome == Outcome.EXCLUDED:
        failure = verdict.reason
    else:
        failure = "" if verdict.correct else failure_kind(verdict)
    shown = verdict.predicted_sql if written is None else written
    return _Answer(
        label=arm_label(verdict.arm),
        pieces=_cut(mark_differences(gold, shown.strip())),
        said=_shorten(said, MAX_SAID_CHARS),
        correct=verdict.correct,
        failure=failure,
        detail=verdict.detail,
        head=split_head(verdict.predicted_head),
        executed=_shorten(verdict.predicted_sql, MAX_SQL_CHARS) if verdict.valid_sql else "",
    )


def _cut(pieces: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """The pieces up to `MAX_SQL_CHARS`, and how much is left out."""
    total, kept = 0, []
    for text, is_new in pieces:
        if total + len(text) > MAX_SQL_CHARS:
            kept.append((text[: MAX_SQL_CHARS - total], is_new))
            left = sum(len(t) for t, _ in pieces) - MAX_SQL_CHARS
            return [*kept, (f"… {left:,} more characters", False)]
        kept.append((text, is_new))
        total += len(text)
    return kept


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… {len(text) - limit:,} more characters"
