from __future__ import annotations

import json

import pytest
from verdict_factory import make_arm, make_prediction, make_verdict, predictions_of

from sql_ft.errors import EvaluationError
from sql_ft.evaluation.metrics import ArmSummary, Rate, summarize
from sql_ft.evaluation.statistics import clustered_stderr, wilson_interval
from sql_ft.records import Sample


def test_rates_leave_excluded_verdicts_out_of_every_denominator():
    summary = summarize(make_arm("ccwwexx"))
    assert (summary.n, summary.n_scored, summary.n_excluded) == (7, 5, 2)
    assert summary.excluded == {"excluded": 2}
    assert summary.execution_accuracy.rate == pytest.approx(2 / 5)
    assert (summary.execution_accuracy.low, summary.execution_accuracy.high) == wilson_interval(
        2, 5
    )
    assert summary.valid_sql_rate == pytest.approx(4 / 5)
    assert summary.schema_adherence == pytest.approx(4 / 5)
    assert summary.format_consistency == 1.0
    assert summary.failures == {"wrong_result:rows_differ": 2, "error:runtime_error": 1}
    assert summary.stderr == pytest.approx(
        clustered_stderr([1, 1, 0, 0, 0], ["g0", "g1", "g2", "g3", "g4"])
    )


def test_truncation_and_length_come_from_predictions():
    verdicts = make_arm("ccww")
    predictions = [
        make_prediction(v.sample_id, "x", finish_reason="length" if i == 0 else "stop")
        for i, v in enumerate(verdicts)
    ]
    summary = summarize(verdicts, predictions)
    assert summary.truncated_share == pytest.approx(0.25)
    assert summary.mean_completion_tokens == 12.0
    assert summarize(verdicts).truncated_share is None


def test_nothing_scored_is_unknown_rather_than_zero():
    summary = summarize(make_arm("xx"))
    assert summary.execution_accuracy == Rate(0, 0, None, None, None)
    assert summary.valid_sql_rate is None
    assert summary.to_metrics() == {"n_scored": 0.0, "n_excluded": 2.0}


def test_slices_by_tag_skip_tags_with_too_many_values():
    verdicts = make_arm("cwcwcw" * 10)
    samples = [
        Sample(v.sample_id, "q", "c", "g", tags={"kind": "ab"[i % 2], "row": str(i)})
        for i, v in enumerate(verdicts)
    ]
    summary = summarize(verdicts, samples=samples)
    assert set(summary.slices) == {"kind"}
    assert summary.slices["kind"]["a"].rate == 1.0
    assert summary.slices["kind"]["b"].rate == 0.0
    assert summary.slices["kind"]["a"].n == 30


def test_one_arm_only():
    with pytest.raises(EvaluationError, match="2 arms"):
        summarize([make_verdict(0, arm="base"), make_verdict(1, arm="candidate")])
    with pytest.raises(EvaluationError, match="0 arms"):
        summarize([])


def test_summary_survives_json():
    verdicts = make_arm("ccwex")
    samples = [Sample(v.sample_id, "q", "c", "g", tags={"kind": "a"}) for v in verdicts]
    summary = summarize(verdicts, predictions_of(verdicts), samples)
    assert ArmSummary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary
    assert summary.to_metrics()["execution_accuracy"] == 0.5
