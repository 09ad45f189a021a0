"""Rows of a hub dataset, at a commit that is recorded."""

from __future__ import annotations

import logging
import re
from typing import Any

from sql_ft.config import DataConfig
from sql_ft.errors import DataError

logger = logging.getLogger(__name__)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REQUEST_TIMEOUT_S = 15.0


def is_commit(revision: str) -> bool:
    """True for a full commit hash, which pins content by itself."""
    return _COMMIT.fullmatch(revision) is not None


def load_hub_rows(config: DataConfig) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of the train split and the commit they come from.

    A branch or tag is resolved to its commit before the download; without a network the
    copy in the hub's cache is used, and its commit is read from the cache.

    Raises:
        DataError: The `datasets` package is missing, the hub cannot be reached and
            nothing is cached, or the dataset, revision or train split does not exist.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"data.source is 'hub', but the package datasets is missing: {error}",
            setting="data.source",
            expected="an installation with the extra 'train'",
        ) from error
    revision = config.hub_revision
    if not is_commit(revision):
        revision = resolve_commit(config) or revision
    try:
        dataset = datasets.load_dataset(config.hub_id, revision=revision, split="train")
    # The hub's client, its HTTP library and the dataset builder share no base class.
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise DataError(
            f"cannot load {config.hub_id} at revision {revision!r}: "
            f"{type(error).__name__}: {first}",
            setting="data.source, data.hub_id, data.hub_revision",
            expected="an existing dataset with a train split and a reachable or cached hub; "
            "offline, set data.source to 'file' with data.path, or to 'bundled'",
        ) from error
    if not is_commit(revision):
        revision = _commit_of(dataset) or revision
        if not is_commit(revision):
            logger.warning(
                "the commit of %s could not be resolved; recording revision %r",
                config.hub_id,
                revision,
            )
    rows: list[dict[str, Any]] = dataset.to_list()
    if not rows:
        raise DataError(
            f"{config.hub_id} at {revision} holds no rows",
            setting="data.hub_id",
            expected="at least one row",
        )
    return rows, revision


def resolve_commit(config: DataConfig) -> str | None:
    """Ask the hub for the commit of the branch; None if it cannot be asked."""
    import huggingface_hub

    try:
        info = huggingface_hub.HfApi().dataset_info(
            config.hub_id, revision=config.hub_revision, timeout=_REQUEST_TIMEOUT_S
        )
    # As above: no common base class. Loading decides what this means; nothing is lost.
    except Exception as error:
        logger.info(
            "the hub did not resolve %s@%s (%s); trying the cache",
            config.hub_id,
            config.hub_revision,
            type(error).__name__,
        )
        return None
    return str(info.sha) if info.sha else None


def _commit_of(dataset: Any) -> str | None:
    """Read the commit out of the download records of a cached dataset."""
    for address in dataset.info.download_checksums or {}:
        match = re.search(r"@([0-9a-f]{40})/", address)
        if match:
            return match.group(1)
    return None
