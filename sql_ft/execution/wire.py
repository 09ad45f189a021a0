"""Frames between parent and worker: length-prefixed JSON, types kept.

The parent must be able to read what a subverted child writes, so nothing here can
build an object other than plain values (never pickle), and a frame has a largest size.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import struct
from collections.abc import Sequence
from typing import Any

MAX_FRAME_BYTES = 256 * 1024 * 1024
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A worker's answer has to be shorter: the parent reads it beside everything else."""
_HEADER = struct.Struct(">I")
_PLAIN = (str, int, bool, type(None))


class FrameTooLargeError(Exception):
    """A message needs more bytes than a frame may have."""


def encode_value(value: Any) -> Any:
    """JSON form of one value; what JSON lacks becomes ``{tag: text}``."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        # DuckDB has BIGNUM; Python cannot print an int of 4,300 digits, nor make a float of
        # one of 400. No public gold has such numbers, so they travel as text.
        return value if abs(value) < 1 << 128 else hex(value)
    if kind is float:
        return value if math.isfinite(value) else {"f": repr(value)}
    if isinstance(value, decimal.Decimal):
        return {"n": str(value)}
    if isinstance(value, dt.datetime):
        return {"t": value.isoformat()}
    if isinstance(value, dt.date):
        return {"d": value.isoformat()}
    if isinstance(value, dt.time):
        return {"h": value.isoformat()}
    if isinstance(value, dt.timedelta):
        return {"i": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"b": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, (list, tuple)):
        return {"l": [encode_value(v) for v in value]}
    if isinstance(value, dict):
        return {"o": [[encode_value(k), encode_value(v)] for k, v in value.items()]}
    return str(value)


def decode_value(value: Any) -> Any:
    """Inverse of `encode_value`; lists come back as tuples, dictionaries as pairs.

    Raises:
        ValueError: The form is not one that `encode_value` makes.
    """
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"unexpected value on the wire: {value!r:.80}")
    ((tag, inner),) = value.items()
    decode = _DECODERS.get(tag)
    if decode is None:
        raise ValueError(f"unexpected tag on the wire: {tag!r:.20}")
    try:
        return decode(inner)
    except (TypeError, ArithmeticError, KeyError) as error:
        raise ValueError(f"malformed value on the wire: {value!r:.80}") from error


_DECODERS: dict[str, Any] = {
    "f": float,
    "n": decimal.Decimal,
    "t": dt.datetime.fromisoformat,
    "d": dt.date.fromisoformat,
    "h": dt.time.fromisoformat,
    "i": lambda v: dt.timedelta(*v),
    "b": lambda v: base64.b64decode(v, validate=True),
    "l": lambda v: tuple(decode_value(x) for x in v),
    "o": lambda v: tuple((decode_value(k), decode_value(x)) for k, x in v),
}


def encode_rows(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    """JSON form of rows."""
    return [[v if type(v) is str else encode_value(v) for v in row] for row in rows]


def encode_columns(rows: Sequence[Sequence[Any]], shown: Sequence[bool]) -> list[Any]:
    """JSON form of rows, one list a column, None for one not shown; there is at least one row."""
    return [
        [v if type(v) is str else encode_value(v) for v in column] if show else None
        for column, show in zip(zip(*rows, strict=True), shown, strict=True)
    ]


def decode_rows(rows: Any) -> tuple[tuple[Any, ...], ...]:
    """Rows from their JSON form; raises ValueError."""
    if not isinstance(rows, list):
        raise ValueError("rows on the wire are not a list")
    return tuple(tuple(decode_value(v) for v in row) for row in rows)


def pack(message: dict[str, Any], max_bytes: int = MAX_FRAME_BYTES) -> bytes:
    """One frame.

    Raises:
        FrameTooLargeError: The message needs more than `max_bytes`.
    """
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(data) > max_bytes:
        raise FrameTooLargeError(f"{len(data)} bytes")
    return _HEADER.pack(len(data)) + data


class FrameReader:
    """Collects bytes and hands out whole messages.

    Args:
        max_bytes: Longest frame that is read.
    """

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Add bytes; return the messages now complete.

        Raises:
            ValueError: A frame is too large or not a JSON object.
        """
        self._buffer += data
        messages = []
        while len(self._buffer) >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._buffer)
            if size > self._max_bytes:
                raise ValueError(f"frame of {size} bytes on the wire")
            end = _HEADER.size + size
            if len(self._buffer) < end:
                break
            try:
                message = json.loads(bytes(self._buffer[_HEADER.size : end]))
            except RecursionError as error:
                raise ValueError("nested too deeply on the wire") from error
            del self._buffer[:end]
            if not isinstance(message, dict):
                raise ValueError("frame is not an object")
            messages.append(message)
        return messages
