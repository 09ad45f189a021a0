"""Verdicts of one arm → the figures that a table shows.

Rates lie in [0, 1] and count scored verdicts only: a verdict that is ``excluded``
(the gold or the harness failed) is in no denominator and is counted by reason. With
nothing scored a rate is None rather than zero.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from sql_ft.errors import EvaluationError
from sql_ft.evaluation.statistics import clustered_stderr, wilson_interval
from sql_ft.records import Outcome, Prediction, Sample, Verdict

MAX_SLICE_VALUES = 40
"""A tag with more values than this (an id, a free text) is no slice."""

MAX_EXAMPLES = 5
"""Ids kept per kind of failure and per reason of exclusion."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """A proportion with its Wilson interval.

    Attributes:
        n: Scored verdicts.
        hits: Of those, the ones that count.
        rate: hits / n; None if n is 0.
        low: Lower end of the 95% Wilson interval; None if n is 0.
        high: Upper end.
    """

    n: int
    hits: int
    rate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, hits: int, n: int, confidence: float = 0.95) -> Self:
        """Build the rate from counts."""
        if n == 0:
            return cls(n=0, hits=0, rate=None, low=None, high=None)
        low, high = wilson_interval(hits, n, confidence)
        return cls(n=n, hits=hits, rate=hits / n, low=low, high=high)


@dataclasses.dataclass(frozen=True, slots=True)
class ArmSummary:
    """All figures of one arm on one evaluation set.

    Attributes:
        arm: Name of the arm.
        n: Verdicts, the excluded ones included.
        n_scored: Verdicts that count.
        n_excluded: The others.
        excluded: Reason → count.
        n_clusters: Schema groups among the scored verdicts.
        execution_accuracy: Share of right answers, with the Wilson interval.
        stderr: Standard error of it, clustered by schema group; None with fewer
            than two groups.
        valid_sql_rate: Share of predictions that are one query and ran.
        schema_adherence: Share whose every table and column exists.
        format_consistency: Share of completions that were SQL and nothing else.
        truncated_share: Share of completions cut at max_new_tokens, over all
            predictions; None if predictions were not given.
        mean_completion_tokens: None if predictions were not given.
        failures: ``error:<status>`` or ``wrong_result:<reason>`` → count, most first.
        slices: Tag → value of the tag → rate of right answers.
        canonical_match: Share that is the gold in other letters (see `canonical_key`); None if
            it was not looked at.
        failure_examples: Kind of failure → ids of its first samples.
        excluded_examples: Reason → ids of the first samples set aside for it.
    """

    arm: str
    n: int
    n_scored: int
    n_excluded: int
    excluded: dict[str, int]
    n_clusters: int
    execution_accuracy: Rate
    stderr: float | None
    valid_sql_rate: float | None
    schema_adherence: float | None
    format_consistency: float | None
    truncated_share: float | None
    mean_completion_tokens: float | None
    failures: dict[str, int]
    slices: dict[str, dict[str, Rate]]
    canonical_match: float | None = None
    failure_examples: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    excluded_examples: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the summary from `to_dict` output."""
        slices = {
            tag: {value: Rate(**rate) for value, rate in rates.items()}
            for tag, rates in values["slices"].items()
        }
        return cls(
            **{
                **values,
                "execution_accuracy": Rate(**values["execution_accuracy"]),
                "slices": slices,
            }
        )

    def to_metrics(self) -> dict[str, float]:
        """Flat numbers for an experiment tracker; unknown figures are left out."""
        numbers: dict[str, float | None] = {
            "execution_accuracy": self.execution_accuracy.rate,
            "execution_accuracy_low": self.execution_accuracy.low,
            "execution_accuracy_high": self.execution_accuracy.high,
            "execution_accuracy_stderr": self.stderr,
            "valid_sql_rate": self.valid_sql_rate,
            "schema_adherence": self.schema_adherence,
            "format_consistency": self.format_consistency,
            "canonical_match": self.canonical_match,
            "truncated_share": self.truncated_share,
            "mean_completion_tokens": self.mean_completion_tokens,
            "n_scored": float(self.n_scored),
            "n_excluded": float(self.n_excluded),
        }
        return {name: value for name, value in numbers.items() if value is not None}


def summarize(
    verdicts: Sequence[Verdict],
    predictions: Sequence[Prediction] | None = None,
    samples: Sequence[Sample] | None = None,
    *,
    gold_slices: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    canonical: Mapping[str, bool] | None = None,
) -> ArmSummary:
    """Summarise one arm.

    Args:
        verdicts: Of one arm, at least one.
        predictions: The arm's predictions, for truncation and length.
        samples: Their samples; each tag with at most `MAX_SLICE_VALUES` values
            becomes a slice.
        gold_slices: Sample id → slice → its values, of which a sample may have several
            (`sql_features.slice_golds`).
        canonical: Sample id → the prediction is canonically the gold.

    Raises:
        EvaluationError: No verdicts, or verdicts of several arms.
    """
    arm = _one_arm(verdicts)
    scored = [v for v in verdicts if v.outcome != Outcome.EXCLUDED]
    excluded = Counter(v.reason for v in verdicts if v.outcome == Outcome.EXCLUDED)
    failures = Counter(failure_kind(v) for v in scored if not v.correct)
    groups = [v.schema_group for v in scored]
    truncated = tokens = None
    if predictions:
        truncated = _share([p.finish_reason == "length" for p in predictions])
        tokens = math.fsum(p.completion_tokens for p in predictions) / len(predictions)
    return ArmSummary(
        arm=arm,
        n=len(verdicts),
        n_scored=len(scored),
        n_excluded=len(verdicts) - len(scored),
        excluded=_most_first(excluded),
        n_clusters=len(set(groups)),
        execution_accuracy=Rate.of(sum(v.correct for v in scored), len(scored)),
        stderr=clustered_stderr([float(v.correct) for v in scored], groups),
        valid_sql_rate=_share([v.valid_sql for v in scored]),
        schema_adherence=_share([v.schema_adherence for v in scored]),
        format_consistency=_share([v.strict_format for v in scored]),
        truncated_share=truncated,
        mean_completion_tokens=tokens,
        failures=_most_first(failures),
        slices=_slices(scored, samples or (), gold_slices or {}),
        canonical_match=(
            None
            if canonical is None
            else _share([canonical.get(v.sample_id, False) for v in scored])
        ),
        failure_examples=_examples(failures, ((failure_kind(v), v) for v in scored)),
        excluded_examples=_examples(
            excluded, ((v.reason, v) for v in verdicts if v.outcome == Outcome.EXCLUDED)
        ),
    )


def failure_kind(verdict: Verdict) -> str:
    """Name under which a scored failure is counted: outcome, then what went wrong."""
    what = verdict.status if verdict.outcome == Outcome.ERROR else verdict.reason
    return f"{verdict.outcome.value}:{what}"


def _one_arm(verdicts: Sequence[Verdict]) -> str:
    arms = sorted({v.arm for v in verdicts})
    if len(arms) != 1:
        raise EvaluationError(
            f"verdicts of {len(arms)} arms ({', '.join(arms) or 'none'})",
            expected="the verdicts of exactly one arm",
        )
    return arms[0]


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _examples(
    counts: Counter[str], labelled: Iterable[tuple[str, Verdict]]
) -> dict[str, list[str]]:
    """First ids of every label that was counted, the most frequent label first."""
    ids: dict[str, list[str]] = {label: [] for label in _most_first(counts)}
    for label, verdict in labelled:
        if not verdict.correct and label in ids and len(ids[label]) < MAX_EXAMPLES:
            ids[label].append(verdict.sample_id)
    return ids


def _slices(
    scored: Sequence[Verdict],
    samples: Sequence[Sample],
    gold_slices: Mapping[str, Mapping[str, Sequence[str]]],
) -> dict[str, dict[str, Rate]]:
    tags = {sample.id: sample.tags for sample in samples}
    counts: dict[str, dict[str, list[int]]] = {}
    for verdict in scored:
        pairs = list(tags.get(verdict.sample_id, {}).items())
        for tag, of_gold in gold_slices.get(verdict.sample_id, {}).items():
            pairs += [(tag, value) for value in of_gold]
        for tag, value in pairs:
            hits_and_n = counts.setdefault(tag, {}).setdefault(value, [0, 0])
            hits_and_n[0] += int(verdict.correct)
            hits_and_n[1] += 1
    return {
        tag: {value: Rate.of(hits, n) for value, (hits, n) in sorted(values.items())}
        for tag, values in sorted(counts.items())
        # A tag that never repeats is an id, however few rows there are.
        if len(values) <= MAX_SLICE_VALUES
        and (len(values) == 1 or any(n > 1 for _, n in values.values()))
    }
