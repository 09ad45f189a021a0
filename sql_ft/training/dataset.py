"""Training rows → token ids with labels. Nothing is cut, nothing is supervised by accident."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sql_ft.errors import TrainingError
from sql_ft.records import Sample, read_jsonl

IGNORED = -100


@dataclasses.dataclass(frozen=True, slots=True)
class TokenisedRows:
    """Rows ready for the trainer.

    Attributes:
        rows: ``input_ids`` and ``labels`` of each row; labels are -100 outside the answer.
        total_tokens: Tokens of all rows.
        supervised_tokens: Tokens that carry loss.
        longest: Tokens of the longest row.
    """

    rows: list[dict[str, list[int]]]
    total_tokens: int
    supervised_tokens: int
    longest: int

    def to_dataset(self) -> Any:
        """Return a `datasets.Dataset`, in memory."""
        from datasets import Dataset

        return Dataset.from_list(self.rows)


def tokenise_rows(train_path: Path, tokenizer: Any, *, max_length: int) -> TokenisedRows:
    """Read `Sample` records and encode each with the project's chat format.

    Raises:
        TrainingError: No rows, a row longer than `max_length`, or one without a
            supervised token. Data preparation leaves such rows out; here they mean that
            the file was prepared for another tokenizer or another limit.
    """
    from sql_ft.data.chat import encode_examples

    if not train_path.is_file():
        raise TrainingError(f"no training rows at {train_path}", expected="a prepared train.jsonl")
    samples = read_jsonl(train_path, Sample)
    if not samples:
        raise TrainingError(f"{train_path} holds no rows", setting="data.train_rows")
    rows = []
    supervised = 0
    for sample, example in zip(samples, encode_examples(tokenizer, samples), strict=True):
        ids = list(example.input_ids)
        mask = list(example.completion_mask)
        if len(ids) > max_length:
            raise TrainingError(
                f"row {sample.id} has {len(ids)} tokens and would be cut",
                setting="data.max_length",
                expected=f"at most {max_length}",
            )
        # The first token is never predicted, so supervision there counts for nothing.
        if len(mask) != len(ids) or not any(mask[1:]):
            raise TrainingError(
                f"row {sample.id} has no supervised token: nothing can be learned from it",
                setting="data.answer_column",
                expected="a chat template that leaves the answer last",
            )
        supervised += sum(mask)
        labels = [token if kept else IGNORED for token, kept in zip(ids, mask, strict=True)]
        rows.append({"input_ids": ids, "labels": labels})
    lengths = [len(row["input_ids"]) for row in rows]
    return TokenisedRows(rows, sum(lengths), supervised, max(lengths))
