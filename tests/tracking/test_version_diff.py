import json

import pytest
from registered_versions import QUESTIONS, make_verdicts, make_versions

from sql_ft.errors import TrackingError
from sql_ft.tracking.scores import SCORES_TAG, record_scores, scores_of
from sql_ft.tracking.store import Store
from sql_ft.tracking.version_diff import diff_versions
from sql_ft.tracking.versions import get_version

SET, OTHER_SET = "a" * 64, "b" * 64


@pytest.fixture
def pair(store: Store, run_id: str, request) -> tuple[str, str, str]:
    name = request.node.name[:80]
    return (name, *make_versions(store, run_id, name, 2))


def score(store, run_id, name, version, outcomes, *, on=SET, by="v1"):
    return record_scores(
        store,
        name,
        version,
        make_verdicts(outcomes),
        QUESTIONS,
        evaluation_set_hash=on,
        evaluator_hash=by,
        run_id=run_id,
    )


def diff(store, name, first, second):
    return diff_versions(store, get_version(store, name, first), get_version(store, name, second))


def test_flips_both_ways(store: Store, run_id: str, pair):
    name, first, second = pair
    score(store, run_id, name, first, "ccwwexcx")
    made = score(store, run_id, name, second, "cwcwcccx")
    assert (made.n_scored, made.execution_accuracy) == (7, pytest.approx(5 / 7))
    found = diff(store, name, first, second)
    assert [f.sample_id for f in found.gained] == ["s2", "s4"]
    assert [f.sample_id for f in found.lost] == ["s1"]
    assert (found.both_right, found.both_wrong, found.set_aside, found.n) == (2, 1, 2, 6)
    lost = found.lost[0]
    assert lost.question == "Question 1?"
    assert (lost.before_reason, lost.after_reason) == ("rows_equal", "rows_differ")
    assert lost.after_sql == "SELECT 1 /* w */"
    assert lost.detail == "first row differs"
    back = diff(store, name, second, first)
    assert [f.sample_id for f in back.gained] == ["s1"]
    assert json.loads(json.dumps(found.to_dict()))["n"] == 6


def test_scored_again_replaces_and_several_sets_stand_side_by_side(store, run_id, pair):
    name, first, second = pair
    score(store, run_id, name, first, "cc")
    score(store, run_id, name, first, "cw")
    score(store, run_id, name, first, "ww", on=OTHER_SET)
    kept = scores_of(get_version(store, name, first))
    assert [(s.evaluation_set_hash, s.execution_accuracy) for s in kept] == [
        (SET, 0.5),
        (OTHER_SET, 0.0),
    ]
    # The set in common is taken, although the newest is another one.
    score(store, run_id, name, second, "cc")
    assert diff(store, name, first, second).first.evaluation_set_hash == SET


def test_never_scored_on_one_set_names_the_command(store: Store, run_id: str, pair):
    name, first, second = pair
    with pytest.raises(TrackingError, match=r"never scored on the same set \(none; none\)") as e:
        diff(store, name, first, second)
    assert f"sql-ft score {first} {second}" in str(e.value)
    score(store, run_id, name, first, "cc")
    score(store, run_id, name, second, "cc", on=OTHER_SET)
    with pytest.raises(TrackingError, match=f"{SET[:12]}; {OTHER_SET[:12]}"):
        diff(store, name, first, second)
    score(store, run_id, name, second, "cc", by="v2")
    with pytest.raises(TrackingError, match="by different evaluators"):
        diff(store, name, first, second)
    with pytest.raises(TrackingError, match="against itself"):
        diff(store, name, first, first)


def test_tables_that_do_not_fit_or_are_gone(store: Store, run_id: str, pair):
    name, first, second = pair
    score(store, run_id, name, first, "ccc")
    score(store, run_id, name, second, "cc")
    with pytest.raises(TrackingError, match=r"different questions: 1 stand in one only, first s2"):
        diff(store, name, first, second)
    values = json.loads(get_version(store, name, second).tags[SCORES_TAG])
    values[0]["file"] = "verdicts/absent.json"
    store.client().set_model_version_tag(name, second, SCORES_TAG, json.dumps(values))
    with pytest.raises(TrackingError, match=r"absent\.json"):
        diff(store, name, first, second)
    store.client().log_text(run_id, '{"columns": ["x"], "data": []}', "verdicts/absent.json")
    with pytest.raises(TrackingError, match="no verdict table"):
        diff(store, name, first, second)
