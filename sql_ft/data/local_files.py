"""Rows out of a local json, jsonl, csv or parquet file, with text kept exactly.

Read here rather than by a dataframe library because a user needs the number of the bad
row, and because type inference would turn the text ``007`` into a number.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sql_ft.errors import DataError

SETTING = "data.path"
Row = dict[str, Any]


def read_file(path: Path) -> list[Row]:
    """Read all rows; the extension names the format, ``.gz`` after it is unpacked.

    Args:
        path: ``.json`` (an array of objects, or JSON lines), ``.jsonl`` / ``.ndjson``,
            ``.csv`` (header line, RFC 4180) or ``.parquet``.

    Raises:
        DataError: Missing or unreadable file, unknown extension, invalid UTF-8,
            malformed line, or no rows; names the row (counted from 1, headers excluded).
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    kind = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    reader = READERS.get(kind[0])
    if reader is None:
        raise DataError(
            f"{path} has the extension {kind[0]!r}",
            setting=SETTING,
            expected="one of " + ", ".join(READERS) + " (.gz after it is read too)",
        )
    data = _read_bytes(path, packed)
    rows = reader(data, path) if data.strip() else []
    if not rows:
        raise DataError(f"{path} holds no rows", setting=SETTING, expected="at least one row")
    return rows


def _read_bytes(path: Path, packed: bool) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"no file at {path}", setting=SETTING, expected="an existing file"
        ) from None
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", setting=SETTING
        ) from error
    if not packed:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}", setting=SETTING, expected="a whole gzip file"
        ) from error


def _decode(data: bytes, path: Path, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, {where}: byte {error.object[error.start]:#04x} at offset {error.start} "
            "is not UTF-8",
            setting=SETTING,
            expected="UTF-8 text",
        ) from None


def _line_of(data: bytes, path: Path) -> str:
    """Decode a whole file, naming the line of the first byte that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _decode(data, path, f"line {line}")


def _without_bom(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf")


def _read_json_lines(data: bytes, path: Path) -> list[Row]:
    rows: list[Row] = []
    # Only \n ends a line: str.splitlines would also cut at U+2028 inside a text.
    for number, line in enumerate(_without_bom(data).split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"row {len(rows) + 1} (line {number})"
        text = _decode(line, path, where)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, {where} is not JSON: {error}",
                setting=SETTING,
                expected="one JSON object a line",
            ) from None
        rows.append(_as_object(value, path, where))
    return rows


def _read_json(data: bytes, path: Path) -> list[Row]:
    data = _without_bom(data)
    if not data.lstrip().startswith(b"["):
        return _read_json_lines(data, path)
    text = _line_of(data, path)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is not JSON: {error}", setting=SETTING, expected="an array of objects"
        ) from None
    return [_as_object(v, path, f"row {n}") for n, v in enumerate(values, start=1)]


def _as_object(value: Any, path: Path, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(
            f"{path}, {where} is a JSON {type(value).__name__}",
            setting=SETTING,
            expected="an object with a key for each column",
        )
    return value


def _read_csv(data: bytes, path: Path) -> list[Row]:
    text = _line_of(_without_bom(data), path)
    return list(_iter_csv(text, path))


def _iter_csv(text: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    number = 0
    try:
        for fields in reader:
            if not fields:
                continue
            if header is None:
                header = fields
                if len(set(header)) != len(header):
                    raise DataError(f"{path} names a column twice: {header}", setting=SETTING)
                continue
            number += 1
            if len(fields) != len(header):
                raise DataError(
                    f"{path}, row {number} (line {reader.line_num}) has {len(fields)} fields",
                    setting=SETTING,
                    expected=f"{len(header)}, one for each of {header}",
                )
            yield dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{path}, row {number + 1} (line {reader.line_num}) is not CSV: {error}",
            setting=SETTING,
            expected="comma-separated values, quoted with double quotes",
        ) from None


def _read_parquet(data: bytes, path: Path) -> list[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        rows: list[Row] = parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"{path} cannot be read as parquet: {first}",
            setting=SETTING,
            expected="a whole parquet file",
        ) from error
    return rows


READERS: dict[str, Callable[[bytes, Path], list[Row]]] = {
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
