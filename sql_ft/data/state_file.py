"""What keeps training and evaluation apart is written so that no crash leaves half of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sql_ft.errors import DataError


def write_state_file(path: Path, content: Mapping[str, Any], *, what: str, setting: str) -> None:
    """Write JSON atomically, on disk before it takes the place of the old file.

    Args:
        path: File to write; its folder is made.
        content: JSON-sized.
        what: What the file is, for the message.
        setting: Setting that says where it is.

    Raises:
        DataError: The file cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, ensure_ascii=False, indent=1, sort_keys=True)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write {what} {path}: {error.strerror or error}",
            setting=setting,
            expected="a path that can be written",
        ) from error
