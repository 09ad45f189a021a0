"""Who runs this, and with what: the tags that tell two runs apart."""

from __future__ import annotations

import functools
import getpass
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

HOST_TAG = "sql_ft.host"
PID_TAG = "sql_ft.pid"
PID_START_TAG = "sql_ft.pid_start"

#: Distributions whose version can change a result or the loading of an adapter.
RECORDED_PACKAGES = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "duckdb",
    "mlflow",
    "numpy",
    "peft",
    "safetensors",
    "scipy",
    "sql-ft",
    "sqlglot",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)
# The clock of the boot time is coarse, so two readings of one process may differ a little.
_START_TOLERANCE_S = 2.0


@functools.cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@functools.cache
def git_commit() -> str:
    """Commit of the checkout this library runs from; ``+dirty`` if it was edited.

    ``unknown`` where there is no checkout (an installed package) or no git.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "unknown"
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+dirty" if dirty else commit


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.strip()


def user_name() -> str:
    """Login name; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def source_name() -> str:
    """The program that runs, without the folders of this machine."""
    return Path(sys.argv[0] or "python").name


def owner_tags() -> dict[str, str]:
    """Tags that identify this process: host, process id, start time (seconds, epoch)."""
    import psutil

    process = psutil.Process()
    return {
        HOST_TAG: socket.gethostname(),
        PID_TAG: str(process.pid),
        PID_START_TAG: f"{process.create_time():.3f}",
    }


def owner_is_dead(tags: Mapping[str, str]) -> bool:
    """True only if the owning process ran on this host and is certainly gone.

    A process of another host, or tags that are missing or malformed, count as alive:
    marking a live run as killed is the worse mistake.
    """
    import psutil

    if tags.get(HOST_TAG) != socket.gethostname():
        return False
    try:
        pid = int(tags[PID_TAG])
        started = float(tags[PID_START_TAG])
    except (KeyError, ValueError):
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(float(process.create_time()) - started) > _START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
