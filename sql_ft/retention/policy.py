"""Which items go, and why: no clock, no disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sql_ft.config import RetentionConfig
from sql_ft.retention.inventory import Item, Kind

_DAY_S, _HOUR_S, _GB = 86_400.0, 3_600.0, 1e9

_CACHES = {Kind.STAGE, Kind.ANSWERS, Kind.VERDICTS, Kind.FETCHED, Kind.REPORT}


@dataclasses.dataclass(frozen=True, slots=True)
class Needed:
    """What must stay whatever its age.

    Attributes:
        used_since: Start of the oldest of the last runs to keep; what was used from then on
            stays. 0 keeps everything.
        evaluation_sets: Hashes of the sets that champions were judged on.
        fetched: Paths of adapters that an alias points to, relative to `state_dir`.
    """

    used_since: float
    evaluation_sets: frozenset[str] = frozenset()
    fetched: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """An item that goes, and why."""

    item: Item
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What goes, and what is left of the caches.

    Attributes:
        removals: In the order of their paths.
        cache_bytes: Caches that stay.
        over_limit_bytes: By how much they exceed `cache_max_gb` all the same, because the last
            runs or a champion need them.
    """

    removals: tuple[Removal, ...]
    cache_bytes: int
    over_limit_bytes: int

    @property
    def freed_bytes(self) -> int:
        """What the removals free."""
        return sum(removal.item.size_bytes for removal in self.removals)


def plan_removals(
    items: Sequence[Item], policy: RetentionConfig, needed: Needed, now: float
) -> Plan:
    """Apply the policy to what is there.

    Args:
        items: Of `list_items`.
        policy: The `retention` settings.
        needed: What must stay.
        now: Seconds since the epoch.
    """
    removals = {item.path: why for item in items if (why := _too_old(item, policy, needed, now))}
    caches = [i for i in items if i.kind in _CACHES and i.path not in removals]
    total = sum(item.size_bytes for item in caches)
    limit = int(policy.cache_max_gb * _GB)
    for item in sorted(caches, key=lambda i: (i.used_at, i.path)):
        if total <= limit:
            break
        if not _is_needed(item, needed):
            total -= item.size_bytes
            removals[item.path] = (
                f"caches exceed {policy.cache_max_gb:g} GB; not used for "
                f"{_days(now - item.used_at)}"
            )
    return Plan(
        removals=tuple(Removal(i, removals[i.path]) for i in items if i.path in removals),
        cache_bytes=total,
        over_limit_bytes=max(0, total - limit),
    )


def _too_old(item: Item, policy: RetentionConfig, needed: Needed, now: float) -> str:
    """Why it goes by its age; "" if it stays."""
    unused_s = now - item.used_at
    if item.kind == Kind.FINISHED_CHECKPOINTS:
        return "the training has finished"
    if item.kind == Kind.STAGING:
        if not item.used_at:
            return "an earlier pruning was stopped"
        limit = policy.staging_hours * _HOUR_S
        return f"left for {_days(unused_s)} by what was stopped" if unused_s > limit else ""
    if item.kind == Kind.UNFINISHED_TRAINING:
        limit = policy.checkpoint_days * _DAY_S
        return f"not continued for {_days(unused_s)}" if unused_s > limit else ""
    if item.kind in _CACHES and not _is_needed(item, needed):
        limit = policy.cache_days * _DAY_S
        return f"not used for {_days(unused_s)}" if unused_s > limit else ""
    return ""


def _is_needed(item: Item, needed: Needed) -> bool:
    return (
        item.used_at >= needed.used_since
        or (bool(item.content_hash) and item.content_hash in needed.evaluation_sets)
        or item.path in needed.fetched
    )


def _days(seconds: float) -> str:
    hours = seconds / _HOUR_S
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
