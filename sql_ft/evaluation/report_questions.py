"""The questions of a page: cards with differences marked, and what its filters ask of them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from sql_ft.evaluation.differences import mark_differences
from sql_ft.evaluation.metrics import failure_kind
from sql_ft.evaluation.report_data import Comparison
from sql_ft.evaluation.report_labels import arm_label, ordered_slices, ordered_values, slice_label
from sql_ft.evaluation.result_text import ResultHead, split_head
from sql_ft.records import Outcome, Verdict

MAX_QUESTIONS = 2000
"""Questions listed; the flipped ones come first, and the page says how many it leaves out."""

MAX_PAGE_CHARS = 8_000_000
"""Text of all questions listed: a browser opens that in a second or two."""

MAX_SQL_CHARS, MAX_SAID_CHARS = 4000, 600
"""Of one SQL text or schema, and of an answer without SQL, this much is shown."""

MAX_FILTER_VALUES = 40
"""A slice with more values than this is no filter of the page."""

CHANGES = {
    "gained": "gained",
    "lost": "lost",
    "wrong": "wrong",
    "both_right": "both right",
    "both_wrong": "both wrong",
    "right": "right",
    "excluded": "excluded",
}
"""Change → its name, in the order in which questions are listed."""

FAILURE = "failure"
"""Name of the filter that is no slice."""

_OPEN = ("gained", "lost", "wrong")
"""Changes whose results are shown without a click: what a reader came for."""

_MARKUP_CHARS = 1500
"""Markup of one card, about."""

FilterKeys = Mapping[tuple[str, str], str]
"""(Filter, value) → short key."""

Pieces = list[tuple[str, bool]]
"""Text in pieces, each with whether the other side lacks it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What one arm answered, for a card."""

    label: str
    pieces: Pieces
    said: str
    correct: bool
    failure: str
    detail: str
    head: ResultHead
    executed: str


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """One question of the page."""

    id: str
    change: str
    change_label: str
    keys: str
    question: str
    context: str
    tags: list[tuple[str, str]]
    gold: Pieces
    gold_executed: str
    gold_head: ResultHead
    is_open: bool
    answers: list[Answer]


def list_questions(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The questions that a page can hold, flipped ones first."""
    order = {change: place for place, change in enumerate(CHANGES)}
    chosen: list[Comparison] = []
    left = MAX_PAGE_CHARS
    for comparison in sorted(comparisons, key=lambda c: order[c.change])[:MAX_QUESTIONS]:
        left -= _length(comparison)
        if left < 0 and chosen:
            break
        chosen.append(comparison)
    return chosen


def make_card(comparison: Comparison, keys: FilterKeys) -> Card:
    """The card of one question: gold, before and after, each marked where the other lacks it."""
    sample, after = comparison.sample, comparison.after
    gold = comparison.gold_sql.strip()
    # The gold is marked against the answer that missed it; a reader of a gained question
    # wants to see what the reference lacked.
    missed = comparison.before if comparison.change == "gained" and comparison.before else after
    shown = comparison.predicted_sql(missed).strip()
    return Card(
        id=sample.id,
        change=comparison.change,
        change_label=CHANGES[comparison.change],
        keys=" ".join(keys[pair] for pair in _labels(comparison) if pair in keys),
        question=_shorten(sample.question, MAX_SQL_CHARS),
        context=_shorten(sample.context, MAX_SQL_CHARS),
        tags=[(slice_label(tag), ", ".join(values)) for tag, values in comparison.slices.items()],
        # Against an empty answer all of the gold would be marked, which says nothing.
        gold=_cut(mark_differences(shown, gold)) if shown else _cut([(gold, False)]),
        gold_executed=_shorten(after.gold_sql, MAX_SQL_CHARS),
        # Each side is compared on its own deciding database; the candidate's is shown.
        gold_head=split_head(after.gold_head),
        is_open=comparison.change in _OPEN,
        answers=[
            _answer(verdict, gold, comparison)
            for verdict in (comparison.before, after)
            if verdict is not None
        ],
    )


def filter_keys(comparisons: Sequence[Comparison]) -> FilterKeys:
    """Keys of the filters' values; filters that help nobody have none."""
    counts = Counter(pair for comparison in comparisons for pair in _labels(comparison))
    values: dict[str, list[str]] = {}
    for name, value in counts:
        values.setdefault(name, []).append(value)
    useful = {
        name
        for name, of_name in values.items()
        if name == FAILURE
        or (1 < len(of_name) <= MAX_FILTER_VALUES and any(counts[(name, v)] > 1 for v in of_name))
    }
    pairs = [(n, v) for n in ordered_slices(useful) for v in ordered_values(values[n])]
    return {pair: f"k{number}" for number, pair in enumerate(pairs)}


def list_filters(
    comparisons: Sequence[Comparison], keys: FilterKeys
) -> list[tuple[str, list[tuple[str, str, int]]]]:
    """Label of a filter → its options: key, text, questions."""
    counts = Counter(pair for comparison in comparisons for pair in _labels(comparison))
    filters: dict[str, list[tuple[str, str, int]]] = {}
    for (name, value), key in keys.items():
        label = FAILURE if name == FAILURE else slice_label(name)
        filters.setdefault(label, []).append((key, value or "(empty)", counts[(name, value)]))
    return sorted(filters.items(), key=lambda item: item[0] != FAILURE)


def _labels(comparison: Comparison) -> list[tuple[str, str]]:
    """What the page's filters can ask of a question: (filter, value)."""
    pairs = [(tag, value) for tag, values in comparison.slices.items() for value in values]
    after = comparison.after
    if after.outcome != Outcome.EXCLUDED and not after.correct:
        pairs.append((FAILURE, failure_kind(after)))
    return pairs


def _answer(verdict: Verdict, gold: str, comparison: Comparison) -> Answer:
    if verdict.outcome == Outcome.EXCLUDED:
        failure = verdict.reason
    else:
        failure = "" if verdict.correct else failure_kind(verdict)
    shown = comparison.predicted_sql(verdict).strip()
    return Answer(
        label=arm_label(verdict.arm),
        pieces=_cut(mark_differences(gold, shown)),
        said=_shorten(comparison.said.get(verdict.arm, ""), MAX_SAID_CHARS),
        correct=verdict.correct,
        failure=failure,
        detail=_shorten(verdict.detail, MAX_SAID_CHARS),
        head=split_head(verdict.predicted_head),
        executed=_shorten(verdict.predicted_sql, MAX_SQL_CHARS) if verdict.valid_sql else "",
    )


def _length(comparison: Comparison) -> int:
    """Characters that a card takes, about."""
    verdicts = [v for v in (comparison.before, comparison.after) if v is not None]
    texts = [comparison.sample.question, comparison.sample.context, comparison.gold_sql]
    texts += [comparison.after.gold_sql, comparison.after.gold_head]
    for verdict in verdicts:
        texts += [comparison.predicted_sql(verdict), verdict.predicted_sql, verdict.predicted_head]
        texts += [verdict.detail[:MAX_SAID_CHARS]]
    return _MARKUP_CHARS + sum(min(len(text), MAX_SQL_CHARS) for text in texts)


def _cut(pieces: Pieces) -> Pieces:
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
