"""A consistent copy of a database file, made without taking a lock on it.

SQLite in rollback-journal mode lets no writer commit while somebody reads, and DuckDB lets
nobody write while somebody has the file open. A copy keeps nobody waiting. It is
consistent if no writer held the file exclusively before or after, and nothing about the
file changed in between: a commit changes SQLite's change counter and DuckDB's headers.

Runs in the child alone: closing any descriptor of a file drops all POSIX locks that the
process holds on it, so whoever also writes must not do this.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import struct
import sys
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system; the parent refuses to start there
    fcntl = None  # type: ignore[assignment]

# https://sqlite.org/fileformat2.html and os.h of SQLite: the lock bytes.
_SQLITE_PENDING = 0x40000000
_SQLITE_RESERVED = _SQLITE_PENDING + 1
_SQLITE_SHARED = (_SQLITE_PENDING + 2, 510)
# struct flock of Linux: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"
_PAUSE_S = 0.005
_HEADER_BYTES = 12_288


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """What changes whenever a file's content does.

    Attributes:
        inode: A file that replaced the old one is another.
        size: In bytes.
        mtime_ns: Of the last write.
        head: SQLite's change counter or DuckDB's headers.
        wal: Size and time of DuckDB's write-ahead log; None if there is none.
    """

    inode: int
    size: int
    mtime_ns: int
    head: bytes
    wal: tuple[int, int] | None = None


def read_signature(path: Path, kind: str) -> Signature:
    """Look at a file; raises OSError."""
    with path.open("rb", buffering=0) as stream:
        found = os.fstat(stream.fileno())
        head = stream.read(_HEADER_BYTES)
    wal = None
    if kind == "duckdb":
        with contextlib.suppress(FileNotFoundError):
            log = wal_path(path).stat()
            wal = (log.st_size, log.st_mtime_ns)
    else:
        head = head[24:28]
    return Signature(found.st_ino, found.st_size, found.st_mtime_ns, head, wal)


def wal_path(path: Path) -> Path:
    """DuckDB's write-ahead log."""
    return path.with_name(path.name + ".wal")


def writer_pid(path: Path, kind: str) -> int | None:
    """Process that holds the file against readers; 0: unknown which; None: nobody.

    Locks are looked at (F_GETLK), none is taken.
    """
    regions = [(0, 0)] if kind == "duckdb" else [(_SQLITE_PENDING, 1), _SQLITE_SHARED]
    with path.open("rb", buffering=0) as stream:
        for start, length in regions:
            holder = _write_locker(stream.fileno(), start, length)
            if holder is not None:
                return holder
    return None


def has_hot_journal(path: Path) -> bool:
    """True if a SQLite writer was interrupted: the file may be half written."""
    journal = path.with_name(path.name + "-journal")
    try:
        begun = _has_begun(journal)
        with path.open("rb", buffering=0) as stream:
            writing = _write_locker(stream.fileno(), _SQLITE_RESERVED, 1) is not None
        # A writer that committed between the two looks has cleared it by now.
        return begun and not writing and _has_begun(journal)
    except FileNotFoundError:
        return False


def _has_begun(journal: Path) -> bool:
    with journal.open("rb", buffering=0) as stream:
        return any(stream.read(8))


def has_wal(path: Path) -> bool:
    """True if a SQLite file in WAL mode has commits that stand beside it."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def is_wal_format(path: Path) -> bool:
    """True if a SQLite file is in WAL mode, in which nobody waits for a reader."""
    with path.open("rb", buffering=0) as stream:
        return stream.read(20)[18:20] == b"\x02\x02"


def copy_quietly(source: Path, target: Path, kind: str, *, patience_s: float) -> Signature | None:
    """Copy a file while nobody changes it; None if somebody always did.

    Args:
        source: Database file.
        target: Replaced. DuckDB's write-ahead log is copied beside it.
        kind: ``sqlite`` or ``duckdb``.
        patience_s: Further attempts are made for so long.

    Raises:
        OSError: The file cannot be read, or the copy not written.
    """
    if sys.platform != "linux":
        return None
    until = time.monotonic() + patience_s
    while True:
        before = read_signature(source, kind)
        if not _disturbed(source, kind):
            shutil.copyfile(source, target)
            wal_path(target).unlink(missing_ok=True)
            if before.wal is not None:
                shutil.copyfile(wal_path(source), wal_path(target))
            if not _disturbed(source, kind) and read_signature(source, kind) == before:
                return before
        if time.monotonic() >= until:
            return None
        time.sleep(_PAUSE_S)


def _disturbed(path: Path, kind: str) -> bool:
    if writer_pid(path, kind) is not None:
        return True
    return kind == "sqlite" and (has_hot_journal(path) or has_wal(path))


def _write_locker(descriptor: int, start: int, length: int) -> int | None:
    assert fcntl is not None
    asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, start, length, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else max(0, int(pid))
