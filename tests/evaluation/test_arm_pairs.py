"""Every two arms on common questions."""

from __future__ import annotations

from verdict_factory import make_arm

from sql_ft.evaluation.arm_pairs import pair_arms
from sql_ft.evaluation.statistics import mcnemar_p


def test_every_two_arms_in_order_on_what_both_were_scored_on():
    pairs = pair_arms(
        {
            "base": make_arm("wwwwwwccx", arm="base"),
            "base_3shot": make_arm("wwwwwwccc", arm="base_3shot"),
            "champion": make_arm("ccccccwcx", arm="champion"),
        }
    )
    assert [(p.reference, p.arm) for p in pairs] == [
        ("base", "base_3shot"),
        ("base", "champion"),
        ("base_3shot", "champion"),
    ]
    same, better, _ = pairs
    assert same.p_value == 1.0
    assert (same.difference.n, same.difference.difference) == (8, 0.0)
    # One question a schema: the clustered test is McNemar's.
    assert better.p_value == mcnemar_p(6, 1)
    assert (better.difference.gains, better.difference.losses) == (6, 1)
    assert better.describe().startswith("+0.625 [")
    assert better.describe().endswith("p = 0.12 (6 gained, 1 lost, n = 8, 8 schemas)")
    assert better.to_dict()["difference"]["n_clusters"] == 8


def test_arms_without_a_common_question_are_no_pair():
    assert pair_arms({"a": make_arm("xc", arm="a"), "b": make_arm("cx", arm="b")}) == []
    assert pair_arms({"a": make_arm("c", arm="a")}) == []
