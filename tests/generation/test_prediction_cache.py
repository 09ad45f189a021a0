"""Answers are kept by what was asked, not by what a data set calls it."""

from __future__ import annotations

import dataclasses

from sql_ft.config import RunConfig
from sql_ft.generation.prediction_cache import prediction_key
from sql_ft.records import Sample

SAMPLE = Sample("0", "How many?", "CREATE TABLE t (x INTEGER)", "SELECT COUNT(*) FROM t")
BASE = {"label": "b", "revision": "1"}


def key(*samples, examples=()):
    return prediction_key(
        RunConfig(), BASE, samples, arm="base", adapter_hash=None, examples=examples
    )


def test_two_data_sets_that_both_count_from_zero_are_not_mixed_up():
    known = key(SAMPLE)
    assert key(dataclasses.replace(SAMPLE)) == known
    for change in (
        {"question": "How few?"},
        {"context": "CREATE TABLE t (y INTEGER)"},
        {"tags": {"evidence": "x is odd"}},
        {"id": "1"},
    ):
        assert key(dataclasses.replace(SAMPLE, **change)) != known, change


def test_what_the_model_never_sees_of_a_question_changes_nothing_but_examples_show_their_sql():
    other_gold = dataclasses.replace(SAMPLE, gold_sql="SELECT 1", tags={"difficulty": "simple"})
    assert key(other_gold) == key(SAMPLE)
    assert key(SAMPLE, examples=[other_gold]) != key(SAMPLE, examples=[SAMPLE])
