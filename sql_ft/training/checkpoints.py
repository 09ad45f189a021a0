"""Which checkpoint a training may continue from.

A process can die while it writes one. Each finished checkpoint therefore carries a
`complete.json`, written last, with the sizes of its files and a hash of what it belongs
to; a checkpoint without it, with other sizes or of another run is not used.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from pathlib import Path

logger = logging.getLogger(__name__)

COMPLETE_FILE = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


def seal_checkpoint(folder: Path, run_key: str) -> None:
    """Mark `folder` complete; its files are on disk before the mark is."""
    sizes = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != COMPLETE_FILE:
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
            sizes[file.relative_to(folder).as_posix()] = file.stat().st_size
    partial = folder / (COMPLETE_FILE + ".partial")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump({"run_key": run_key, "sizes": sizes}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(folder / COMPLETE_FILE)


def find_checkpoint(checkpoints_dir: Path, run_key: str) -> Path | None:
    """Return the newest complete checkpoint of this very run, None if there is none.

    Unusable checkpoints are removed: the trainer would otherwise count them among the
    ones it keeps.
    """
    found = []
    for folder in checkpoints_dir.glob("checkpoint-*"):
        match = _NAME.fullmatch(folder.name)
        if match and folder.is_dir():
            found.append((int(match.group(1)), folder))
    for _, folder in sorted(found, reverse=True):
        problem = _problem(folder, run_key)
        if problem is None:
            return folder
        logger.warning("%s is not used: %s", folder.name, problem)
        shutil.rmtree(folder)
    return None


def _problem(folder: Path, run_key: str) -> str | None:
    try:
        seal = json.loads((folder / COMPLETE_FILE).read_text(encoding="utf-8"))
        sizes: dict[str, int] = seal["sizes"]
        key: str = seal["run_key"]
    except (OSError, ValueError, KeyError, TypeError):
        return "it was not finished"
    if key != run_key:
        return "it belongs to other settings or rows"
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            return f"{name} is not what was written"
    return None
