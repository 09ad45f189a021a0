"""Samples that ask for the same gold in other words.

Spider asks nearly every question twice. Such samples share what is made from the gold: its
databases, its results and whatever was found out about it. They are built, executed and
stored once, and predictions for them run on the same databases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from sql_ft.records import Sample

GoldKey = tuple[str, str, str]


def gold_key(sample: Sample) -> GoldKey:
    """Equal for samples with the same gold over the same database."""
    return sample.schema_group, sample.context, sample.gold_sql


def group_wordings(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Samples by gold, in the order in which each gold comes first."""
    groups: dict[GoldKey, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(gold_key(sample), []).append(sample)
    return list(groups.values())


def merge_wordings(group: Sequence[Sample]) -> Sample:
    """The first sample with all questions of its group, one a line.

    The values that any of them mentions go into the databases. BIRD says in its evidence which
    values a question means.
    """
    said = [
        f"{sample.question} {sample.tags.get('evidence', '')}".strip().replace("\n", " ")
        for sample in group
    ]
    return dataclasses.replace(group[0], question="\n".join(dict.fromkeys(said)))
