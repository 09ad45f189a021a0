from __future__ import annotations

import dataclasses

import pytest
from report_factory import make_report

from sql_ft.evaluation.report_changes import overall_change, paired_score_interval, slice_changes
from sql_ft.evaluation.report_highlights import find_highlights
from sql_ft.evaluation.statistics import paired_difference


def test_score_interval_is_newcombes_own_example():
    """Newcombe 1998, table II: 36 and 0 concordant, 12 and 2 discordant, method 10."""
    low, high = paired_score_interval(36, 2, 12, 0)
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


def test_score_interval_has_a_width_where_all_flip_one_way():
    low, high = paired_score_interval(0, 0, 5, 0)
    assert 0.3 < low < 0.5
    assert high == 1.0
    mirrored = paired_score_interval(0, 5, 0, 0)
    assert mirrored == (-high, -low)
    assert paired_score_interval(0, 0, 0, 7).low < 0 < paired_score_interval(0, 0, 0, 7).high
    with pytest.raises(ValueError, match="expected >= 0"):
        paired_score_interval(1, -1, 0, 0)


def test_overall_change_is_the_gates():
    data = make_report()
    change, paired = overall_change(data), data.decision.metrics["paired"]
    assert change is not None
    assert (change.n, change.gains, change.losses) == (119, paired["gains"], paired["losses"])
    assert (change.low, change.high) == (paired["low"], paired["high"])
    assert change.difference == pytest.approx(paired["difference"])
    assert change.after - change.before == pytest.approx(change.difference)


def test_slices_add_up_and_their_intervals_hold_the_clustered_ones():
    data = make_report()
    (kinds,) = slice_changes(data).values()
    assert [change.value for change in kinds] == ["join", "How many heads?", "count"]
    assert sum(change.n for change in kinds) == 119
    assert sum(change.gains - change.losses for change in kinds) == 60 - 29
    for change in kinds:
        asked = [
            c
            for c in data.comparisons
            if c.slices["kind"] == (change.value,) and c.change != "excluded"
        ]
        assert change.before == pytest.approx(sum(c.before.correct for c in asked) / len(asked))
        paired = paired_difference(
            [c.before.correct for c in asked],
            [c.after.correct for c in asked],
            [c.after.schema_group for c in asked],
        )
        assert change.low <= paired.low <= change.difference <= paired.high <= change.high


def test_a_single_arm_has_no_change():
    data = make_report(arms=("candidate",))
    assert overall_change(data) is None


def test_highlights_name_both_sides_and_put_the_clear_first():
    data = make_report()
    improved, worse = find_highlights(data, slice_changes(data))
    texts = [h.label for h in improved]
    assert texts[0] == "valid SQL"
    assert "kind: join" in texts
    assert "failure: failed while running" in texts
    clear = [h.is_clear for h in improved if h.key]
    assert clear == sorted(clear, reverse=True)
    assert not {h.label for h in improved} & {h.label for h in worse}
    swapped = dataclasses.replace(data, reference_arm="candidate", arms=("candidate", "champion"))
    better, _ = find_highlights(swapped, {})
    assert [h.label for h in better] == [h.label for h in worse if not h.key]
