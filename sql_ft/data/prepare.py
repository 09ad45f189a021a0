"""From a configuration to `train.jsonl`, `eval.jsonl` and the profile of both."""

from __future__ import annotations

import json
import logging
import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sql_ft.config import DataConfig, RunConfig, SweepConfig
from sql_ft.data.chat import encode_examples
from sql_ft.data.frozen_questions import (
    REPEATS_QUESTION,
    FrozenQuestions,
    choose_questions,
    frozen_path,
    load_frozen,
    save_frozen,
    without_repeats,
)
from sql_ft.data.manifest import load_manifest, manifest_path, split_settings
from sql_ft.data.overlap import measure_overlap
from sql_ft.data.row_checks import has_group_column
from sql_ft.data.samples import group_samples
from sql_ft.data.sources import load_rows
from sql_ft.data.split import split_samples
from sql_ft.data.validation import HeldOut, hold_out_validation
from sql_ft.errors import DataError
from sql_ft.records import Sample, write_jsonl

logger = logging.getLogger(__name__)

TOO_LONG = "too_long"
SPECIAL_TOKEN = "special_token_in_text"
_CHUNK_ROWS = 512


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """Where the prepared rows are and what they are; JSON-sized.

    Attributes:
        train_path: `Sample` records, one a line, in training order.
        eval_path: `Sample` records of the evaluation side.
        digest: SHA-256 over the rows of the source.
        train_hash: SHA-256 of `train.jsonl`.
        eval_hash: SHA-256 of `eval.jsonl`.
        profile: What `profile.json` holds: source, counts, rows left out by reason,
            token lengths, overlap.
        validation_path: `Sample` records held out of training to choose settings on; "" if
            none were asked for.
        validation_hash: SHA-256 of `validation.jsonl`; "" likewise.
    """

    train_path: str
    eval_path: str
    digest: str
    train_hash: str
    eval_hash: str
    profile: dict[str, Any]
    validation_path: str = ""
    validation_hash: str = ""


@dataclass(slots=True)
class Draw:
    """Rows taken from one side, and every token length looked at on the way.

    Attributes:
        rows: What was taken, in order.
        left_out: Rows passed over, by reason.
        prompt_tokens: Length of each prompt that was looked at.
        answer_tokens: Length of each answer, likewise.
    """

    rows: list[Sample] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    prompt_tokens: list[int] = field(default_factory=list)
    answer_tokens: list[int] = field(default_factory=list)

    @property
    def total_tokens(self) -> list[int]:
        """Prompt and answer together, of each row that was looked at."""
        return [p + a for p, a in zip(self.prompt_tokens, self.answer_tokens, strict=True)]


def prepare_dataset(
    config: RunConfig,
    tokenizer: Any,
    out_dir: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    hold_out: SweepConfig | None = None,
) -> PreparedDataset:
    """Load, group, split, draw and write the rows of one run.

    Rows longer than `data.max_length` are left out, never cut. With
    ``split_then_sample`` they are passed over while drawing, so `train_rows` is met if
    the side has enough rows that fit; with ``sample_then_split`` the sample stays what
    it is, less those rows. Only rows that are looked at while drawing are tokenised.

    Args:
        config: `config.data` is used, and `config.state_path` for the default manifest.
        tokenizer: The base model's tokenizer, with a chat template.
        out_dir: Receives ``train.jsonl``, ``eval.jsonl`` and ``profile.json``.
        progress: Called with rows drawn so far and rows wanted, all sides together.
        hold_out: Also write ``validation.jsonl``: rows of the training side that no training
            row shares a group with, the same for every `train_rows`.

    Raises:
        DataError: The source is unusable (see `sources.load_rows`), the manifest is
            damaged, a side has no rows, or every row is too long.
        ModelError: The tokenizer has no usable chat template.
    """
    data = config.data
    loaded = load_rows(data)
    path = manifest_path(config)
    inferred = not has_group_column(loaded.rows, data)
    manifest = load_manifest(path, split_settings(data, inferred_groups=inferred))
    grouped = group_samples(loaded.rows, data, manifest.tables)
    manifest.tables = grouped.tables
    split = split_samples(grouped, data, manifest)

    # With sample_then_split the questions follow from the training sample, drawn anew.
    freezes = data.sampling == "split_then_sample"
    frozen = load_frozen(frozen_path(config)) if freezes else None
    questions = choose_questions(frozen, split.eval, data.renew_evaluation_after_groups)
    train_pool = split.train if questions.renewed else without_repeats(split.train, questions.pool)
    repeats = len(split.train) - len(train_pool)
    held_out = HeldOut(train_pool, [], {})
    if hold_out is not None:
        held_out = hold_out_validation(train_pool, data, hold_out)
        train_pool = held_out.train

    validation_rows = hold_out.validation_rows if hold_out is not None else 0
    wanted = data.train_rows + data.eval_rows + validation_rows
    report = progress or (lambda done, total: None)
    train = draw_rows(tokenizer, train_pool, data.train_rows, data, lambda n: report(n, wanted))
    _require_rows("training", train, train_pool, data)
    base = data.train_rows
    held = draw_rows(
        tokenizer, questions.pool, data.eval_rows, data, lambda n: report(base + n, wanted)
    )
    _require_rows("evaluation", held, questions.pool, data)
    base += data.eval_rows
    chosen_on = draw_rows(
        tokenizer, held_out.validation, validation_rows, data, lambda n: report(base + n, wanted)
    )
    if hold_out is not None:
        _require_rows("validation", chosen_on, held_out.validation, data)
    report(wanted, wanted)
    for name, draw, asked in (
        ("training", train, data.train_rows),
        ("evaluation", held, data.eval_rows),
        ("validation", chosen_on, validation_rows),
    ):
        if len(draw.rows) < asked:
            logger.warning(
                "%d %s rows instead of the %d asked for: this side has no more that fit",
                len(draw.rows),
                name,
                asked,
            )

    out_dir.mkdir(parents=True, exist_ok=True)
    train_hash = write_jsonl(out_dir / "train.jsonl", train.rows)
    eval_hash = write_jsonl(out_dir / "eval.jsonl", held.rows)
    validation_path, validation_hash = "", ""
    if hold_out is not None:
        validation_path = str(out_dir / "validation.jsonl")
        validation_hash = write_jsonl(Path(validation_path), chosen_on.rows)
    profile: dict[str, Any] = {
        "source": {
            "origin": loaded.origin,
            "revision": loaded.revision,
            "digest": loaded.digest,
            "rows": len(loaded.rows),
        },
        "split": {
            "sampling": data.sampling,
            "groups_from": manifest.settings["groups_from"],
            "train_groups": split.train_groups,
            "eval_groups": split.eval_groups,
            "train_candidates": len(split.train),
            "eval_candidates": len(split.eval),
        },
        "rows": {
            "train": len(train.rows),
            "train_asked": data.train_rows,
            "train_groups": len({s.schema_group for s in train.rows} - {""}),
            "eval": len(held.rows),
            "eval_asked": data.eval_rows,
            "eval_groups": len({s.schema_group for s in held.rows}),
            "validation": len(chosen_on.rows),
            "validation_groups": len({s.schema_group for s in chosen_on.rows}),
        },
        "left_out": {
            "before_drawing": split.left_out | ({REPEATS_QUESTION: repeats} if repeats else {}),
            "train": dict(sorted(train.left_out.items())),
            "eval": dict(sorted(held.left_out.items())),
            "validation": held_out.left_out | dict(sorted(chosen_on.left_out.items())),
        },
        "questions": {
            "generation": questions.generation,
            "waiting_groups": questions.waiting_groups,
        },
        "max_length": data.max_length,
        "token_lengths": {"train": _length_profile(train), "eval": _length_profile(held)},
        "overlap": measure_overlap(train.rows, held.rows),
    }
    _write_json(out_dir / "profile.json", profile)
    # Last: a preparation that failed must not pin any assignment.
    manifest.save(path)
    if freezes and questions.renewed:
        groups = frozenset(sample.schema_group for sample in split.eval)
        save_frozen(
            frozen_path(config), FrozenQuestions(questions.generation, groups, tuple(held.rows))
        )
    _log_profile(profile)
    return PreparedDataset(
        train_path=str(out_dir / "train.jsonl"),
        eval_path=str(out_dir / "eval.jsonl"),
        digest=loaded.digest,
        train_hash=train_hash,
        eval_hash=eval_hash,
        profile=profile,
        validation_path=validation_path,
        validation_hash=validation_hash,
    )


def draw_rows(
    tokenizer: Any,
    pool: Sequence[Sample],
    wanted: int,
    config: DataConfig,
    report: Callable[[int], None],
) -> Draw:
    """Take the first `wanted` rows of `pool` that fit, tokenising no more than needed."""
    draw = Draw()
    special = [token for token in tokenizer.all_special_tokens if token]
    position = 0
    while position < len(pool) and len(draw.rows) < wanted:
        # Never more than is still missing: what is tokenised is then what is counted.
        size = min(_CHUNK_ROWS, wanted - len(draw.rows))
        chunk = pool[position : position + size]
        position += size
        usable = [s for s in chunk if not _holds_any(s, special)]
        if len(usable) < len(chunk):
            draw.left_out[SPECIAL_TOKEN] += len(chunk) - len(usable)
        for sample, example in zip(usable, encode_examples(tokenizer, usable), strict=True):
            draw.prompt_tokens.append(example.prompt_length)
            draw.answer_tokens.append(example.answer_length)
            if len(example.input_ids) > config.max_length:
                draw.left_out[TOO_LONG] += 1
            else:
                draw.rows.append(sample)
        report(len(draw.rows))
    return draw


def _holds_any(sample: Sample, special: Sequence[str]) -> bool:
    # Such text would be read as the end of a turn, in training and in generation.
    return any(
        token in text
        for token in special
        for text in (sample.question, sample.context, sample.gold_sql)
    )


def _require_rows(name: str, draw: Draw, pool: Sequence[Sample], config: DataConfig) -> None:
    if draw.rows:
        return
    if draw.left_out[TOO_LONG]:
        raise DataError(
            f"all {draw.left_out[TOO_LONG]} {name} rows are longer than {config.max_length} "
            f"tokens; the shortest has {min(draw.total_tokens)}",
            setting="data.max_length",
            expected=f"at least {min(draw.total_tokens)}",
        )
    raise DataError(
        f"none of the {len(pool)} {name} rows can be used: {dict(draw.left_out)}",
        setting="data.source",
        expected="rows without the tokenizer's special tokens in their text",
    )


def _length_profile(draw: Draw) -> dict[str, Any]:
    """Minimum, median, 95th percentile (nearest rank) and maximum, in tokens."""

    def summary(values: Sequence[int]) -> dict[str, float]:
        ordered = sorted(values)
        return {
            "min": ordered[0],
            "median": statistics.median(ordered),
            "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
            "max": ordered[-1],
        }

    return {
        "measured_on": "the rows looked at while drawing, those that were too long included",
        "tokenized_rows": len(draw.prompt_tokens),
        "prompt": summary(draw.prompt_tokens),
        "answer": summary(draw.answer_tokens),
        "total": summary(draw.total_tokens),
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n",
        encoding="utf-8",
    )
    partial.replace(path)


def _log_profile(profile: dict[str, Any]) -> None:
    rows, split = profile["rows"], profile["split"]
    logger.info(
        "%s: %d rows; %d for training (%d schema groups), %d for evaluation (%d), groups from %s",
        profile["source"]["origin"],
        profile["source"]["rows"],
        rows["train"],
        rows["train_groups"],
        rows["eval"],
        rows["eval_groups"],
        split["groups_from"],
    )
    left_out = profile["left_out"]
    logger.info(
        "left out: %s before drawing, %s of training, %s of evaluation",
        left_out["before_drawing"] or "none",
        left_out["train"] or "none",
        left_out["eval"] or "none",
    )
    for side, lengths in profile["token_lengths"].items():
        logger.info("tokens of a %s row (prompt + answer): %s", side, lengths["total"])
    logger.info(
        "share of evaluation rows seen in training: %s",
        {kind: value["share"] for kind, value in profile["overlap"].items()},
    )
