"""An uploaded file becomes a private database that can be opened read-only.

This process reads the first bytes of the file and nothing else. A SQLite file is kept as it
is: `live_database` opens it in a child. CSV and Parquet are parsed by a child of their own
(`convert`), which has no more memory, time, disk and rights than it is given.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import duckdb

from sql_ft.errors import DataError, SandboxError
from sql_ft.serving.app.limits import UploadLimits

UploadKind = Literal["sqlite", "csv", "parquet"]
SUFFIXES = (".sqlite", ".sqlite3", ".db", ".csv", ".tsv", ".txt", ".parquet")
EXPECTED = "a SQLite database, a CSV or a Parquet file"

_HEAD_BYTES = 64 * 1024
_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_DATABASE_SUFFIXES = (".sqlite", ".sqlite3", ".db")
_MOST_ANSWER_BYTES = 64 * 1024

# Isolated: no PYTHONPATH, no working directory on its path; as the sandbox's workers start.
_ROOTS = (Path(__file__).resolve().parents[3], Path(duckdb.__file__).resolve().parents[1])
_BOOT = """
import sys
at = next((i for i, p in enumerate(sys.path) if p.endswith("-packages")), len(sys.path))
sys.path[at:at] = sys.argv[2:]
from sql_ft.serving.app.convert import main
main(sys.argv[1])
"""


def accept_upload(upload: Path, folder: Path, limits: UploadLimits) -> Path:
    """Make a database of an uploaded file.

    Args:
        upload: The file as it came; it is removed, whatever happens.
        folder: Private folder that receives the database.
        limits: What it may cost.

    Returns:
        A SQLite or DuckDB file in `folder`.

    Raises:
        DataError: It is not one of the three, too large, or damaged.
    """
    try:
        kind = sniff_kind(upload, limits)
        target = Path(tempfile.mkdtemp(dir=folder)) / f"{table_name(upload.name)}.db"
        try:
            if kind == "sqlite":
                shutil.copyfile(upload, target)
                target.chmod(0o600)
            else:
                _convert(upload, kind, target, limits)
        except BaseException:
            shutil.rmtree(target.parent, ignore_errors=True)
            raise
        return target
    finally:
        _remove(upload)


def sniff_kind(upload: Path, limits: UploadLimits) -> UploadKind:
    """Tell by its first bytes what a file is; its name only says what was meant.

    Raises:
        DataError: It is none of the three, empty, gone, or larger than the limit.
    """
    try:
        size = upload.stat().st_size
        with upload.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(
            "the upload did not arrive whole", expected="the file to be uploaded again"
        ) from error
    name = shown_name(upload)
    if size > limits.max_mb * 1_000_000:
        raise DataError(f"{name} has {size / 1e6:.0f} MB", expected=f"at most {limits.max_mb} MB")
    if not head:
        raise DataError(f"{name} is empty", expected=EXPECTED)
    if head.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if head.startswith(b"PAR1"):
        return "parquet"
    suffix = upload.suffix.lower()
    if suffix in _DATABASE_SUFFIXES:
        raise DataError(f"{name} is not a SQLite database", expected=EXPECTED)
    if suffix == ".parquet":
        raise DataError(f"{name} is not a Parquet file", expected=EXPECTED)
    if suffix not in _TEXT_SUFFIXES or not _is_text(head):
        raise DataError(f"{name} is not text, Parquet or SQLite", expected=EXPECTED)
    return "csv"


def table_name(file_name: str) -> str:
    """Name of the table that a CSV or Parquet file becomes: plain letters, digits and ``_``."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", Path(file_name).stem).strip("_").lower()[:40]
    if not name or not name[0].isalpha():
        name = f"data_{name}".rstrip("_")
    return name


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    # A cut character at the end of the head is no reason to refuse a file.
    text = head[: _HEAD_BYTES - 4] if len(head) == _HEAD_BYTES else head
    with contextlib.suppress(UnicodeDecodeError):
        text.decode("utf-8")
        return True
    controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in text)
    return controls == 0


def _convert(upload: Path, kind: UploadKind, target: Path, limits: UploadLimits) -> None:
    """Run the child; its last line says how it ended."""
    job = {
        "source": str(upload.resolve()),
        "kind": kind,
        "target": str(target),
        "table": table_name(upload.name),
        "max_rows": limits.max_rows,
        "max_columns": limits.max_columns,
        "max_output_mb": limits.max_output_mb,
        "memory_mb": limits.memory_mb,
        "cpu_s": int(limits.timeout_s) + 1,
        "parent": os.getpid(),
    }
    with tempfile.TemporaryDirectory(dir=target.parent) as work_folder:
        try:
            child = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(job), *map(str, _ROOTS)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": work_folder},
                cwd=work_folder,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start the converter: {error}") from error
        name = shown_name(upload)
        try:
            said, _ = child.communicate(timeout=limits.timeout_s)
        except subprocess.TimeoutExpired:
            raise DataError(
                f"{name} took more than {limits.timeout_s:.0f} s to read",
                expected="a smaller or simpler file",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    _raise_unless_done(said[-_MOST_ANSWER_BYTES:], child.returncode, name, limits)
    target.chmod(0o600)


def _raise_unless_done(said: bytes, code: int, name: str, limits: UploadLimits) -> None:
    try:
        answer = json.loads(said.splitlines()[-1])
        error, expected = str(answer["error"]), str(answer["expected"])
    except (ValueError, IndexError, KeyError, TypeError):
        raise DataError(
            f"reading {name} took more memory or disk than it may have (exit code {code})",
            expected=f"a file that becomes less than {limits.max_output_mb} MB",
        ) from None
    if error or code != 0:
        raise DataError(f"{name}: {error}", expected=expected or None)


def shown_name(upload: Path) -> str:
    """Name of an upload as messages say it."""
    name = "".join(c if c.isprintable() else "?" for c in upload.name)
    return name if len(name) <= 60 else name[:57] + "…"


def _remove(upload: Path) -> None:
    """Remove the file, and the folder that was made for it alone."""
    with contextlib.suppress(OSError):
        upload.unlink()
        upload.parent.rmdir()
