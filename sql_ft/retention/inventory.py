"""What lies in `state_dir`, how large it is and when it was used last.

Only what is known here is ever pruned: manifests, frozen questions, databases, locks, the
registry's artifacts and the stack's folder are in no list.
"""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sql_ft.stage_cache import RESULT_FILE, read_result

TRASH = "trash"
_STAGES = ("datasets", "evaluation_sets", "training", "sweep")
_FILES = ("predictions", "verdicts")


class Kind(enum.StrEnum):
    """What an item is, as a person reads it."""

    STAGE = "stage output"
    ANSWERS = "answers"
    VERDICTS = "verdicts"
    FETCHED = "fetched adapter"
    REPORT = "local report"
    UNFINISHED_TRAINING = "unfinished training"
    FINISHED_CHECKPOINTS = "checkpoints of a finished training"
    STAGING = "half-written"
    RUN_FILES = "report and plots of a run"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be pruned as a whole.

    Attributes:
        kind: See `Kind`.
        path: Relative to `state_dir`; for `RUN_FILES` the run's id and folders.
        paths: All files and folders that go together, absolute.
        size_bytes: Of all of them.
        used_at: When it was used last, seconds since the epoch.
        content_hash: Of an evaluation set; "" otherwise.
    """

    kind: Kind
    path: str
    paths: tuple[Path, ...]
    size_bytes: int
    used_at: float
    content_hash: str = ""


def list_items(state_dir: Path) -> list[Item]:
    """Everything in `state_dir` that a policy may prune."""
    items = [
        *_stages(state_dir),
        *_files(state_dir),
        *_fetched(state_dir),
        *_staging(state_dir),
    ]
    return sorted(items, key=lambda item: item.path)


def _stages(state_dir: Path) -> Iterator[Item]:
    for stage in _STAGES:
        for folder in _folders(state_dir / stage):
            result = folder / RESULT_FILE
            lock = folder.with_name(f"{folder.name}.lock")
            both = (folder, lock) if lock.exists() else (folder,)
            if not result.is_file():
                kind = Kind.UNFINISHED_TRAINING if stage == "training" else Kind.STAGING
                yield _item(state_dir, kind, folder, both, _newest(folder))
                continue
            used_at = result.stat().st_mtime
            item = _item(state_dir, Kind.STAGE, folder, both, used_at)
            checkpoints = folder / "checkpoints"
            if checkpoints.is_dir():
                inner = _item(
                    state_dir, Kind.FINISHED_CHECKPOINTS, checkpoints, (checkpoints,), used_at
                )
                yield inner
                # Every byte belongs to one item.
                item = dataclasses.replace(item, size_bytes=item.size_bytes - inner.size_bytes)
            if stage == "evaluation_sets":
                found = read_result(folder, use=False) or {}
                item = dataclasses.replace(item, content_hash=str(found.get("hash", "")))
            yield item


def _files(state_dir: Path) -> Iterator[Item]:
    for name, kind in zip(_FILES, (Kind.ANSWERS, Kind.VERDICTS), strict=True):
        for file in _matching(state_dir / name, "*.jsonl"):
            stats = file.with_suffix(".stats.json")
            both = (file, stats) if stats.exists() else (file,)
            yield _item(state_dir, kind, file, both, file.stat().st_mtime)
    for file in _matching(state_dir / "reports", "*.html"):
        yield _item(state_dir, Kind.REPORT, file, (file,), file.stat().st_mtime)


def _fetched(state_dir: Path) -> Iterator[Item]:
    for model in _folders(state_dir / "registry"):
        for folder in _folders(model):
            number = folder.name.removeprefix("version-")
            kind = Kind.FETCHED if number.isdigit() else Kind.STAGING
            yield _item(state_dir, kind, folder, (folder,), folder.stat().st_mtime)


def _staging(state_dir: Path) -> Iterator[Item]:
    for name in _FILES:
        for file in _matching(state_dir / name, "*.partial"):
            yield _item(state_dir, Kind.STAGING, file, (file,), file.stat().st_mtime)
    if (state_dir / TRASH).is_dir():
        for entry in sorted((state_dir / TRASH).iterdir()):
            # An earlier pruning was stopped before it was done.
            yield _item(state_dir, Kind.STAGING, entry, (entry,), 0.0)


def _item(
    state_dir: Path, kind: Kind, named: Path, paths: tuple[Path, ...], used_at: float
) -> Item:
    size = sum(_size(path) for path in paths)
    return Item(kind, named.relative_to(state_dir).as_posix(), paths, size, used_at)


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(p for p in parent.iterdir() if p.is_dir() and not p.is_symlink())


def _matching(parent: Path, pattern: str) -> list[Path]:
    return sorted(p for p in parent.glob(pattern) if p.is_file())


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.lstat().st_size for file in _tree(path))


def _newest(folder: Path) -> float:
    return max((file.lstat().st_mtime for file in _tree(folder)), default=folder.stat().st_mtime)


def _tree(folder: Path) -> Iterable[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)
