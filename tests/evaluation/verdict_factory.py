"""Builders of verdicts and predictions for the tests of this folder."""

from __future__ import annotations

from sql_ft.records import Outcome, Prediction, Verdict


def make_verdict(index: int, outcome: str = "correct", *, arm: str = "candidate", **changes):
    values = {
        "sample_id": f"s{index:04d}",
        "arm": arm,
        "schema_group": f"g{index % 40}",
        "outcome": Outcome(outcome),
        "status": "runtime_error" if outcome == "error" else "ok",
        "reason": {"correct": "equal", "wrong_result": "rows_differ"}.get(outcome, outcome),
        "gold_sql": "SELECT 1",
        "predicted_sql": f"SELECT {index} /* {arm} {outcome} */",
        "valid_sql": outcome in ("correct", "wrong_result"),
        "schema_adherence": outcome in ("correct", "wrong_result"),
        "strict_format": True,
    }
    return Verdict(**{**values, **changes})


def make_arm(pattern: str, *, arm: str = "candidate", **changes):
    """One verdict per letter: c(orrect), w(rong), e(rror), x (excluded)."""
    outcomes = {"c": "correct", "w": "wrong_result", "e": "error", "x": "excluded"}
    return [
        make_verdict(i, outcomes[letter], arm=arm, **changes) for i, letter in enumerate(pattern)
    ]


def make_prediction(sample_id: str, sql: str, *, arm: str = "candidate", **changes):
    values = {
        "sample_id": sample_id,
        "arm": arm,
        "completion": sql,
        "predicted_sql": sql,
        "strict_format": True,
        "prompt_tokens": 50,
        "completion_tokens": 12,
        "finish_reason": "stop",
    }
    return Prediction(**{**values, **changes})


def predictions_of(verdicts, **changes):
    return [make_prediction(v.sample_id, v.predicted_sql, arm=v.arm, **changes) for v in verdicts]
