"""What the nightly check says, and when."""

from __future__ import annotations

from sql_ft.evaluation.drift import find_drift


def answered(right: int, n: int, groups: int = 20) -> list[tuple[bool, str]]:
    """Right answers spread over databases as evenly as they can be."""
    return [(place < right, f"db{place % groups}") for place in range(n)]


def check(now: int, **base):
    return find_drift(answered(180, 300), answered(now, 300), version="7", confidence=0.99, **base)


def test_a_fall_beyond_chance_is_drift_and_a_small_one_is_not():
    steady = check(170)
    assert not steady.drifted
    assert steady.change.low < -0.03 < steady.change.high
    assert steady.text.startswith(
        "champion v7 is steady: execution accuracy 0.567 on 300 fresh questions, 0.600 on 300 at"
    )
    assert check(110).drifted
    assert not check(250).drifted  # better is no drift


def test_the_base_says_whether_the_questions_are_harder():
    harder = check(110, base_before=(120, 300), base_fresh=(50, 300))
    assert harder.text.endswith(
        "; the base fell as well, so the questions are harder than they were"
    )
    held = check(110, base_before=(120, 300), base_fresh=(118, 300))
    assert held.text.endswith("; the base did not clearly fall")
    assert held.base is not None
    assert held.base.low < 0.0 < held.base.high
    unknown = check(110, base_before=None, base_fresh=(118, 300))
    assert unknown.base is None
    assert unknown.text.endswith("at 99%")
    assert unknown.to_dict()["change"]["n_after"] == 300
