"""Where rows come from: the bundled sample, the hub, or a local file.

Everything later may rely on what is checked here: the three columns are there, every
cell of them is text, and the digest names exactly these rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sql_ft.config import DataConfig
from sql_ft.data.folder import read_path
from sql_ft.data.hub import load_hub_rows
from sql_ft.data.row_checks import check_rows


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """Rows as the source has them.

    Attributes:
        rows: One dictionary a row, all columns, in the source's order.
        digest: SHA-256 (hex) over the content of all rows, in order.
        origin: ``bundled``, ``hub:<id>`` or ``file:<name>`` (no folder: it goes into
            records that leave this machine).
        revision: Hub commit; for the other sources the first 16 digits of the digest.
    """

    rows: list[dict[str, Any]]
    digest: str
    origin: str
    revision: str


def load_rows(config: DataConfig) -> LoadedRows:
    """Load and check the rows that `config` names.

    Raises:
        DataError: Missing, unreachable, unreadable or empty source; a missing column; a
            cell that is null or not text. Names the setting, and the row counted from 1.
    """
    revision = ""
    if config.source == "bundled":
        from sql_ft.assets.sample.generate import generate_rows

        rows = [dict(row) for row in generate_rows()]
        origin, place, setting = "bundled", "the bundled sample", "data.source"
    elif config.source == "hub":
        rows, revision = load_hub_rows(config)
        origin, place, setting = f"hub:{config.hub_id}", config.hub_id, "data.hub_id"
    else:
        path = Path(str(config.path)).expanduser()
        rows = read_path(path)
        origin, place, setting = f"file:{path.name}", str(path), "data.path"
    check_rows(rows, config, place=place, setting=setting)
    digest = digest_rows(rows)
    return LoadedRows(rows, digest, origin, revision or digest[:16])


def digest_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 over the rows in order, whatever file format or key order they had."""
    digest = hashlib.sha256()
    for row in rows:
        text = json.dumps(
            row, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str
        )
        digest.update(text.encode("ascii") + b"\n")
    return digest.hexdigest()
