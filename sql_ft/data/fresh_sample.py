"""Questions that neither training nor promotion has seen, drawn anew each time.

They come from the evaluation side of the manifest, so no database of them ever trained; what
any promotion asked, and what any data set kept under `state_dir` holds, is left out. Manifest
and frozen questions are read, never written: a check at night must not pin a side.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig
from sql_ft.data.frozen_questions import frozen_files, load_frozen
from sql_ft.data.manifest import load_manifest, manifest_path, split_settings
from sql_ft.data.prepare import draw_rows
from sql_ft.data.row_checks import has_group_column
from sql_ft.data.samples import group_samples
from sql_ft.data.sources import LoadedRows, load_rows
from sql_ft.data.split import shuffled_order, split_samples
from sql_ft.errors import DataError
from sql_ft.records import Sample, iter_jsonl


@dataclass(frozen=True, slots=True)
class FreshDraw:
    """A fresh sample and what it was drawn from.

    Attributes:
        samples: At most as many as asked for, in the order of the draw.
        pool: Rows that could have been drawn.
        asked_before: Rows of the evaluation side that a promotion or training has seen.
        new_groups: Schema groups of the sample that no promotion has asked about.
        source: The rows' source.
    """

    samples: list[Sample]
    pool: int
    asked_before: int
    new_groups: int
    source: LoadedRows


def draw_fresh(config: RunConfig, tokenizer: Any, *, rows: int, seed: int) -> FreshDraw:
    """Draw `rows` questions of the evaluation side that were never asked or trained on.

    Args:
        config: `data` and `state_path` are used.
        tokenizer: The base model's: rows longer than `data.max_length` are passed over.
        rows: Most questions to draw.
        seed: Of the draw.

    Raises:
        DataError: The source is unusable, or there is no manifest: then nobody knows which
            rows have trained.
    """
    data = config.data
    path = manifest_path(config)
    if not path.exists():
        raise DataError(
            f"no manifest at {path}: which rows have trained is not known",
            setting="data.manifest_path, state_dir",
            expected="the manifest of the run that trained the champion",
        )
    loaded = load_rows(data)
    inferred = not has_group_column(loaded.rows, data)
    # In memory alone: groups that are new get the side that their hash says.
    manifest = load_manifest(path, split_settings(data, inferred_groups=inferred))
    grouped = group_samples(loaded.rows, data, manifest.tables)
    split = split_samples(grouped, data, manifest)

    seen = {sample.id.partition("-")[0] for sample in _seen(config)}
    groups = {sample.schema_group for sample in _asked(config)}
    if data.sampling == "sample_then_split":
        # Nothing is frozen there: the questions follow from the training sample.
        held = draw_rows(tokenizer, split.eval, data.eval_rows, data, lambda n: None).rows
        seen |= {sample.id.partition("-")[0] for sample in held}
        groups |= {sample.schema_group for sample in held}
    pool = [s for s in split.eval if s.id.partition("-")[0] not in seen]
    order = [pool[place] for place in shuffled_order(len(pool), seed)]
    drawn = draw_rows(tokenizer, order, rows, data, lambda n: None).rows
    return FreshDraw(
        samples=drawn,
        pool=len(pool),
        asked_before=len(split.eval) - len(pool),
        new_groups=len({s.schema_group for s in drawn} - groups),
        source=loaded,
    )


def _asked(config: RunConfig) -> Iterator[Sample]:
    """Every question that a promotion on this manifest has asked."""
    for path in frozen_files(config):
        frozen = load_frozen(path)
        if frozen is not None:
            yield from frozen.questions


def _seen(config: RunConfig) -> Iterator[Sample]:
    """Those, and every row of the data sets that are kept here, of either side."""
    yield from _asked(config)
    folder = glob.escape(str(config.state_path / "datasets"))
    for side in ("train", "eval"):
        for file in sorted(glob.glob(f"{folder}/*/{side}.jsonl")):
            yield from iter_jsonl(Path(file), Sample)
