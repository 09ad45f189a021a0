"""Which questions two versions answer differently, both ways."""

from __future__ import annotations

import dataclasses
from typing import Any

from sql_ft.errors import TrackingError
from sql_ft.records import Outcome
from sql_ft.tracking.scores import Score, ScoredQuestion, common_scores, read_scores
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import RegisteredVersion


@dataclasses.dataclass(frozen=True, slots=True)
class Flip:
    """One question with two outcomes.

    Attributes:
        sample_id: `records.Sample.id`.
        question: In natural language.
        schema_group: Database.
        gold_sql: Gold, as executed.
        before_sql: The first version's answer, as executed.
        after_sql: The second version's.
        before_reason: Why it counts as it does, e.g. ``rows_differ``.
        after_reason: The same of the second.
        detail: What differs, of the side that is wrong.
    """

    sample_id: str
    question: str
    schema_group: str
    gold_sql: str
    before_sql: str
    after_sql: str
    before_reason: str
    after_reason: str
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class VersionDiff:
    """Two versions on one evaluation set.

    Attributes:
        first: Score of the first version.
        second: Score of the second.
        gained: Wrong before, right after.
        lost: Right before, wrong after.
        both_right: Questions that both answer.
        both_wrong: Questions that neither does.
        set_aside: Questions that one of the two could not be scored on.
    """

    first: Score
    second: Score
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    both_right: int
    both_wrong: int
    set_aside: int

    @property
    def n(self) -> int:
        """Questions scored for both."""
        return len(self.gained) + len(self.lost) + self.both_right + self.both_wrong

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return {**dataclasses.asdict(self), "n": self.n}


def diff_versions(store: Store, first: RegisteredVersion, second: RegisteredVersion) -> VersionDiff:
    """Compare the verdict tables of two versions on a set that both were scored on.

    Raises:
        TrackingError: They were never scored on one set by one evaluator, or a table is
            gone or holds other questions.
    """
    if first.version == second.version:
        raise TrackingError(
            f"version {first.version} of {first.name!r} against itself",
            expected="two different versions",
        )
    before, after = common_scores(first, second)
    rows_before = {row.sample_id: row for row in read_scores(store, before)}
    rows_after = {row.sample_id: row for row in read_scores(store, after)}
    if rows_before.keys() != rows_after.keys():
        lone = sorted(rows_before.keys() ^ rows_after.keys())
        raise TrackingError(
            f"the verdict tables of versions {first.version} and {second.version} hold "
            f"different questions: {len(lone)} stand in one only, first {lone[0]}",
            expected=f"`sql-ft score {first.version} {second.version}` to score both again",
        )
    pairs = [(rows_before[key], rows_after[key]) for key in rows_after]
    scored = [p for p in pairs if Outcome.EXCLUDED not in (p[0].outcome, p[1].outcome)]
    return VersionDiff(
        first=before,
        second=after,
        gained=tuple(_flip(a, b) for a, b in scored if not _right(a) and _right(b)),
        lost=tuple(_flip(a, b) for a, b in scored if _right(a) and not _right(b)),
        both_right=sum(_right(a) and _right(b) for a, b in scored),
        both_wrong=sum(not _right(a) and not _right(b) for a, b in scored),
        set_aside=len(pairs) - len(scored),
    )


def _right(row: ScoredQuestion) -> bool:
    return row.outcome == Outcome.CORRECT


def _flip(before: ScoredQuestion, after: ScoredQuestion) -> Flip:
    wrong = before if _right(after) else after
    return Flip(
        sample_id=after.sample_id,
        question=after.question,
        schema_group=after.schema_group,
        gold_sql=after.gold_sql,
        before_sql=before.predicted_sql,
        after_sql=after.predicted_sql,
        before_reason=before.reason,
        after_reason=after.reason,
        detail=wrong.detail,
    )
