"""What a report shows, computed once for terminal, HTML and Markdown alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from sql_ft.errors import EvaluationError
from sql_ft.evaluation.examples import EXAMPLES
from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.report_labels import ARM_LABELS, format_rate
from sql_ft.records import Decision, Outcome, Prediction, Sample, Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One question with the answers of the two arms that the gate compared.

    Attributes:
        sample: The question.
        before: The reference's verdict; None if the report has one arm only.
        after: The candidate's verdict.
        change: ``gained``, ``lost``, ``both_right``, ``both_wrong``, ``right``,
            ``wrong`` or ``excluded``.
        slices: Slice → values of this question.
        written: Arm → SQL as the arm wrote it; without an entry it is not known.
        said: Arm → its whole answer, where no SQL was found in it.
    """

    sample: Sample
    before: Verdict | None
    after: Verdict
    change: str
    slices: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    written: Mapping[str, str] = dataclasses.field(default_factory=dict)
    said: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def gold_sql(self) -> str:
        """Gold to show: as the data has it, or as executed if no answer is known as written.

        What is translated and what is not must not be held side by side.
        """
        return self.sample.gold_sql if self.after.arm in self.written else self.after.gold_sql

    def predicted_sql(self, verdict: Verdict) -> str:
        """SQL to show for one of the two verdicts: as the model wrote it, where known."""
        return self.written.get(verdict.arm, verdict.predicted_sql)


@dataclasses.dataclass(frozen=True, slots=True)
class ExampleAnswers:
    """One of the fixed example questions and what each arm answered."""

    sample: Sample
    answers: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class StageTime:
    """Time that one stage took in this run.

    Attributes:
        name: e.g. ``train``.
        wall_time_s: Seconds from its start to its end.
        note: What a reader must know to read it, e.g. that its result was kept.
    """

    name: str
    wall_time_s: float
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ReportData:
    """Everything a report shows.

    Attributes:
        title: Heading.
        arms: Names of the arms, in the order shown.
        summaries: Arm → figures.
        stats: Arm → figures of generation, e.g. ``tokens_per_second``.
        decision: The gate's decision; None if there was nothing to decide.
        reference_arm: Arm that the candidate is compared with; "" with a single arm.
        comparisons: Every question of the evaluation set, in its order.
        examples: The fixed example questions with the arms' answers.
        facts: Label → text: model, data, versions, hashes.
        loss_curve: (Optimizer step, training loss), in steps' order; empty if unknown.
        stages: What the run spent its time on, in order; empty if unknown.
        costs: Label → text: size of the adapter, speed and memory of training.
    """

    title: str
    arms: tuple[str, ...]
    summaries: Mapping[str, ArmSummary]
    stats: Mapping[str, Mapping[str, float]]
    decision: Decision | None
    reference_arm: str
    comparisons: tuple[Comparison, ...]
    examples: tuple[ExampleAnswers, ...]
    facts: Mapping[str, str]
    loss_curve: tuple[tuple[int, float], ...] = ()
    stages: tuple[StageTime, ...] = ()
    costs: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def changed(self, change: str) -> list[Comparison]:
        """Comparisons with that `Comparison.change`."""
        return [comparison for comparison in self.comparisons if comparison.change == change]


def build_report_data(
    *,
    title: str,
    samples: Sequence[Sample],
    summaries: Mapping[str, ArmSummary],
    verdicts: Mapping[str, Sequence[Verdict]],
    predictions: Mapping[str, Sequence[Prediction]] | None = None,
    stats: Mapping[str, Mapping[str, float]] | None = None,
    decision: Decision | None = None,
    gold_slices: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
    facts: Mapping[str, str] | None = None,
    loss_curve: Sequence[tuple[int, float]] = (),
    stages: Sequence[StageTime] = (),
    costs: Mapping[str, str] | None = None,
) -> ReportData:
    """Put a report together.

    Args:
        title: Heading.
        samples: Of the evaluation set.
        summaries: Arm → `summarize` of its verdicts.
        verdicts: Arm → verdicts, the same arms.
        predictions: Arm → predictions; the answers to `EXAMPLES` and the SQL as written
            are taken from them.
        stats: Arm → figures of generation.
        decision: The gate's decision.
        gold_slices: Sample id → slice → values, besides the samples' own tags.
        facts: Label → text: what was compared.
        loss_curve: (Optimizer step, training loss), in steps' order.
        stages: See `ReportData`.
        costs: Label → text, see `ReportData`.

    Raises:
        EvaluationError: No arms, or summaries and verdicts of different arms.
    """
    if not summaries or set(summaries) != set(verdicts):
        raise EvaluationError(
            f"summaries of {sorted(summaries)}, verdicts of {sorted(verdicts)}",
            expected="the same arms, at least one",
        )
    arms = tuple(arm for arm in ARM_LABELS if arm in summaries)
    arms += tuple(arm for arm in summaries if arm not in ARM_LABELS)
    reference = ""
    if len(arms) > 1:
        named = decision.reference_arm if decision is not None else ""
        reference = named if named in arms else arms[0]
    answers = {arm: {p.sample_id: p for p in of_arm} for arm, of_arm in (predictions or {}).items()}
    return ReportData(
        title=title,
        arms=arms,
        summaries=summaries,
        stats=stats or {},
        decision=decision,
        reference_arm=reference,
        comparisons=tuple(
            _with_texts(comparison, gold_slices or {}, answers)
            for comparison in _compare(samples, verdicts, reference, arms[-1])
        ),
        examples=_example_answers(arms, predictions or {}),
        facts=facts or {},
        loss_curve=tuple((int(step), float(loss)) for step, loss in loss_curve),
        stages=tuple(stages),
        costs=costs or {},
    )


def headline(data: ReportData) -> str:
    """One sentence about a single arm; "" where the gate's reason says it."""
    if len(data.arms) != 1 or data.decision is not None:
        return ""
    summary = data.summaries[data.arms[0]]
    rate = summary.execution_accuracy
    aside = f"; {summary.n_excluded} set aside" if summary.n_excluded else ""
    if rate.rate is None:
        return f"nothing could be scored: all {summary.n} questions are set aside"
    return (
        f"{rate.hits} of {rate.n} questions right: execution accuracy {rate.rate:.3f} "
        f"[{rate.low:.3f}, {rate.high:.3f}]{aside}"
    )


def arm_rows(data: ReportData) -> list[tuple[str, list[str]]]:
    """The comparison table: label of the figure, then one cell an arm."""
    summaries = [data.summaries[arm] for arm in data.arms]
    rows = [
        ("execution accuracy", [format_rate(s.execution_accuracy.rate) for s in summaries]),
        ("95% interval", [_interval(s) for s in summaries]),
        ("clustered stderr", [format_rate(s.stderr) for s in summaries]),
        ("valid SQL", [format_rate(s.valid_sql_rate) for s in summaries]),
        ("schema adherence", [format_rate(s.schema_adherence) for s in summaries]),
        ("format consistency", [format_rate(s.format_consistency) for s in summaries]),
        ("canonical match", [format_rate(s.canonical_match) for s in summaries]),
        ("cut at max_new_tokens", [format_rate(s.truncated_share) for s in summaries]),
        ("questions scored", [f"{s.n_scored} of {s.n}" for s in summaries]),
        ("tokens/s", [_stat(data, arm, "tokens_per_second") for arm in data.arms]),
    ]
    # A row that no arm knows anything about says nothing.
    return [(label, cells) for label, cells in rows if any(cell != "–" for cell in cells)]


def _interval(summary: ArmSummary) -> str:
    rate = summary.execution_accuracy
    return "–" if rate.rate is None else f"{rate.low:.2f}–{rate.high:.2f}"


def _stat(data: ReportData, arm: str, name: str) -> str:
    value = data.stats.get(arm, {}).get(name)
    return "–" if value is None else f"{value:,.0f}"


def _compare(
    samples: Sequence[Sample],
    verdicts: Mapping[str, Sequence[Verdict]],
    reference: str,
    shown: str,
) -> Iterator[Comparison]:
    before = {v.sample_id: v for v in verdicts[reference]} if reference else {}
    after = {v.sample_id: v for v in verdicts[shown]}
    for sample in samples:
        if sample.id in after:
            old, new = before.get(sample.id), after[sample.id]
            yield Comparison(sample, old, new, _change(old, new))


def _with_texts(
    comparison: Comparison,
    gold_slices: Mapping[str, Mapping[str, tuple[str, ...]]],
    answers: Mapping[str, Mapping[str, Prediction]],
) -> Comparison:
    """The comparison with what is known beyond its verdicts."""
    sample = comparison.sample
    tags = {tag: (value,) for tag, value in sample.tags.items()}
    known = {arm: of_arm[sample.id] for arm, of_arm in answers.items() if sample.id in of_arm}
    return dataclasses.replace(
        comparison,
        slices={**tags, **gold_slices.get(sample.id, {})},
        written={arm: p.predicted_sql for arm, p in known.items()},
        said={
            arm: p.completion
            for arm, p in known.items()
            if p.completion.strip() and not p.predicted_sql.strip()
        },
    )


def _change(before: Verdict | None, after: Verdict) -> str:
    if Outcome.EXCLUDED in (after.outcome, before.outcome if before is not None else None):
        return "excluded"
    if before is None:
        return "right" if after.correct else "wrong"
    names = {
        (False, True): "gained",
        (True, False): "lost",
        (True, True): "both_right",
        (False, False): "both_wrong",
    }
    return names[before.correct, after.correct]


def _example_answers(
    arms: Sequence[str], predictions: Mapping[str, Sequence[Prediction]]
) -> tuple[ExampleAnswers, ...]:
    completions = {
        arm: {p.sample_id: p.completion for p in predictions.get(arm, ())} for arm in arms
    }
    found = (
        ExampleAnswers(
            sample,
            {arm: completions[arm][sample.id] for arm in arms if sample.id in completions[arm]},
        )
        for sample in EXAMPLES
    )
    return tuple(example for example in found if example.answers)
