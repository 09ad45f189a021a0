"""SHA-256 of a model's files: read once for this process and for those that it starts.

A base of 3 GB takes 6 to 10 s to hash. One run asks for it in the flow, in the training
process and in the process that loads a version back. A hash stands for as long as no file has
changed: name, size, both times and inode are looked at anew each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

#: What a process that was started by another one is told: signature → hash, as JSON.
KNOWN_VARIABLE = "SQL_FT_KNOWN_HASHES"

_known: dict[str, str] = {}
# Whoever asks while another thread reads waits for it, instead of reading beside it.
_turn = threading.Lock()


def hash_folder(folder: Path, patterns: Iterable[str]) -> str:
    """SHA-256 over names, sizes and bytes of the files that match, in order of their names."""
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    with _turn:
        key = _signature(folder, files)
        if key not in _known:
            _known[key] = _handed_over().get(key) or _hash(files)
        return _known[key]


def hash_ahead(folder: Path, patterns: Iterable[str]) -> threading.Thread:
    """Begin to hash in a thread; errors are left to whoever asks for the hash."""

    def work() -> None:
        with contextlib.suppress(OSError):
            hash_folder(folder, patterns)

    thread = threading.Thread(target=work, name="hash-ahead", daemon=True)
    thread.start()
    return thread


def known_hashes() -> dict[str, str]:
    """Environment that spares a process started from here what has been hashed already."""
    # Not under the lock: a hash that is being made is not waited for.
    return {KNOWN_VARIABLE: json.dumps(dict(_known))}


def _handed_over() -> dict[str, str]:
    try:
        values = json.loads(os.environ.get(KNOWN_VARIABLE, "{}"))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _signature(folder: Path, files: list[Path]) -> str:
    stats = [(file.name, file.stat()) for file in files]
    # Whoever writes to a file changes its ctime, which nobody can set back.
    return json.dumps(
        [
            str(folder),
            *([n, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev] for n, s in stats),
        ]
    )


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
