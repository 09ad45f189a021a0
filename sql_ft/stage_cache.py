"""Content-addressed folders for the outputs of stages.

A stage's folder is named by the hash of everything that can change its output. It is
complete when `result.json` is there, which is written last and atomically; a folder
without it is what an interrupted run left, and the stage continues from there. A file
lock makes two identical runs take turns: the second finds the first one's result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sql_ft.errors import ConfigError
from sql_ft.records import content_hash

RESULT_FILE = "result.json"


def stage_key(**parts: Any) -> str:
    """Hash (24 hex digits) of everything that determines a stage's output."""
    return content_hash(parts)[:24]


@dataclasses.dataclass(frozen=True, slots=True)
class StageFolder:
    """One stage's output folder.

    Attributes:
        path: The folder; it exists.
        key: Its content key.
    """

    path: Path
    key: str

    @property
    def result(self) -> dict[str, Any] | None:
        """What `complete` stored, or None while the stage has not finished."""
        return read_result(self.path)

    def complete(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Mark the stage complete; the last thing a stage does."""
        target = self.path / RESULT_FILE
        partial = target.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(result, stream, ensure_ascii=False, indent=1, sort_keys=True)
            stream.flush()
            # A power cut must not leave a complete-looking empty file.
            os.fsync(stream.fileno())
        partial.replace(target)
        return dict(result)


def stage_path(state_dir: Path, stage: str, key: str) -> Path:
    """Where the outputs of `stage` for `key` are kept."""
    return state_dir / stage / key


def read_result(folder: Path, *, use: bool = True) -> dict[str, Any] | None:
    """Return a completed stage's result, None if it is absent or unreadable.

    Args:
        folder: The stage's folder.
        use: The result is read to be worked with: pruning counts from now on.
    """
    path = folder / RESULT_FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(value, dict):
        return None
    if use:
        mark_used(path)
    return value


def mark_used(path: Path) -> None:
    """Note that a kept file or folder was worked with: its time of change is now.

    `sql_ft.retention` prunes what was not used for long. Times of access would not do: many
    file systems do not keep them.
    """
    # Another user's file, or a read-only disk: it is then pruned by whoever may, or not.
    with contextlib.suppress(OSError):
        os.utime(path)


@contextmanager
def open_stage(state_dir: Path, stage: str, key: str) -> Iterator[StageFolder]:
    """Hold the lock of one stage folder, creating the folder if need be.

    Raises:
        ConfigError: `state_dir` cannot be written.
    """
    from filelock import FileLock

    path = stage_path(state_dir, stage, key)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock")
        lock.acquire()
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}",
            setting="state_dir",
            expected="a folder this user can write",
        ) from error
    try:
        yield StageFolder(path=path, key=key)
    finally:
        lock.release()


def code_digest(*places: str) -> str:
    """Hash (16 hex digits) of this library's own sources under the named places.

    Part of stage keys, so that a changed rule never serves a stale result.

    Args:
        places: Subpackages or modules of `sql_ft`, e.g. ``data`` or ``base_model``.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for place in sorted(places):
        folder = root / place
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [root / f"{place}.py"]
        for file in files:
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
