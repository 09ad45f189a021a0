"""Two sides that share no schema group, and the order in which rows are drawn from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from sql_ft.config import DataConfig
from sql_ft.data.ddl_names import table_names
from sql_ft.data.grouping import PLACEHOLDER_GROUP
from sql_ft.data.manifest import Manifest, Side
from sql_ft.data.samples import BLANK, GroupedSamples
from sql_ft.errors import DataError
from sql_ft.records import Sample

MIXED = "mixed_sides"
REPEATED = "repeated_row"
PLACEHOLDER = "placeholder_table_never_evaluates"
TOUCHED = "group_in_training_sample"
VALUE_TOUCHED = "disjoint_value_in_training_sample"
TABLE_TOUCHED = "table_name_in_training_sample"


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of both sides, in the order in which they are to be drawn.

    Attributes:
        train: Candidates for training. With ``sample_then_split`` exactly the sample,
            less the rows that no side can hold.
        eval: Candidates for evaluation; shares no schema group and no disjoint value
            with `train`, and repeats no row.
        left_out: Number of rows on neither side, by reason. A row whose reason speaks of
            the training sample is left out of evaluation only.
        train_groups: Number of schema groups among the training candidates.
        eval_groups: The same of the evaluation candidates.
    """

    train: list[Sample]
    eval: list[Sample]
    left_out: dict[str, int]
    train_groups: int
    eval_groups: int


def shuffled_order(count: int, seed: int) -> list[int]:
    """Return the row order of ``datasets.Dataset.shuffle(seed=seed)`` on `count` rows."""
    return [int(index) for index in numpy.random.default_rng(seed).permutation(count)]


def split_samples(grouped: GroupedSamples, config: DataConfig, manifest: Manifest) -> Split:
    """Assign rows to sides; new groups and values are added to `manifest`.

    Raises:
        DataError: A side has no rows; or with ``sample_then_split`` fewer than `eval_rows`
            rows lie outside the sample's groups, or the sample holds a group that the
            manifest has set aside for evaluation.
    """
    if config.sampling == "sample_then_split":
        split = _sample_then_split(grouped, config, manifest)
    else:
        split = _split_then_sample(grouped, config, manifest)
    for name, rows, setting in (
        ("training", split.train, "data.train_rows"),
        ("evaluation", split.eval, "data.eval_rows"),
    ):
        if not rows:
            raise DataError(
                f"no {name} rows: of {len(grouped.samples)} rows {len(split.train)} can train "
                f"({split.train_groups} schema groups) and {len(split.eval)} can evaluate "
                f"({split.eval_groups} schema groups); left out: {split.left_out or 'none'}",
                setting=f"{setting}, data.eval_group_share, data.sampling",
                expected="rows in several schema groups; with sample_then_split a sample "
                "small enough to leave whole groups untouched",
            )
    if config.sampling == "sample_then_split" and len(split.eval) < config.eval_rows:
        raise DataError(
            f"only {len(split.eval)} evaluation rows ({split.eval_groups} schema groups) lie "
            f"outside the {split.train_groups} schema groups that the sample of "
            f"{len(split.train)} training rows touches; left out: {split.left_out}",
            setting="data.sampling, data.train_rows, data.eval_rows",
            expected=f"{config.eval_rows} rows; draw fewer training rows, lower eval_rows, or "
            "take split_then_sample",
        )
    return split


def disjoint_values(sample: Sample, config: DataConfig) -> list[tuple[str, str]]:
    """Values of the row that never stand on two sides, each with its column."""
    return [
        (c, sample.schema_group if c == config.group_column else sample.tags[c])
        for c in config.disjoint_columns
    ]


def drop_repeats(
    train: Sequence[Sample], evaluation: Sequence[Sample], left_out: Counter[str]
) -> list[Sample]:
    """Drop evaluation rows that say the same as a training row or an earlier one."""
    # Two databases can hold the same tiny context, so groups alone do not rule this out.
    seen = {sample.id.partition("-")[0] for sample in train}
    kept = []
    for sample in evaluation:
        base = sample.id.partition("-")[0]
        if base in seen:
            left_out[REPEATED] += 1
        else:
            seen.add(base)
            kept.append(sample)
    return kept


def _shuffle(samples: Sequence[Sample], seed: int) -> list[Sample]:
    return [samples[index] for index in shuffled_order(len(samples), seed)]


def _finish(train: list[Sample], evaluation: list[Sample], left_out: Counter[str]) -> Split:
    return Split(
        train=train,
        eval=evaluation,
        left_out=dict(sorted(left_out.items())),
        train_groups=len({sample.schema_group for sample in train} - {""}),
        eval_groups=len({sample.schema_group for sample in evaluation}),
    )


def _split_then_sample(grouped: GroupedSamples, config: DataConfig, manifest: Manifest) -> Split:
    left_out: Counter[str] = Counter()
    sides: dict[Side, list[Sample]] = {"train": [], "eval": []}
    for sample, reason in zip(grouped.samples, grouped.reasons, strict=True):
        if reason:
            left_out[reason] += 1
            continue
        if grouped.inferred and sample.schema_group == PLACEHOLDER_GROUP:
            manifest.groups[PLACEHOLDER_GROUP] = "train"
        found = {manifest.side_of_group(sample.schema_group)}
        found |= {manifest.side_of_value(*value) for value in disjoint_values(sample, config)}
        if len(found) > 1:
            left_out[MIXED] += 1
        else:
            sides[found.pop()].append(sample)
    evaluation = drop_repeats(sides["train"], sides["eval"], left_out)
    seed = config.shuffle_seed
    return _finish(_shuffle(sides["train"], seed), _shuffle(evaluation, seed), left_out)


def _sample_then_split(grouped: GroupedSamples, config: DataConfig, manifest: Manifest) -> Split:
    order = shuffled_order(len(grouped.samples), config.shuffle_seed)
    drawn, rest = order[: config.train_rows], order[config.train_rows :]
    left_out: Counter[str] = Counter()
    train = []
    for index in drawn:
        # A row of an unclear group still trains: the recipe's sample is taken as it is.
        if grouped.reasons[index] == BLANK:
            left_out[BLANK] += 1
        else:
            train.append(grouped.samples[index])
    touched = {sample.schema_group for sample in train} - {""}
    touched_values = {value for sample in train for value in disjoint_values(sample, config)}
    _pin_touched(manifest, touched, touched_values)
    tables = (
        frozenset().union(*(table_names(sample.context) for sample in train))
        if grouped.inferred
        else frozenset()
    )
    candidates = []
    for index in rest:
        sample, reason = grouped.samples[index], grouped.reasons[index]
        if not reason and grouped.inferred and sample.schema_group == PLACEHOLDER_GROUP:
            reason = PLACEHOLDER
        if not reason and manifest.groups.get(sample.schema_group) == "train":
            reason = TOUCHED
        if not reason and any(
            manifest.values.get(column, {}).get(value) == "train"
            for column, value in disjoint_values(sample, config)
        ):
            reason = VALUE_TOUCHED
        if not reason and tables & table_names(sample.context):
            reason = TABLE_TOUCHED
        if reason:
            left_out[reason] += 1
        else:
            candidates.append(sample)
    for sample in candidates:
        manifest.groups[sample.schema_group] = "eval"
        for column, value in disjoint_values(sample, config):
            manifest.values.setdefault(column, {})[value] = "eval"
    return _finish(train, drop_repeats(train, candidates, left_out), left_out)


def _pin_touched(manifest: Manifest, groups: set[str], values: set[tuple[str, str]]) -> None:
    moved = sorted(group for group in groups if manifest.groups.get(group) == "eval")
    moved += sorted(
        f"{column}={value}"
        for column, value in values
        if manifest.values.get(column, {}).get(value) == "eval"
    )
    if moved:
        raise DataError(
            f"the training sample now holds {len(moved)} groups or values that the manifest "
            f"set aside for evaluation, among them {moved[:3]}; the dataset has changed since",
            setting="data.sampling, data.manifest_path",
            expected="split_then_sample for a dataset that grows, or a new manifest",
        )
    manifest.groups.update(dict.fromkeys(groups, "train"))
    for column, value in values:
        manifest.values.setdefault(column, {})[value] = "train"
