"""What the gate knows of each arm, and the questions on which two arms can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.sign_flip import ClusterTotals, cluster_totals, paired_values, sign_flip_p
from sql_ft.evaluation.statistics import PairedDifference, paired_difference
from sql_ft.records import Outcome, Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """What the gate knows of one arm.

    Attributes:
        verdicts: One per sample of the evaluation set, any order.
        summary: `summarize` of those verdicts **with** their predictions.
        adapter_hash: `hash_adapter` of the weights; "" for a base model.
        version: Registry version; "" if not registered.
        evaluation_set_hash: `EvaluationSet.hash` of the questions.
        evaluator_hash: `evaluator_hash` of the rules.
        empty_adapter: The adapter's update is zero everywhere, so that it is the base
            under another name; None if nobody looked.
        completion_tokens: Sample id → tokens generated for it.
    """

    verdicts: Sequence[Verdict]
    summary: ArmSummary
    adapter_hash: str
    version: str
    evaluation_set_hash: str
    evaluator_hash: str
    empty_adapter: bool | None = None
    completion_tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Questions scored on both sides, in the order of their ids.

    Attributes:
        n_samples: Questions of the set, the excluded ones included.
        reference: Verdicts of the reference.
        candidate: Verdicts of the candidate, question by question.
        totals: Differences in correctness by schema.
        difference: Their mean, with the interval of the paired test at its level.
        p_value: Of the paired test: the candidate is better.
    """

    n_samples: int
    reference: list[Verdict]
    candidate: list[Verdict]
    totals: ClusterTotals
    difference: PairedDifference
    p_value: float

    @property
    def groups(self) -> list[str]:
        """Cluster of each question."""
        return [v.schema_group for v in self.candidate]

    def changed_answers(self) -> int:
        """Questions that the two sides answered with different SQL."""
        return sum(
            r.predicted_sql != c.predicted_sql
            for r, c in zip(self.reference, self.candidate, strict=True)
        )


def pair_verdicts(
    reference: Sequence[Verdict], candidate: Sequence[Verdict], confidence: float = 0.95
) -> Pairs | None:
    """Pairs scored on both sides; None if the sides do not match or nothing is scored."""
    by_id = {v.sample_id: v for v in reference}
    if len(by_id) != len(reference) or sorted(by_id) != sorted(v.sample_id for v in candidate):
        return None
    both = [
        (by_id[c.sample_id], c)
        for c in sorted(candidate, key=lambda v: v.sample_id)
        if Outcome.EXCLUDED not in (c.outcome, by_id[c.sample_id].outcome)
    ]
    if not both:
        return None
    right_before = [r.correct for r, _ in both]
    right_after = [c.correct for _, c in both]
    groups = [c.schema_group for _, c in both]
    return Pairs(
        n_samples=len(candidate),
        reference=[r for r, _ in both],
        candidate=[c for _, c in both],
        totals=cluster_totals(paired_values(right_before, right_after), groups),
        difference=paired_difference(right_before, right_after, groups, confidence),
        p_value=sign_flip_p(right_before, right_after, groups, "greater"),
    )


def signed(difference: PairedDifference) -> str:
    """The mean difference with its interval; the confidence where it is not 95%."""
    text = f"{difference.difference:+.3f}"
    if difference.low is not None and difference.high is not None:
        text += f" [{difference.low:+.3f}, {difference.high:+.3f}]"
        if abs(difference.confidence - 0.95) > 1e-9:
            text += f" at {difference.confidence:.2%}"
    return text


def headline(pairs: Pairs, reference_arm: str) -> str:
    """The comparison in one clause."""
    n = pairs.difference.n
    after = sum(v.correct for v in pairs.candidate) / n
    before = sum(v.correct for v in pairs.reference) / n
    return (
        f"execution accuracy {after:.3f} vs {before:.3f} of {the(reference_arm)} "
        f"on {n} questions, {signed(pairs.difference)}, p = {pairs.p_value:.2g}"
    )


def the(arm: str) -> str:
    """Name of an arm inside a sentence."""
    return "the base with examples" if arm == "base_3shot" else f"the {arm}"
