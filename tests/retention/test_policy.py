import dataclasses

import pytest

from sql_ft.config import RetentionConfig
from sql_ft.retention.inventory import Item, Kind
from sql_ft.retention.policy import Needed, plan_removals

DAY = 86_400.0
NOW = 1000 * DAY
NOTHING = Needed(used_since=NOW)


def item(path: str, days: float, *, kind: Kind = Kind.STAGE, size: int = 10, **more) -> Item:
    return Item(kind, path, (), size, NOW - days * DAY, **more)


def gone(items, needed=NOTHING, **settings) -> dict[str, str]:
    policy = RetentionConfig(**{"cache_days": 30, **settings})
    plan = plan_removals(items, policy, needed, NOW)
    return {removal.item.path: removal.reason for removal in plan.removals}


@pytest.mark.parametrize(
    "kind", [Kind.STAGE, Kind.ANSWERS, Kind.VERDICTS, Kind.FETCHED, Kind.REPORT]
)
def test_caches_go_by_their_last_use(kind):
    assert gone([item("a", 31, kind=kind), item("b", 29, kind=kind)]) == {
        "a": "not used for 31 days"
    }


def test_what_the_last_runs_used_stays_whatever_its_age_and_size():
    needed = Needed(used_since=NOW - 50 * DAY)
    items = [item("a", 51), item("b", 49, size=10**12)]
    assert set(gone(items, needed, cache_days=0, cache_max_gb=0)) == {"a"}
    plan = plan_removals(items, RetentionConfig(cache_max_gb=1), needed, NOW)
    assert plan.cache_bytes == 10**12
    assert plan.over_limit_bytes == 10**12 - 10**9


def test_above_the_limit_the_longest_unused_go_first_and_no_more_than_needed():
    items = [item(name, days, size=10**9) for name, days in (("a", 3), ("b", 2), ("c", 1))]
    assert set(gone(items, cache_max_gb=2)) == {"a"}
    assert set(gone(items, cache_max_gb=1)) == {"a", "b"}
    assert "not used for 3 days" in gone(items, cache_max_gb=2)["a"]


def test_sets_of_champions_and_aliased_adapters_stay():
    needed = Needed(NOW, frozenset({"e" * 64}), frozenset({"registry/m/version-3"}))
    items = [
        item("evaluation_sets/x", 999, content_hash="e" * 64),
        item("evaluation_sets/y", 999, content_hash="f" * 64),
        item("registry/m/version-3", 999, kind=Kind.FETCHED),
        item("registry/m/version-4", 999, kind=Kind.FETCHED),
    ]
    assert set(gone(items, needed)) == {"evaluation_sets/y", "registry/m/version-4"}
    assert set(gone(items, needed, cache_max_gb=0)) == {"evaluation_sets/y", "registry/m/version-4"}


def test_unfinished_training_waits_for_its_resume():
    kind = Kind.UNFINISHED_TRAINING
    items = [item("a", 13, kind=kind), item("b", 15, kind=kind)]
    settings = {"checkpoint_days": 14, "cache_days": 0, "cache_max_gb": 0}
    assert gone(items, **settings) == {"b": "not continued for 15 days"}


def test_checkpoints_of_a_finished_training_go_at_once():
    assert set(gone([item("a", 0, kind=Kind.FINISHED_CHECKPOINTS)])) == {"a"}


def test_half_written_files_go_after_their_hours():
    kind = Kind.STAGING
    items = [item("a", 1.1, kind=kind), item("b", 0.9, kind=kind)]
    assert set(gone(items)) == {"a"}
    trash = dataclasses.replace(items[0], used_at=0.0)
    assert gone([trash]) == {"a": "an earlier pruning was stopped"}


def test_freed_bytes_count_what_goes():
    plan = plan_removals(
        [item("a", 31, size=5), item("b", 1, size=7)], RetentionConfig(), NOTHING, NOW
    )
    assert (plan.freed_bytes, plan.cache_bytes, plan.over_limit_bytes) == (5, 7, 0)
