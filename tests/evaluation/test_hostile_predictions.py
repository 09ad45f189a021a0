"""Hostile predictions between honest ones, through the whole path: translation, then sandbox."""

from __future__ import annotations

import collections
import os
import time
from pathlib import Path

import pytest
from hostile import Hostile, hostile_predictions, interleave

from sql_ft.config import EvaluationConfig
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.rules import sandbox_limits

CONFIG = EvaluationConfig(workers=2, query_timeout_s=0.25, max_result_rows=1_000)


def children() -> set[int]:
    """Processes that this one has started and not reaped (Linux)."""
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split()} if path.exists() else set()


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


def make_canaries(folder: Path) -> tuple[str, str]:
    for name in ("canary.csv", "canary.parquet", "canary.json"):
        (folder / name).write_text("a,b\n1,the canary sings\n")
    return str(folder / "canary.csv"), str(folder / "out.csv")


def test_the_table_is_large_enough(tmp_path):
    statements = hostile_predictions(*make_canaries(tmp_path))
    assert len(statements) >= 250
    assert len({s.kind for s in statements}) >= 25


@pytest.mark.slow
def test_each_gets_its_status_and_none_does_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    statements = hostile_predictions(*make_canaries(tmp_path))
    evaluation_set, predictions, undisturbed = interleave(statements, sandbox_limits(CONFIG))
    expected = {
        v.sample_id: v
        for v in score_predictions(evaluation_set, undisturbed, CONFIG)
        if v.sample_id.startswith("k")
    }
    assert collections.Counter(v.reason for v in expected.values()).keys() == {
        "equal",
        "row_count",
    }
    files, processes = snapshot(tmp_path), children()
    began = time.monotonic()
    verdicts = {v.sample_id: v for v in score_predictions(evaluation_set, predictions, CONFIG)}
    seconds = time.monotonic() - began

    wrong = []
    for number, statement in enumerate(statements):
        got = verdicts[f"h{number}"]
        if got.status not in statement.statuses or got.correct:
            wrong.append((statement.kind, statement.sql[:80], statement.statuses, got.status))
        assert "sings" not in got.predicted_head + got.detail
    assert not wrong
    assert {i: v for i, v in verdicts.items() if i.startswith("k")} == expected
    assert snapshot(tmp_path) == files
    assert children() == processes
    # Each exhausting statement: together and alone, a clock, a grace and a new worker each.
    assert seconds < 20 + 4 * sum(s.exhausting for s in statements)


def test_one_hostile_arm_leaves_the_other_alone(tmp_path):
    statements = [
        Hostile("x", sql, ())
        for sql in ("DELETE FROM t", "SELECT * FROM read_text('/etc/passwd')", "SELECT '\x00'")
    ]
    evaluation_set, predictions, undisturbed = interleave(statements, sandbox_limits(CONFIG))
    alone = score_predictions(evaluation_set, undisturbed, CONFIG)
    again = score_predictions(evaluation_set, predictions, CONFIG)
    assert [v for v in again if v.sample_id.startswith("k")] == [
        v for v in alone if v.sample_id.startswith("k")
    ]
