"""Content keys of a source and of its manifest, cheap enough to ask before every run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sql_ft.config import DataConfig, RunConfig
from sql_ft.data.folder import data_files
from sql_ft.data.frozen_questions import frozen_path
from sql_ft.data.hub import is_commit, resolve_commit
from sql_ft.data.manifest import manifest_path
from sql_ft.errors import DataError


def source_fingerprint(config: DataConfig, *, resolve_branch: bool = False) -> str | None:
    """Return a text that changes whenever the source's rows may have changed.

    None for a hub branch: only the hub knows where it points now. With `resolve_branch` it
    is asked, and None means that it did not answer.

    Raises:
        DataError: The local file is missing or unreadable.
    """
    if config.source == "bundled":
        from sql_ft.assets import sample

        digest = hashlib.sha256()
        for file in sorted(Path(sample.__file__).parent.rglob("*.py")):
            digest.update(file.read_bytes())
        return f"bundled:{digest.hexdigest()}"
    if config.source == "hub":
        revision: str | None = config.hub_revision
        if not is_commit(config.hub_revision):
            revision = resolve_commit(config) if resolve_branch else None
        return f"hub:{config.hub_id}@{revision}" if revision else None
    path = Path(str(config.path)).expanduser()
    files = data_files(path)
    try:
        digests = []
        for file in files:
            with file.open("rb") as stream:
                digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
        return f"file:{'+'.join(digests)}"
    except FileNotFoundError:
        raise DataError(
            f"no file at {path}", setting="data.path", expected="an existing file"
        ) from None
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", setting="data.path"
        ) from error


def manifest_digest(config: RunConfig) -> str:
    """SHA-256 of the manifest and the frozen questions; "" while there is no manifest."""
    path = manifest_path(config)
    frozen = frozen_path(config)
    try:
        digest = hashlib.sha256(path.read_bytes())
        digest.update(frozen.read_bytes() if frozen.is_file() else b"")
        return digest.hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DataError(
            f"cannot read the manifest {path}: {error.strerror or error}",
            setting="data.manifest_path",
        ) from error
