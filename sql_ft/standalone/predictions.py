"""A file of predictions → `Prediction` records, each tied to one row beyond doubt.

- json, jsonl, csv, parquet (``.gz`` too): each row has ``id`` (or ``sample_id``,
  ``question_id``) and ``predicted_sql`` (SQL, taken as it is) or ``completion`` (a model's
  whole answer, out of which one statement is taken).
- json with one object ``{"<id>": "<SQL>", …}``: BIRD's form; what follows BIRD's separator
  is the database.
- sql, txt: one prediction a line, as many lines as rows: Spider's form. A tab and the
  row's database may end a line; an empty line is an empty prediction.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sql_ft.data.local_files import read_file
from sql_ft.errors import DataError, PredictionsError
from sql_ft.generation.extract import extract_sql
from sql_ft.records import Prediction, Sample

SETTING = "--predictions"
ID_FIELDS = ("id", "sample_id", "question_id")
TEXT_SUFFIXES = (".sql", ".txt")
BIRD_SEPARATOR = "\t----- bird -----\t"
UNKNOWN_LENGTH = -1
"""`Prediction.completion_tokens` of a file that does not say."""

_SHOWN_IDS = 5


@dataclasses.dataclass(frozen=True, slots=True)
class PredictionFile:
    """One arm's answers and what the file says about them.

    Attributes:
        arm: Name of the arm.
        predictions: In the order of the samples.
        has_completions: Every row holds the model's whole answer, so its format can be
            judged.
        has_lengths: Every row says how long the answer was and why it ended.
    """

    arm: str
    predictions: list[Prediction]
    has_completions: bool = False
    has_lengths: bool = False


def read_predictions(
    path: Path | str,
    samples: Sequence[Sample],
    *,
    arm: str = "",
    optional_ids: Collection[str] = (),
) -> PredictionFile:
    """Read one arm's predictions, in the order of `samples`.

    Args:
        path: See the module's docstring for the formats.
        samples: The questions that are answered.
        arm: Name shown in reports; in a file whose rows have an ``arm``, the one to take.
            Default: the file's own, else its name without the extension.
        optional_ids: Samples that need no prediction (excluded ones of a frozen set).

    Raises:
        PredictionsError: Malformed line, missing or wrong field, or ids that are missing,
            repeated or unknown. Names the row or the id.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        raise PredictionsError(f"{place} is a folder", setting=SETTING, expected="a file")
    if place.suffix.lower() in TEXT_SUFFIXES:
        arm = arm or place.stem
        return PredictionFile(arm, _read_text(place, samples, arm))
    rows = _read_rows(place)
    rows, arm = _one_arm(rows, arm, place)
    predictions = [_from_row(row, where, arm, place) for where, row in rows]
    _check_ids(predictions, [where for where, _ in rows], samples, optional_ids, place)
    by_id = {prediction.sample_id: prediction for prediction in predictions}
    return PredictionFile(
        arm,
        [by_id[sample.id] for sample in samples if sample.id in by_id],
        has_completions=all(isinstance(row.get("completion"), str) for _, row in rows),
        has_lengths=all(
            p.completion_tokens != UNKNOWN_LENGTH and p.finish_reason for p in predictions
        ),
    )


def _read_text(path: Path, samples: Sequence[Sample], arm: str) -> list[Prediction]:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise PredictionsError(f"no file at {path}", setting=SETTING) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PredictionsError(f"cannot read {path}: {error}", setting=SETTING) from error
    lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
    if not text.strip():
        raise PredictionsError(f"{path} is empty", setting=SETTING, expected="one query a line")
    if len(lines) != len(samples):
        raise PredictionsError(
            f"{path} has {len(lines)} lines for {len(samples)} rows",
            setting=SETTING,
            expected="one line a row, in the order of the data; an empty one for no answer",
        )
    groups = {sample.schema_group for sample in samples}
    predictions = []
    for number, (line, sample) in enumerate(zip(lines, samples, strict=True), start=1):
        sql, _, database = line.rstrip("\r").rpartition("\t")
        if not sql or database.strip() not in groups:
            sql = line.rstrip("\r")
        elif database.strip() != sample.schema_group:
            raise PredictionsError(
                f"{path}, line {number} is about {database.strip()!r}, row {sample.id} of the "
                f"data about {sample.schema_group!r}",
                setting=SETTING,
                expected="lines in the order of the data",
            )
        predictions.append(_prediction(sample.id, arm, "", sql, strict=False))
    return predictions


def _read_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows, each with where it stands."""
    try:
        if path.suffix.lower() == ".json":
            mapping = _read_mapping(path)
            if mapping is not None:
                return mapping
        rows = read_file(path)
    except DataError as error:
        raise PredictionsError(
            error.message, setting=SETTING, expected=_expected(error.expected)
        ) from None
    return [(f"row {number}", row) for number, row in enumerate(rows, start=1)]


def _expected(text: str | None) -> str | None:
    if text is not None and text.startswith("one of "):
        return f"{text}; or {' or '.join(TEXT_SUFFIXES)} with one query a line"
    return text


def _read_mapping(path: Path) -> list[tuple[str, Mapping[str, Any]]] | None:
    """BIRD's form; None if the file is not one JSON object, or is an object per line."""
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None  # the other reader says what is wrong
    if not isinstance(value, dict) or {"predicted_sql", "completion"} & value.keys():
        return None
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for key, text in value.items():
        if not isinstance(text, str):
            raise PredictionsError(
                f"{path}, id {key!r}: the prediction is a {type(text).__name__}",
                setting=SETTING,
                expected='{"<id>": "<SQL>", …}',
            )
        sql = text.partition(BIRD_SEPARATOR)[0]
        rows.append((f"id {key!r}", {"id": key, "predicted_sql": sql}))
    return rows


def _one_arm(
    rows: list[tuple[str, Mapping[str, Any]]], wanted: str, path: Path
) -> tuple[list[tuple[str, Mapping[str, Any]]], str]:
    arms = list(dict.fromkeys(str(row["arm"]) for _, row in rows if row.get("arm")))
    if not arms:
        return rows, wanted or path.name.partition(".")[0]
    if not wanted and len(arms) == 1:
        wanted = arms[0]
    if wanted not in arms:
        if len(arms) == 1:
            return rows, wanted
        raise PredictionsError(
            f"{path} holds predictions of {len(arms)} arms: {', '.join(arms[:_SHOWN_IDS])}",
            setting="--arm",
            expected="one of them",
        )
    return [(where, row) for where, row in rows if str(row.get("arm")) == wanted], wanted


def _from_row(row: Mapping[str, Any], where: str, arm: str, path: Path) -> Prediction:
    def fail(problem: str, expected: str) -> PredictionsError:
        return PredictionsError(f"{path}, {where} {problem}", setting=SETTING, expected=expected)

    ids = {str(row[field]).strip() for field in ID_FIELDS if row.get(field) not in (None, "")}
    if not ids:
        raise fail(f"has no id; it has {sorted(row)[:8]}", "the field " + " or ".join(ID_FIELDS))
    if len(ids) > 1:
        raise fail(f"has several ids: {', '.join(sorted(ids))}", "one")
    (sample_id,) = ids
    for field in ("predicted_sql", "completion"):
        if row.get(field) is not None and not isinstance(row[field], str):
            raise fail(f"(id {sample_id}): {field} is of type {type(row[field]).__name__}", "text")
    sql, completion = row.get("predicted_sql"), row.get("completion")
    if sql is None and completion is None:
        raise fail(
            f"(id {sample_id}) has neither predicted_sql nor completion; it has {sorted(row)[:8]}",
            "one of them; an empty text for no answer",
        )
    strict = row.get("strict_format")
    if completion is not None:
        extracted = extract_sql(completion)
        if sql is None:
            sql, strict = extracted.sql, extracted.strict
        elif not isinstance(strict, bool):
            strict = extracted.strict and extracted.sql == sql.strip().rstrip("; \n")
    tokens, reason = row.get("completion_tokens"), row.get("finish_reason")
    return _prediction(
        sample_id,
        arm,
        completion or "",
        sql or "",
        strict=bool(strict),
        tokens=tokens if isinstance(tokens, int) else UNKNOWN_LENGTH,
        reason=reason if isinstance(reason, str) else "",
    )


def _prediction(
    sample_id: str,
    arm: str,
    completion: str,
    sql: str,
    *,
    strict: bool,
    tokens: int = UNKNOWN_LENGTH,
    reason: str = "",
) -> Prediction:
    return Prediction(
        sample_id=sample_id,
        arm=arm,
        completion=completion,
        predicted_sql=sql,
        strict_format=strict,
        prompt_tokens=UNKNOWN_LENGTH,
        completion_tokens=tokens,
        finish_reason=reason,
    )


def _check_ids(
    predictions: Sequence[Prediction],
    places: Sequence[str],
    samples: Sequence[Sample],
    optional_ids: Collection[str],
    path: Path,
) -> None:
    wanted = {sample.id for sample in samples}
    counts = Counter(prediction.sample_id for prediction in predictions)
    repeated = [i for i, n in counts.items() if n > 1]
    unknown = [i for i in counts if i not in wanted]
    missing = [s.id for s in samples if s.id not in counts and s.id not in optional_ids]
    problems = []
    if repeated:
        rows = [w for w, p in zip(places, predictions, strict=True) if p.sample_id == repeated[0]]
        problems.append(f"{_some(repeated, 'repeated')} ({' and '.join(rows[:2])})")
    if unknown:
        problems.append(_some(unknown, "that the data does not have"))
    if missing:
        problems.append(_some(missing, "of the data without a prediction"))
    if problems:
        hint = f"; the data's ids run from {samples[0].id} to {samples[-1].id}"
        raise PredictionsError(
            f"{path}: {'; '.join(problems)}{hint}",
            setting=SETTING,
            expected="exactly one prediction for each row of the data",
        )


def _some(ids: Sequence[str], what: str) -> str:
    shown = ", ".join(ids[:_SHOWN_IDS])
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return f"{len(ids)} ids {what}: {shown}{more}"
