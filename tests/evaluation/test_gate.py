from __future__ import annotations

import dataclasses
import json
import random

import pytest
from verdict_factory import make_arm, predictions_of

from sql_ft.config import PromotionConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.error_budget import next_look
from sql_ft.evaluation.gate import NOT_COMPUTED, Side, decide
from sql_ft.evaluation.metrics import summarize
from sql_ft.records import Decision, Look

CONFIG = PromotionConfig()
UNSEEN = {
    kind: {"eval_rows": 0, "share": 0.0} for kind in ("exact_row", "schema_group", "question_text")
}


def make_side(pattern, arm, *, adapter_hash, version="", verdicts=None, **changes):
    verdicts = make_arm(pattern, arm=arm) if verdicts is None else verdicts
    values = {
        "verdicts": verdicts,
        "summary": summarize(verdicts, predictions_of(verdicts)),
        "adapter_hash": adapter_hash,
        "version": version,
        "evaluation_set_hash": "set-1",
        "evaluator_hash": "rules-1",
        "empty_adapter": False,
        "completion_tokens": {v.sample_id: 12 for v in verdicts},
    }
    return Side(**{**values, **changes})


def champion(pattern, **changes):
    return make_side(pattern, "champion", adapter_hash="aaaa", version="3", **changes)


def candidate(pattern, **changes):
    changes = {"adapter_hash": "bbbb", "version": "4", **changes}
    return make_side(pattern, "candidate", **changes)


def against_champion(reference, contender, config=CONFIG, **facts):
    base = make_side(
        "",
        "base",
        adapter_hash="",
        verdicts=as_base(contender.verdicts),
        evaluation_set_hash=contender.evaluation_set_hash,
        evaluator_hash=contender.evaluator_hash,
    )
    facts = {"base": base, "overlap": UNSEEN, **facts}
    return decide(
        reference=reference,
        candidate=contender,
        reference_arm="champion",
        config=config,
        **facts,
    )


def as_base(verdicts):
    return [
        dataclasses.replace(v, arm="base", predicted_sql=f"{v.predicted_sql} -- base")
        for v in verdicts
    ]


def failed(decision):
    return [check.name for check in decision.checks if not check.passed]


def test_clear_gain_is_promoted_and_everything_is_recorded():
    decision = against_champion(champion("c" * 80 + "w" * 160), candidate("c" * 150 + "w" * 90))
    assert decision.promote
    assert failed(decision) == []
    assert decision.reason.startswith(
        "promoted: execution accuracy 0.625 vs 0.333 of the champion on 240 questions, +0.292 ["
    )
    assert [check.name for check in decision.checks] == [
        "same_samples",
        "evaluation_set_hash",
        "evaluator_hash",
        "unseen_questions",
        "new_adapter",
        "non_empty_adapter",
        "min_samples",
        "max_excluded_share",
        "max_empty_share",
        "max_truncated_share",
        "new_outputs",
        "differs_from_base",
        "error_budget",
        "min_discordant",
        "paired_test",
        "min_effect",
        "max_valid_sql_drop",
        "max_schema_adherence_drop",
        "max_strict_format_drop",
        "max_token_growth",
        "max_slice_drop",
    ]
    assert all(check.detail for check in decision.checks)
    assert (decision.candidate_version, decision.champion_version) == ("4", "3")
    assert (decision.evaluation_set_hash, decision.evaluator_hash) == ("set-1", "rules-1")
    paired = decision.metrics["paired"]
    assert (paired["gains"], paired["losses"], paired["n"]) == (70, 0, 240)
    assert paired["sign_flip_p"] < 1e-9
    assert paired["mcnemar_p_one_sided"] == pytest.approx(2.0**-70)
    assert Decision.from_dict(json.loads(json.dumps(decision.to_dict()))).reason == decision.reason


def test_order_of_verdicts_does_not_matter():
    reference, contender = champion("c" * 80 + "w" * 160), candidate("c" * 150 + "w" * 90)
    shuffled = list(contender.verdicts)
    random.Random(0).shuffle(shuffled)
    assert against_champion(
        reference, dataclasses.replace(contender, verdicts=shuffled)
    ) == against_champion(reference, contender)


def test_tie_keeps_the_champion():
    decision = against_champion(
        champion("c" * 60 + "w" * 60 + "c" * 60), candidate("w" * 60 + "c" * 60 + "c" * 60)
    )
    assert not decision.promote
    assert decision.reason.startswith("kept v3: a tie with the champion: ")
    assert {"paired_test", "min_effect"} <= set(failed(decision))


def test_worse_candidate():
    decision = against_champion(champion("c" * 150 + "w" * 50), candidate("c" * 100 + "w" * 100))
    assert not decision.promote
    assert decision.reason.startswith("kept v3: worse than the champion: execution accuracy 0.500")


def test_better_but_not_significant():
    # 24 gained, 16 lost, one question per schema group in effect: p = 0.13.
    reference = champion("w" * 24 + "c" * 16 + "c" * 100)
    contender = candidate("c" * 24 + "w" * 16 + "c" * 100)
    decision = against_champion(reference, contender)
    assert not decision.promote
    assert "kept v3: not significant at 0.025: " in decision.reason
    assert failed(decision) == ["paired_test"]


def test_gain_in_few_schemas_is_not_significant_where_mcnemar_would_promote():
    reference = [
        dataclasses.replace(v, schema_group=f"g{i // 10}")
        for i, v in enumerate(make_arm("w" * 50 + "c" * 150, arm="champion"))
    ]
    contender = [
        dataclasses.replace(v, schema_group=f"g{i // 10}")
        for i, v in enumerate(make_arm("c" * 50 + "c" * 150))
    ]
    decision = against_champion(champion("", verdicts=reference), candidate("", verdicts=contender))
    assert not decision.promote
    assert decision.metrics["paired"]["mcnemar_p_one_sided"] < 1e-14
    assert decision.metrics["paired"]["sign_flip_p"] == pytest.approx(2.0**-5)
    assert "only 5 schema groups have a net gain or loss" in decision.reason


def test_identical_adapter_is_refused_by_its_weights():
    decision = against_champion(champion("c" * 120), candidate("c" * 120, adapter_hash="aaaa"))
    assert not decision.promote
    assert decision.reason == "kept v3: adapter is identical to the champion v3"


def test_unknown_adapter_hash_fails_closed():
    decision = against_champion(
        champion("c" * 80 + "w" * 160), candidate("c" * 150 + "w" * 90, adapter_hash="")
    )
    assert failed(decision) == ["new_adapter"]
    assert "unknown" in decision.reason


def test_identical_outputs_are_refused():
    verdicts = make_arm("c" * 100 + "w" * 50, arm="champion")
    same = [dataclasses.replace(v, arm="candidate") for v in verdicts]
    decision = against_champion(champion("", verdicts=verdicts), candidate("", verdicts=same))
    assert decision.reason == "kept v3: all 150 answers are identical to the champion's"


def test_too_many_excluded():
    decision = against_champion(champion("x" * 20 + "w" * 180), candidate("x" * 20 + "c" * 180))
    assert failed(decision) == ["max_excluded_share"]
    assert decision.reason == (
        "kept v3: 10.0% of the questions are set aside by the harness (at most 5.0%)"
    )


def test_exclusion_on_one_side_removes_the_pair_from_both():
    decision = against_champion(champion("x" + "w" * 198 + "c"), candidate("c" * 199 + "x"))
    paired = decision.metrics["paired"]
    assert (paired["n"], paired["gains"], paired["losses"]) == (198, 198, 0)
    assert decision.promote


def test_exclusions_of_exactly_the_limit_pass():
    decision = against_champion(champion("x" * 10 + "w" * 190), candidate("x" * 10 + "c" * 190))
    assert decision.promote


def test_everything_excluded():
    decision = against_champion(champion("x" * 120), candidate("x" * 120))
    assert not decision.promote
    assert {c.value for c in decision.checks if c.name == "paired_test"} == {NOT_COMPUTED}
    assert decision.metrics["paired"] == {}


def test_different_sets():
    decision = against_champion(champion("w" * 200), candidate("c" * 199))
    assert decision.reason.startswith("kept v3: the two sides answered different questions: 1 ids")
    decision = against_champion(
        champion("w" * 200), candidate("c" * 200, evaluation_set_hash="set-2")
    )
    assert failed(decision) == ["evaluation_set_hash"]
    assert "evaluation set hash differs" in decision.reason


def test_repeated_samples():
    verdicts = make_arm("c" * 200)
    decision = against_champion(
        champion("w" * 200), candidate("", verdicts=[*verdicts, verdicts[0]])
    )
    assert decision.reason == "kept v3: 1 sample ids are repeated"


def test_different_or_unknown_rules():
    for value in ("rules-2", ""):
        decision = against_champion(champion("w" * 200), candidate("c" * 200, evaluator_hash=value))
        assert failed(decision) == ["evaluator_hash"]
    both_unknown = against_champion(
        champion("w" * 200, evaluator_hash=""), candidate("c" * 200, evaluator_hash="")
    )
    assert failed(both_unknown) == ["evaluator_hash"]


def test_too_few_samples_and_too_few_discordant_pairs():
    decision = against_champion(champion("w" * 99), candidate("c" * 99))
    assert failed(decision) == ["min_samples"]
    decision = against_champion(champion("w" * 9 + "c" * 191), candidate("c" * 200))
    assert failed(decision) == ["min_discordant"]
    assert "differ in correctness on 9 questions (9 gained, 0 lost; 10 needed)" in decision.reason


def test_truncated_answers():
    verdicts = make_arm("c" * 200)
    predictions = predictions_of(verdicts)
    cut = [dataclasses.replace(p, finish_reason="length") for p in predictions[:11]]
    summary = summarize(verdicts, [*cut, *predictions[11:]])
    decision = against_champion(
        champion("w" * 200), candidate("", verdicts=verdicts, summary=summary)
    )
    assert failed(decision) == ["max_truncated_share"]
    unknown = candidate("", verdicts=verdicts, summary=summarize(verdicts))
    assert failed(against_champion(champion("w" * 200), unknown)) == ["max_truncated_share"]


def test_smallest_effect():
    config = PromotionConfig(min_effect=0.2)
    decision = against_champion(
        champion("c" * 100 + "w" * 100), candidate("c" * 130 + "w" * 70), config
    )
    assert failed(decision) == ["min_effect"]
    assert "gain of +0.150 [" in decision.reason


@pytest.mark.parametrize("field", ["valid_sql", "schema_adherence", "strict_format"])
def test_a_fall_of_a_rate_must_be_ruled_out(field):
    before = make_arm("w" * 100 + "c" * 100, arm="champion")

    def contender(worse):
        return [
            dataclasses.replace(v, **{field: i < 200 - worse})
            for i, v in enumerate(make_arm("c" * 150 + "w" * 50))
        ]

    def held_against(worse):
        return against_champion(
            champion("", verdicts=before), candidate("", verdicts=contender(worse))
        )

    assert held_against(0).promote
    assert held_against(3).promote
    # A fall of 0.035 is below the margin of 0.05, but on 200 questions 0.05 is not ruled out.
    over = held_against(7)
    assert failed(over) == [f"max_{field}_drop"]
    assert "went from 1.000 to 0.965: a fall of 0.05 cannot be ruled out" in over.reason
    (check,) = [c for c in over.checks if not c.passed]
    assert check.value > check.threshold == CONFIG.model_dump()[f"max_{field}_drop"]


def test_first_run_is_held_against_the_base():
    base = make_side("w" * 200, "base", adapter_hash="")
    decision = decide(
        reference=base,
        candidate=candidate("c" * 200),
        reference_arm="base",
        config=CONFIG,
        overlap=UNSEEN,
    )
    assert decision.promote
    assert "vs 0.000 of the base on 200 questions" in decision.reason
    assert decision.champion_version == ""
    insignificant = decide(
        reference=base,
        candidate=candidate("c" * 3 + "w" * 197),
        reference_arm="base",
        config=CONFIG,
        overlap=UNSEEN,
    )
    assert not insignificant.promote
    assert insignificant.reason.startswith("not promoted: ")


def test_being_better_than_base_is_no_argument_while_a_champion_is_live():
    with pytest.raises(EvaluationError, match="champion version '3'"):
        decide(
            reference=champion("w" * 200),
            candidate=candidate("c" * 200),
            reference_arm="base",
            config=CONFIG,
        )
    with pytest.raises(EvaluationError, match="champion version ''"):
        decide(
            reference=make_side("w" * 200, "base", adapter_hash=""),
            candidate=candidate("c" * 200),
            reference_arm="champion",
            config=CONFIG,
        )
    with pytest.raises(EvaluationError, match="base_3shot"):
        decide(
            reference=champion("w" * 200),
            candidate=candidate("c" * 200),
            reference_arm="base_3shot",
            config=CONFIG,
        )


def test_null_candidates_are_promoted_no_more_often_than_alpha():
    """150 retrains of no true improvement at alpha 0.05."""
    config = PromotionConfig(error_budget=0.1, min_discordant=1)
    generator = random.Random(5)
    promoted = 0
    for _ in range(150):
        draw = ["".join(generator.choice("cw") for _ in range(120)) for _ in range(2)]
        promoted += against_champion(champion(draw[0]), candidate(draw[1]), config).promote
    assert promoted / 150 <= 0.103  # 0.05 and three binomial standard errors


BETTER = "c" * 150 + "w" * 90
WORSE = "c" * 80 + "w" * 160


def refusal(decision, name):
    """The reason of a refusal by exactly this check."""
    assert failed(decision) == [name], decision.reason
    assert not decision.promote
    (check,) = [c for c in decision.checks if c.name == name]
    assert decision.reason.endswith(check.detail)
    return decision.reason


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
