"""The decisions about a version, kept in its tags: the registry is their home.

The newest stand in the tag ``decisions``. A tag holds 100,000 characters at most; what no
longer fits moves to ``decisions.1``, ``decisions.2``, …, which are never written again, so
that no decision is ever dropped.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any, Literal

from sql_ft.records import Decision, content_hash
from sql_ft.tracking.versions import RegisteredVersion

Action = Literal["gate", "manual", "rollback", "withdrawal"]

DECISIONS_TAG = "decisions"
_MAX_TAG_CHARS = 90_000
_MAX_IDS = 20

#: Two entries that agree in these say the same thing about the same comparison.
_SAME = (
    "action",
    "promote",
    "reason",
    "reference_arm",
    "champion_version",
    "evaluation_set_hash",
    "evaluator_hash",
)

Entry = dict[str, Any]


def now_text() -> str:
    """This moment, UTC, to the millisecond: two moves in one second keep their order."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def shown_time(at: str) -> str:
    """A time as a person reads it: ``2026-11-24 13:05:12``, UTC."""
    return at[:19].replace("T", " ")


def decision_id(decision: Decision, run_id: str, action: Action) -> str:
    """Sixteen hex digits: the same decision of the same run has the same id."""
    return content_hash([decision.to_dict(), run_id, action])[:16]


def new_entry(decision: Decision, run_id: str, action: Action, *, by: str) -> Entry:
    """What the registry keeps of a decision; per-arm figures stay in the run's record."""
    values = decision.to_dict()
    at = now_text()
    return {
        **values,
        "metrics": _headline(decision.metrics),
        "id": decision_id(decision, run_id, action),
        "at": at,
        "last_at": at,
        "count": 1,
        "action": action,
        "by": by,
        "run_id": run_id,
    }


def decisions_of(version: RegisteredVersion) -> list[Entry]:
    """Every decision about a version, oldest first.

    Each is a `Decision.to_dict` (of `metrics` the paired figures alone) with ``id``, ``at``,
    ``action``, ``by`` and ``run_id``. The same decision met again is one entry: ``count``
    says how often, ``last_at`` when last. ``moved`` says that the champion moved by it,
    ``interrupted`` that the process died before it did.
    """
    history = DecisionHistory.read(version)
    return [*history.archived, *history.current]


def main_decision(history: list[Entry]) -> Entry | None:
    """The decision that explains a version: its last promotion, else the last refusal."""
    promotions = [e for e in history if e["promote"] and not e.get("interrupted")]
    refusals = [e for e in history if e["action"] != "withdrawal"]
    explaining = promotions or refusals or history
    return explaining[-1] if explaining else None


@dataclasses.dataclass(slots=True)
class DecisionHistory:
    """The decisions about one version while one is added.

    Attributes:
        archived: Entries of the tags that are full.
        current: Entries of the newest tag.
        archives: Number of full tags.
    """

    archived: list[Entry]
    current: list[Entry]
    archives: int

    @classmethod
    def read(cls, version: RegisteredVersion) -> DecisionHistory:
        """Take the entries out of a version's tags."""
        current = _entries(version.tags, DECISIONS_TAG)
        # A crash between two tags leaves an entry in both.
        known = {entry["id"] for entry in current}
        archived: list[Entry] = []
        archives = 0
        while f"{DECISIONS_TAG}.{archives + 1}" in version.tags:
            archives += 1
            archived += _entries(version.tags, f"{DECISIONS_TAG}.{archives}")
        return cls([e for e in archived if e["id"] not in known], current, archives)

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        return [*self.archived, *self.current]

    def find(self, identity: str) -> Entry | None:
        """The entry of this decision, also where it was met again."""
        for entry in self.all():
            if identity == entry["id"] or identity in entry.get("also", ()):
                return entry
        return None

    def add(self, entry: Entry, *, moves: bool) -> None:
        """Append an entry, or count it where it repeats one that moved nothing.

        Args:
            entry: From `new_entry`.
            moves: The champion moves by it: each move is an entry of its own.
        """
        for known in reversed(self.current):
            if moves or known.get("interrupted"):
                continue
            if all(known.get(key) == entry.get(key) for key in _SAME):
                known["count"] = known.get("count", 1) + 1
                known["last_at"] = entry["at"]
                known["also"] = [*known.get("also", ()), entry["id"]][-_MAX_IDS:]
                known["last_run_id"] = entry["run_id"]
                return
        self.current.append({**entry, "moved": moves})

    def to_tags(self) -> dict[str, str]:
        """Tags to write, in this order: a crash between two loses nothing."""
        tags: dict[str, str] = {}
        text = _dump(self.current)
        while len(text) > _MAX_TAG_CHARS and len(self.current) > 1:
            full, self.current = _cut(self.current)
            self.archives += 1
            self.archived += full
            tags[f"{DECISIONS_TAG}.{self.archives}"] = _dump(full)
            text = _dump(self.current)
        return {**tags, DECISIONS_TAG: text}


def _cut(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The oldest entries that fill one tag (at least one, not all), and the rest."""
    size, count = 2, 0
    for entry in entries[:-1]:
        size += len(_dump(entry)) + 2
        if count and size > _MAX_TAG_CHARS:
            break
        count += 1
    return entries[:count], entries[count:]


def _entries(tags: Mapping[str, str], tag: str) -> list[Entry]:
    return list(json.loads(tags.get(tag, "[]")))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the comparison; the arms' own are too many for a tag."""
    plain = {k: v for k, v in metrics.items() if isinstance(v, int | float | str)}
    paired = metrics.get("paired")
    return {**plain, "paired": dict(paired)} if isinstance(paired, Mapping) else plain
