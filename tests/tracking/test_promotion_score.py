"""What a champion scored when it was promoted, out of the registry alone."""

from __future__ import annotations

import pytest
from registered_versions import QUESTIONS, make_decision, make_verdicts, make_versions

from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.promotion_score import promotion_score
from sql_ft.tracking.runs import attach_run
from sql_ft.tracking.scores import record_scores
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import get_version

SET = "e" * 64  # the set of `make_decision`


@pytest.fixture
def champion(store: Store, run_id: str, request: pytest.FixtureRequest) -> tuple[str, str, str]:
    name = f"promoted-{request.node.name[-40:].strip('[]')}"
    (version,) = make_versions(store, run_id, name, 1)
    decision = make_decision(True)
    set_champion(store, name, version, decision, expected_champion=None, run_id=run_id)
    return name, version, run_id


def score(store, champion, outcomes, *, of=SET, rules="v1", benchmark=""):
    name, version, run_id = champion
    record_scores(
        store, name, version, make_verdicts(outcomes), QUESTIONS,
        evaluation_set_hash=of, evaluator_hash=rules, run_id=run_id, benchmark=benchmark,
    )  # fmt: skip


def found(store, champion, rules="v1"):
    name, version, _ = champion
    return promotion_score(store, get_version(store, name, version), rules)


def test_the_set_of_the_promotion_counts_not_a_later_or_a_published_one(store, champion):
    score(store, champion, "ccwex")
    score(store, champion, "cccc", of="b" * 64)
    score(store, champion, "cc", of="c" * 64, benchmark="spider/dev.json")
    promotion = found(store, champion)
    assert promotion.score.evaluation_set_hash == SET
    assert promotion.answered == ((True, "shop"), (True, "shop"), (False, "shop"), (False, "shop"))
    assert promotion.base is None  # its run says nothing of the base


def test_todays_evaluator_counts_where_the_set_was_scored_by_two(store, champion):
    score(store, champion, "cccc", rules="today")
    score(store, champion, "wwww", rules="old")
    assert all(right for right, _ in found(store, champion, "today").answered)
    assert found(store, champion, "neither").score.evaluator_hash == "old"  # the newest


def test_the_bases_counts_come_from_the_run_that_decided(store, champion):
    score(store, champion, "ccw")
    attach_run(store, champion[2]).log_metrics(
        {"base/execution_accuracy": 1 / 3, "base/n_scored": 3.0}
    )
    assert found(store, champion).base == (1, 3)


def test_promoted_by_hand_takes_the_newest_own_score_and_none_is_none(store, champion):
    assert found(store, champion) is None
    score(store, champion, "cw", of="b" * 64)
    promotion = found(store, champion)
    assert promotion.score.evaluation_set_hash == "b" * 64
    assert promotion.base is None
