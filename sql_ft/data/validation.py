"""A third side, cut from the training side, on which settings are chosen.

Choosing among settings by the promotion questions would spend them: the best of many looks
good on the questions that chose it. So the choice is made on rows of the training side whose
schema groups (and disjoint values) none of the compared adapters trains on. Like the sides, it is a
seeded hash of the group's name: the same rows whatever number of training rows is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sql_ft.config import DataConfig, SweepConfig
from sql_ft.data.grouping import PLACEHOLDER_GROUP
from sql_ft.data.manifest import hash_side
from sql_ft.data.split import MIXED, disjoint_values, drop_repeats
from sql_ft.errors import DataError
from sql_ft.records import Sample

_SALT = "validation"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The training side, cut in two.

    Attributes:
        train: Rows that may train, in their order.
        validation: Rows that choose; no group, no disjoint value and no row of `train`.
        left_out: Rows on neither part, by reason.
    """

    train: list[Sample]
    validation: list[Sample]
    left_out: dict[str, int]


def hold_out_validation(
    train_side: Sequence[Sample], data: DataConfig, sweep: SweepConfig
) -> HeldOut:
    """Cut validation rows from the training side.

    Rows without a group, and those of placeholder tables, always train.

    Args:
        train_side: Candidates for training, in the order in which they are drawn.
        data: Names the disjoint columns.
        sweep: Shares and seed.

    Raises:
        DataError: A part has no rows.
    """
    seed = sweep.validation_seed
    parts: dict[str, list[Sample]] = {"train": [], "eval": []}
    left_out: Counter[str] = Counter()
    for sample in train_side:
        group = sample.schema_group
        if group in ("", PLACEHOLDER_GROUP):
            found = {"train"}
        else:
            found = {hash_side(seed, _SALT, group, sweep.validation_group_share)}
        found |= {
            hash_side(seed, f"{_SALT}:{column}", value, sweep.validation_value_share)
            for column, value in disjoint_values(sample, data)
            if column != data.group_column
        }
        if len(found) > 1:
            left_out[MIXED] += 1
        else:
            parts[found.pop()].append(sample)
    validation = drop_repeats(parts["train"], parts["eval"], left_out)
    for name, rows in (("training", parts["train"]), ("validation", validation)):
        if not rows:
            raise DataError(
                f"no {name} rows: of {len(train_side)} rows of the training side "
                f"{len(parts['train'])} can train and {len(validation)} can validate",
                setting="sweep.validation_group_share, sweep.validation_seed",
                expected="a share that leaves whole schema groups on both parts",
            )
    return HeldOut(parts["train"], validation, dict(sorted(left_out.items())))
