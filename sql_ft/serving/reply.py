"""What the child of a live database answers with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sql_ft.execution import wire

_CHUNK_ROWS = 256
# Beside text and blobs a value takes this much on the wire, about.
_VALUE_BYTES = 8


class FaultError(Exception):
    """The file, not the query, is to blame."""


def failure(status: str, message: str) -> dict[str, Any]:
    """A query that gave no rows, and why."""
    return {"s": status, "c": [], "r": [], "e": message, "t": False}


class Reader:
    """Reads a result up to its limits.

    Args:
        max_rows: Most rows.
        max_bytes: Most bytes of values; the row that goes beyond is left out, unless it is
            the first: then its long values are cut.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes

    def read(
        self, columns: list[str], fetch: Callable[[int], Sequence[Sequence[Any]]]
    ) -> dict[str, Any]:
        """Read at most one row more than is kept, so that a cut is known."""
        rows: list[tuple[Any, ...]] = []
        size = 0
        truncated = False
        while not truncated:
            part = fetch(min(_CHUNK_ROWS, self._max_rows + 1 - len(rows)))
            if not part:
                break
            for row in part:
                size += sum(map(_size, row))
                if len(rows) >= self._max_rows or size > self._max_bytes:
                    truncated = True
                    if not rows and self._max_rows:
                        rows.append(self._shorten(row))
                    break
                rows.append(tuple(row))
        return {
            "s": "ok",
            "c": [column[:500] for column in columns],
            "r": wire.encode_rows(rows),
            "e": "",
            "t": truncated,
        }

    def _shorten(self, row: Sequence[Any]) -> tuple[Any, ...]:
        most = max(1, self._max_bytes // max(1, len(row)))
        return tuple(v[:most] if isinstance(v, (str, bytes)) else v for v in row)


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value) + _VALUE_BYTES
    if isinstance(value, (list, tuple, dict)):
        return len(str(value)) + _VALUE_BYTES
    return _VALUE_BYTES
