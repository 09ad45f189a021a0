"""What an adapter gains over the base on the validation questions, question by question."""

from __future__ import annotations

from collections.abc import Sequence

from sql_ft.evaluation.statistics import paired_difference
from sql_ft.records import Outcome, Verdict


def measure_gain(base: Sequence[Verdict], adapter: Sequence[Verdict]) -> dict[str, float]:
    """Paired difference with its interval clustered by schema, as metrics.

    Args:
        base: Verdicts of the base without an adapter.
        adapter: Verdicts of the adapter on the same questions.

    Returns:
        ``gain/execution_accuracy`` and, with two schema groups or more, ``…_low`` and
        ``…_high`` (95%). Empty if no question was scored for both.
    """
    reference = {v.sample_id: v for v in base if v.outcome != Outcome.EXCLUDED}
    pairs = [
        (reference[v.sample_id].correct, v.correct, v.schema_group)
        for v in adapter
        if v.outcome != Outcome.EXCLUDED and v.sample_id in reference
    ]
    if not pairs:
        return {}
    before, after, groups = zip(*pairs, strict=True)
    difference = paired_difference(before, after, groups)
    gain = {"gain/execution_accuracy": difference.difference}
    if difference.low is not None and difference.high is not None:
        gain["gain/execution_accuracy_low"] = difference.low
        gain["gain/execution_accuracy_high"] = difference.high
    return gain
