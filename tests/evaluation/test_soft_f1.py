"""BIRD's figures: by hand, against a literal transcription of its rule, and end to end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_folder import make_bird

from sql_ft.config import EvaluationConfig
from sql_ft.evaluation.soft_f1 import ex_match, score_bird, soft_f1
from sql_ft.records import Prediction
from sql_ft.standalone import build_set, load_questions

CONFIG = EvaluationConfig(workers=1, databases_per_sample=1)


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ([], [], 1.0),
        ([], [(1,)], 0.0),
        ([(1,)], [], 0.0),
        ([(1, "a")], [(1, "a")], 1.0),
        ([("a", 1)], [(1, "a")], 1.0),  # columns may be permuted
        ([(1,), (1,)], [(1,)], 1.0),  # repeated rows are dropped
        ([(1,)], [(1, "a")], 2 / 3),  # precision 1, recall 1/2
        ([(1, "a")], [(1,)], 2 / 3),
        ([(2,), (1,)], [(1,), (2,)], 0.0),  # row by row: BIRD's rule depends on the order
        ([(None,)], [(None,)], 1.0),
    ],
)
def test_by_hand(predicted, gold, expected):
    assert soft_f1(predicted, gold) == pytest.approx(expected)


def by_columns(predicted, gold):
    """Sums of cell counts per pair of rows, written the other way round: column by column."""
    if not predicted and not gold:
        return 1.0
    own, true = list(dict.fromkeys(predicted)), list(dict.fromkeys(gold))
    shared = min(len(own), len(true))
    tp = sum(sum(1 for v in p if v in g) / len(g) for p, g in zip(own, true, strict=False))
    fp = sum(sum(1 for v in p if v not in g) / len(g) for p, g in zip(own, true, strict=False))
    fn = sum(sum(1 for v in g if v not in p) / len(g) for p, g in zip(own, true, strict=False))
    fp += len(own) - shared
    fn += len(true) - shared
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


cells = st.one_of(st.none(), st.integers(0, 3), st.sampled_from("ab"))
rows = st.lists(st.tuples(cells, cells), max_size=5)
narrow = st.lists(st.tuples(cells), max_size=5)


@given(st.one_of(rows, narrow), st.one_of(rows, narrow))
def test_equals_the_harmonic_mean_of_summed_cells(predicted, gold):
    assert soft_f1(predicted, gold) == pytest.approx(by_columns(predicted, gold))
    assert 0.0 <= soft_f1(predicted, gold) <= 1.0


@given(rows)
def test_a_result_equals_itself_in_both(result):
    assert soft_f1(result, result) == 1.0
    assert ex_match(result, result + result)


def test_on_a_set_in_birds_layout(tmp_path):
    questions = load_questions(make_bird(tmp_path), "bird")
    frozen = build_set(questions, CONFIG, tmp_path / "set")
    golds = [sample.gold_sql for sample in questions.samples]
    texts = {
        "gold": golds,
        # A wrong count; the titles without names; nothing that runs.
        "other": ["SELECT 17", "SELECT title FROM book ORDER BY title", "DROP TABLE author"],
        "lists": ["SELECT [1, 2]"] * 3,
    }
    arms = {
        arm: [_prediction(s.id, sql, arm) for s, sql in zip(questions.samples, sqls, strict=True)]
        for arm, sqls in texts.items()
    }
    found = score_bird(frozen, arms, CONFIG)
    assert set(found["gold"]) == {"", "simple"}
    whole = found["gold"][""]
    assert (whole.n, whole.ex, whole.soft_f1) == (3, 1.0, 1.0)
    other = found["other"]["simple"]
    assert (other.n, other.ex) == (3, 0.0)
    assert other.soft_f1 is not None
    assert 0.0 < other.soft_f1 < 2 / 3
    assert (found["lists"][""].ex, found["lists"][""].soft_f1) == (0.0, 0.0)


def _prediction(sample_id, sql, arm):
    return Prediction(sample_id, arm, sql, sql, True, 1, 1, "stop")
