from __future__ import annotations

import pytest

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation import draft_pool
from sql_ft.evaluation.draft_pool import draft_all
from sql_ft.records import Sample

CONFIG = EvaluationConfig(workers=3, databases_per_sample=2)
CONTEXT = "CREATE TABLE head (name VARCHAR, age INTEGER, born DATE, city VARCHAR)"


def make_samples(n):
    golds = [
        "SELECT COUNT(*) FROM head WHERE age > {}",
        "SELECT name FROM head WHERE city = 'Paris' AND age < {} ORDER BY age",
        "SELECT city, COUNT(*) FROM head WHERE age <> {} GROUP BY city",
        "SELECT nothing FROM WHERE {}",
    ]
    return [
        Sample(f"s{i}", f"Question {i}", CONTEXT, golds[i % 4].format(20 + i), f"g{i}")
        for i in range(n)
    ]


def test_processes_give_what_one_process_gives(monkeypatch):
    samples = make_samples(11)
    alone = draft_all(samples, CONFIG, lambda done, total: None)
    calls = []
    monkeypatch.setattr(draft_pool, "MIN_SAMPLES_PER_WORKER", 1)
    # Every worker hashes text with a seed of its own: no order may come from a set.
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    together = draft_all(samples, CONFIG, lambda done, total: calls.append((done, total)))
    assert together == alone
    assert calls == [(i, 11) for i in range(1, 12)]
    assert {draft.item.exclusion for draft in alone} == {"", "gold:syntax"}


def test_few_samples_start_no_process(monkeypatch):
    monkeypatch.setattr(draft_pool, "_start", None)
    assert len(draft_all(make_samples(4), CONFIG, lambda done, total: None)) == 4


def test_a_worker_that_dies_is_reported(monkeypatch):
    start = draft_pool._start

    def start_and_kill():
        process = start()
        process.kill()
        return process

    monkeypatch.setattr(draft_pool, "MIN_SAMPLES_PER_WORKER", 1)
    monkeypatch.setattr(draft_pool, "_start", start_and_kill)
    with pytest.raises(EvaluationError, match=r"ended before sample s\d"):
        draft_all(make_samples(6), CONFIG, lambda done, total: None)
