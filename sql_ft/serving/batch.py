"""A file of questions in, a file of answers out."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sql_ft.data.local_files import Row, read_file
from sql_ft.errors import DataError
from sql_ft.records import Progress
from sql_ft.serving.answers import Answerer, Question

_CHUNK_ROWS = 512
_ADDED = ("predicted_sql", "completion", "strict_format", "finish_reason", "model")


@dataclasses.dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch came to.

    Attributes:
        rows: Answered.
        without_sql: Rows for which the model wrote no SQL.
        model: `Answerer.label` after the last row.
        output: The file written.
    """

    rows: int
    without_sql: int
    model: str
    output: str


def predict_file(
    answerer: Answerer, source: Path, output: Path, *, progress: Progress | None = None
) -> BatchResult:
    """Answer every row of a file; the rows come back in order, with what was answered.

    Columns ``question`` and ``context`` are read; all columns are kept, and
    ``predicted_sql``, ``completion``, ``strict_format``, ``finish_reason`` and ``model`` added.
    `sql-ft evaluate --predictions` reads the result. The output appears only when complete.

    Args:
        answerer: E.g. a `Predictor`.
        source: ``.parquet``, ``.csv``, ``.jsonl`` or ``.json``.
        output: ``.parquet``, ``.csv`` or ``.jsonl``.
        progress: Called with rows done and in all.

    Raises:
        DataError: A file is missing, malformed, lacks a column or cannot be written.
        ModelError: A question does not fit the model.
    """
    write = _WRITERS.get(output.suffix.lower())
    if write is None:
        raise DataError(
            f"{output} has the extension {output.suffix!r}",
            setting="output",
            expected=f"one of {', '.join(_WRITERS)}",
        )
    try:
        rows = read_file(source)
    except DataError as error:
        # The reader names the setting of a training run.
        raise DataError(error.message, setting="input", expected=error.expected) from None
    questions = [_to_question(row, number, source) for number, row in enumerate(rows, 1)]
    answered: list[Row] = []
    for start in range(0, len(rows), _CHUNK_ROWS):
        answers = answerer.predict(questions[start : start + _CHUNK_ROWS])
        # A champion that moves in the middle answers the rest: each row says who did.
        model = answerer.label
        for row, answer in zip(rows[start : start + _CHUNK_ROWS], answers, strict=True):
            values = (
                answer.sql,
                answer.completion,
                answer.strict_format,
                answer.finish_reason,
                model,
            )
            answered.append({**row, **dict(zip(_ADDED, values, strict=True))})
        if progress is not None:
            progress(len(answered), len(rows))
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write(partial, answered)
        partial.replace(output)
    except OSError as error:
        raise DataError(
            f"cannot write {output}: {error.strerror or error}",
            setting="output",
            expected="a folder this user can write",
        ) from error
    empty = sum(not row["predicted_sql"] for row in answered)
    return BatchResult(len(answered), empty, answerer.label, str(output))


def _to_question(row: Row, number: int, source: Path) -> Question:
    for column in ("question", "context"):
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise DataError(
                f"row {number} of {source} has no {column}",
                expected="the columns question and context, text in every row",
            )
    return Question(row["question"], row["context"])


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.table({name: [row.get(name) for row in rows] for name in _columns(rows)})
    except pa.ArrowInvalid as error:
        raise DataError(
            f"a column of the input holds values of several types: {error}",
            setting="output",
            expected="a .jsonl output, which keeps them",
        ) from error
    pq.write_table(table, path)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def _write_json_lines(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


_WRITERS: dict[str, Callable[[Path, Sequence[Any]], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
}
