"""Facts about adapter, data, format, slices and earlier looks: each refused by its own check."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from gate_factory import (
    BETTER,
    CONFIG,
    UNSEEN,
    WORSE,
    against_champion,
    candidate,
    champion,
    failed,
    make_side,
    refusal,
)
from verdict_factory import make_arm

from sql_ft.evaluation.error_budget import next_look
from sql_ft.evaluation.gate import decide
from sql_ft.records import Decision, Look


def test_empty_adapter_is_refused_before_anyone_looks():
    decision = against_champion(champion(WORSE), candidate(BETTER, empty_adapter=True))
    assert "the adapter is empty" in refusal(decision, "non_empty_adapter")
    assert not decision.spends_look
    unknown = against_champion(champion(WORSE), candidate(BETTER, empty_adapter=None))
    assert "unknown whether the adapter is empty" in refusal(unknown, "non_empty_adapter")


@pytest.mark.parametrize(
    ("kind", "figures", "reason"),
    [
        ("exact_row", {"eval_rows": 3, "share": 0.01}, "3 questions stand in the training rows"),
        ("schema_group", {"eval_rows": 9, "share": 0.03}, "9 questions ask a database that"),
        ("question_text", {"eval_rows": 9, "share": 0.03}, "text of 3.0% of the questions"),
        ("question_text", {}, "unknown whether training saw"),
    ],
)
def test_leaked_training_rows(kind, figures, reason):
    decision = against_champion(
        champion(WORSE), candidate(BETTER), overlap={**UNSEEN, kind: figures}
    )
    assert reason in refusal(decision, "unseen_questions")
    assert not decision.spends_look


def test_unknown_training_rows_fail_closed():
    decision = against_champion(champion(WORSE), candidate(BETTER), overlap=None)
    assert "unknown" in refusal(decision, "unseen_questions")


def test_answers_identical_to_the_bases_are_refused_while_another_champion_is_live():
    contender = candidate(BETTER)
    base = make_side(
        "", "base", adapter_hash="",
        verdicts=[dataclasses.replace(v, arm="base") for v in contender.verdicts],
    )  # fmt: skip
    decision = against_champion(champion(WORSE), contender, base=base)
    assert "all 240 answers are identical to the base's" in refusal(decision, "differs_from_base")
    unknown = against_champion(champion(WORSE), contender, base=None)
    assert "the base's answers are unknown" in refusal(unknown, "differs_from_base")


def test_answers_without_sql():
    verdicts = make_arm("c" * 150 + "w" * 90)
    silent = [dataclasses.replace(v, status="empty") for v in verdicts[-13:]]
    decision = against_champion(champion(WORSE), candidate("", verdicts=[*verdicts[:-13], *silent]))
    assert "5.4% of the candidate's answers hold no SQL" in refusal(decision, "max_empty_share")
    assert not decision.spends_look


def test_longer_answers():
    def with_tokens(tokens):
        contender = candidate(BETTER)
        counts = {v.sample_id: tokens for v in contender.verdicts}
        return dataclasses.replace(contender, completion_tokens=counts)

    assert against_champion(champion(WORSE), with_tokens(17)).promote
    decision = against_champion(champion(WORSE), with_tokens(18))  # 12 and half as much again
    assert "from 12.0 to 18.0 (+50%): a growth of 50% cannot be" in refusal(
        decision, "max_token_growth"
    )
    unknown = dataclasses.replace(candidate(BETTER), completion_tokens={})
    assert "are unknown" in refusal(against_champion(champion(WORSE), unknown), "max_token_growth")


def test_a_slice_that_got_worse():
    # Better by 50 questions on the whole, and worse on the 60 that join.
    reference = champion("c" * 60 + "w" * 180)
    contender = candidate("w" * 30 + "c" * 30 + "c" * 80 + "w" * 100)
    slices = {
        v.sample_id: {"clause": ("join",) if i < 60 else ("where",)}
        for i, v in enumerate(contender.verdicts)
    }
    decision = against_champion(reference, contender, slices=slices)
    assert "worse on a slice, clause join: -0.500 on 60 questions" in refusal(
        decision, "max_slice_drop"
    )
    by_value = {s["value"]: s for s in decision.metrics["slices"]}
    assert by_value["where"]["difference"] == pytest.approx(80 / 180)
    assert by_value["join"]["tested"]
    # Without the slice nothing is amiss; a slice of 29 questions is not watched.
    assert against_champion(reference, contender).promote
    few = dict(list(slices.items())[:29])
    assert against_champion(reference, contender, slices=few).promote


def test_format_alone_is_not_progress():
    base = make_side("w" * 200, "base", adapter_hash="")
    shots = make_side("c" * 40 + "w" * 160, "base_3shot", adapter_hash="")

    def first(pattern, few_shot=shots):
        return decide(
            reference=base, candidate=candidate(pattern), reference_arm="base", config=CONFIG,
            few_shot=few_shot, overlap=UNSEEN,
        )  # fmt: skip

    # As good as three examples in the prompt: 22 other questions gained, 20 lost.
    decision = first("w" * 20 + "c" * 42 + "w" * 138)
    assert "format alone is not progress" in refusal(decision, "beats_few_shot")
    decision = first("c" * 60 + "w" * 140)
    assert decision.promote
    (check,) = [c for c in decision.checks if c.name == "beats_few_shot"]
    assert "more than format" in check.detail
    assert "at 90.00%" in check.detail  # the interval of a one-sided test at 0.05
    other_rules = dataclasses.replace(shots, evaluator_hash="rules-2")
    assert "under other rules" in refusal(
        first("c" * 60 + "w" * 140, other_rules), "beats_few_shot"
    )


def look_after(n, promoted_last=False, **changes):
    spent = []
    for i in range(n):
        look = next_look(spent, key=f"k{i}", evaluation_set_hash="set-1", policy=CONFIG)
        spent.append(dataclasses.replace(look, promoted=promoted_last and i == n - 1))
    look = next_look(spent, key="now", evaluation_set_hash="set-1", policy=CONFIG)
    return dataclasses.replace(look, **changes)


def test_later_looks_need_more_evidence():
    reference = champion("w" * 24 + "c" * 100)
    contender = candidate("c" * 24 + "w" * 8 + "c" * 92)
    first = against_champion(reference, contender)
    assert first.promote
    assert first.look == Look(
        key=first.look.key, sequence=1, number=1, alpha=0.025, evaluation_set_hash="set-1",
        set_look=1, spent_before=0.0, left_after=0.025, looks_left=51,
    )  # fmt: skip
    assert first.metrics["paired"]["confidence"] == pytest.approx(0.95)
    second = against_champion(reference, contender, look=look_after(1))
    reason = refusal(second, "paired_test")
    assert "not significant at 0.00049" in reason
    assert "is found with 80% power" in reason
    assert second.spends_look
    assert second.metrics["paired"]["low"] <= 0.0  # the interval says what the test says
    after_promotion = against_champion(reference, contender, look=look_after(9, True))
    assert after_promotion.promote


def test_a_used_up_set_promotes_nothing_and_says_so():
    decision = against_champion(champion(WORSE), candidate(BETTER), look=look_after(52))
    assert {"error_budget", "paired_test"} == set(failed(decision))
    assert "used up after 52 looks without a promotion: renew the evaluation set" in decision.reason
    assert not decision.spends_look


def test_what_was_seen_and_could_have_been_seen_is_recorded():
    decision = against_champion(
        champion(WORSE), candidate(BETTER), hashes={"config": "c1"}, seeds={"train.seed": 7}
    )
    power = decision.metrics["power"]
    assert power["planned"]["discordance"] == CONFIG.expected_discordance
    assert power["observed"]["discordance"] == pytest.approx(70 / 240)
    assert power["observed"]["detectable_gain"] < power["observed"]["gain"]
    assert (decision.hashes, decision.seeds) == ({"config": "c1"}, {"train.seed": 7})
    values = json.loads(json.dumps(decision.to_dict()))
    assert Decision.from_dict(values) == decision
    for later in ("look", "spends_look", "hashes", "seeds"):
        del values[later]
    old = Decision.from_dict(values)
    assert (old.look, old.spends_look, old.reason) == (None, False, decision.reason)


def test_the_interval_and_the_test_never_disagree():
    generator = random.Random(3)
    for _ in range(60):
        rows = ["".join(generator.choice("ccw") for _ in range(120)) for _ in range(2)]
        decision = against_champion(
            champion(rows[0]), candidate(rows[1]), look=look_after(generator.randrange(6))
        )
        paired = decision.metrics["paired"]
        assert (paired["low"] > 0.0) == (paired["sign_flip_p"] <= decision.look.alpha)
