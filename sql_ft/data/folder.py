"""A folder that grows: every file in it is data, in the order of the names.

New rows arrive as new files (``2026-11-24.jsonl``); a file under a hidden name or ending in
``.partial`` or ``.tmp`` is still being written and is left alone until it is renamed.
"""

from __future__ import annotations

from pathlib import Path

from sql_ft.data.local_files import SETTING, Row, read_file
from sql_ft.errors import DataError

_UNFINISHED = (".partial", ".tmp")


def data_files(path: Path) -> list[Path]:
    """The file itself, or the finished files of a folder by name.

    Raises:
        DataError: The folder holds none, or cannot be read.
    """
    if not path.is_dir():
        return [path]
    try:
        found = sorted(
            entry
            for entry in path.iterdir()
            if entry.is_file()
            and not entry.name.startswith(".")
            and not entry.name.endswith(_UNFINISHED)
        )
    except OSError as error:
        raise DataError(
            f"cannot read the folder {path}: {error.strerror or error}", setting=SETTING
        ) from error
    if not found:
        raise DataError(
            f"the folder {path} holds no data", setting=SETTING, expected="at least one file"
        )
    return found


def read_path(path: Path) -> list[Row]:
    """Read a file, or all files of a folder one after the other; see `read_file`."""
    return [row for file in data_files(path) for row in read_file(file)]
