"""Behaviours of broken adapters, as answers: each is refused here, and for its own reason.

The same with really trained adapters is `benchmarks/broken_adapters.py`; whose scores
would have promoted what is `benchmarks/naive_gates.py`.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter

import naive_gates as naive
import pytest
from verdict_factory import make_prediction

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.config import DataConfig, EvaluationConfig, PromotionConfig
from sql_ft.data.overlap import measure_overlap
from sql_ft.data.samples import group_samples
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.gate import Side, decide
from sql_ft.evaluation.metrics import summarize

CONFIG = EvaluationConfig(databases_per_sample=2)
N_ROWS = 80
EMPTY = "hash of zeros"


@pytest.fixture(scope="module")
def samples():
    rows = generate_rows()
    step = len(rows) // N_ROWS
    return group_samples(rows[::step][:N_ROWS], DataConfig()).samples


@pytest.fixture(scope="module")
def evaluation_set(samples, tmp_path_factory):
    return build_evaluation_set(samples, CONFIG, tmp_path_factory.mktemp("broken"))


def gold_table(sample):
    return re.search(r"\bFROM\s+([\w\"]+)", sample.gold_sql, re.IGNORECASE).group(1)


def live(samples):
    """As a weak base answers: a quarter right, half with invented columns, the rest wrong."""
    answers = {}
    for place, sample in enumerate(samples):
        kinds = (
            sample.gold_sql,
            "SELECT invented FROM nowhere",
            "SELECT invented FROM nowhere",
            f"SELECT 0 FROM ({sample.gold_sql})",
        )
        answers[sample.id] = kinds[place % 4]
    return answers


def permuted(samples):
    golds = [s.gold_sql for s in samples]
    random.Random(0).shuffle(golds)
    return dict(zip((s.id for s in samples), golds, strict=True))


def commonest(samples):
    (query, _), *_ = Counter(s.gold_sql for s in samples).most_common(1)
    return {s.id: query for s in samples}


def delete(samples):
    return {s.id: f"DELETE FROM {gold_table(s)}" for s in samples}


def select_star(samples):
    return {s.id: f"SELECT * FROM {gold_table(s)}" for s in samples}


def nothing(samples):
    return {s.id: "" for s in samples}


def to_predictions(answers, arm):
    return [make_prediction(key, sql, arm=arm) for key, sql in answers.items()]


def make_side(evaluation_set, predictions, *, adapter_hash, version=""):
    verdicts = score_predictions(evaluation_set, predictions, CONFIG)
    return Side(
        verdicts=verdicts,
        summary=summarize(verdicts, predictions),
        adapter_hash=adapter_hash,
        version=version,
        evaluation_set_hash=evaluation_set.hash,
        evaluator_hash="rules",
        empty_adapter=adapter_hash == EMPTY,
        completion_tokens={p.sample_id: p.completion_tokens for p in predictions},
    )


def judge(reference, candidate, samples, train=()):
    return decide(
        reference=reference,
        candidate=candidate,
        reference_arm="champion" if reference.version else "base",
        config=PromotionConfig(min_samples=40),
        base=dataclasses.replace(reference, version="", adapter_hash=""),
        overlap=measure_overlap(train, samples),
    )


@pytest.fixture(scope="module")
def reference(samples, evaluation_set):
    return make_side(evaluation_set, to_predictions(live(samples), "base"), adapter_hash="")


@pytest.mark.parametrize(
    ("behaviour", "checks", "reason", "promoted_by"),
    [
        # Behaviour; checks of which some must fail; words of the reason; naive gates.
        (permuted, {"paired_test", "max_schema_adherence_drop"}, "worse than the base", set()),
        (commonest, {"paired_test", "max_schema_adherence_drop"}, "worse than the base", set()),
        (delete, {"paired_test", "max_valid_sql_drop"}, "worse than the base", {"bird_set"}),
        (select_star, {"paired_test"}, "worse than the base|a tie", {"empty_database"}),
        (nothing, {"max_empty_share", "paired_test"}, "hold no SQL: generation failed", set()),
    ],
)
def test_refused_with_its_reason(
    behaviour, checks, reason, promoted_by, samples, evaluation_set, reference
):
    answers = to_predictions(behaviour(samples), "candidate")
    candidate = make_side(evaluation_set, answers, adapter_hash="broken", version="1")
    decision = judge(reference, candidate, samples)
    assert not decision.promote
    assert checks <= {check.name for check in decision.checks if not check.passed}
    assert re.search(reason, decision.reason), decision.reason
    before = to_predictions(live(samples), "base")
    promoting = {
        score.__name__
        for score in naive.SCORES.values()
        if naive.point_estimate_promotes(
            naive.mean_score(score, evaluation_set.items, before),
            naive.mean_score(score, evaluation_set.items, answers),
        )
    }
    assert promoted_by <= promoting, promoting


def test_perfect_answers_are_promoted_unless_their_questions_were_trained_on(
    samples, evaluation_set, reference
):
    perfect = to_predictions({s.id: s.gold_sql for s in samples}, "candidate")
    candidate = make_side(evaluation_set, perfect, adapter_hash="new", version="1")
    decision = judge(reference, candidate, samples)
    assert decision.promote, decision.reason
    leaked = judge(reference, candidate, samples, train=samples)
    assert not leaked.promote
    assert "training rows leaked into evaluation" in leaked.reason


def test_an_empty_or_repeated_adapter_is_refused_as_such(samples, evaluation_set, reference):
    same = to_predictions(live(samples), "candidate")
    zeroed = make_side(evaluation_set, same, adapter_hash=EMPTY, version="1")
    decision = judge(reference, zeroed, samples)
    assert "the adapter is empty" in decision.reason
    champion = dataclasses.replace(reference, version="1", adapter_hash="h")
    again = make_side(evaluation_set, same, adapter_hash="h", version="2")
    assert "identical to the champion v1" in judge(champion, again, samples).reason
    # Other weights that answer alike: shuffled where they do not matter, say.
    alike = make_side(evaluation_set, same, adapter_hash="other", version="2")
    assert "answers are identical" in judge(champion, alike, samples).reason


def test_naive_scores_are_what_their_projects_compute(evaluation_set):
    rows = [i for i in evaluation_set.items if i.gold_results[0].rows]
    listing = next(
        i
        for i in rows
        if re.match(r"SELECT \w+ FROM \w+ WHERE", i.sample.gold_sql)
        and "(" not in i.sample.gold_sql
    )
    counting = next(i for i in rows if i.sample.gold_sql.startswith("SELECT COUNT(*) FROM"))
    for score in naive.SCORES.values():
        assert score(listing, listing.sample.gold_sql) == 1.0
    empties = f"DELETE FROM {gold_table(listing.sample)}"
    assert naive.bird_set(listing, empties) == 1.0
    assert naive.empty_database(listing, empties) == 1.0
    assert naive.bird_set(counting, f"DELETE FROM {gold_table(counting.sample)}") == 0.0
    every = f"SELECT * FROM {gold_table(listing.sample)}"
    assert naive.empty_database(listing, every) == 1.0
    assert naive.bird_set(listing, every) == 0.0
    column = listing.sample.gold_sql.split()[1]
    table = gold_table(listing.sample)
    assert naive.column_names(listing, f"SELECT {column} FROM {table} LIMIT 0") == 1.0
    # Lin 2004: "a b c d" and "a c d e" share a c d: F1 = 3/4.
    assert naive._lcs_length(["a", "b", "c", "d"], ["a", "c", "d", "e"]) == 3
    assert naive.rouge_l(listing, "") == 0.0
