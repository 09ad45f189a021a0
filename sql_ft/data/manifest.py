"""Which schema group stands on which side, remembered in a file.

A side is a seeded hash of the group's name, so it does not depend on other rows; the
manifest pins it all the same, because groups that were inferred from table names could
otherwise be drawn differently once rows are added.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sql_ft.config import DataConfig, RunConfig
from sql_ft.data.state_file import write_state_file
from sql_ft.errors import DataError
from sql_ft.records import content_hash

Side = Literal["train", "eval"]

VERSION = 1
_SETTING = "data.manifest_path"


@dataclass(slots=True)
class Manifest:
    """Assignments of one dataset under one set of split settings.

    Attributes:
        settings: The split settings that the assignments were made under.
        groups: Side of each schema group seen so far.
        values: Side of each value of each of the disjoint columns.
        tables: Group of each table name, where groups are inferred from table names.
    """

    settings: dict[str, Any]
    groups: dict[str, Side] = field(default_factory=dict)
    values: dict[str, dict[str, Side]] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def side_of_group(self, group: str) -> Side:
        """Return the group's side; a new group gets the one its hash says."""
        return self.groups.setdefault(
            group,
            hash_side(self.settings["seed"], "", group, self.settings["eval_group_share"]),
        )

    def side_of_value(self, column: str, value: str) -> Side:
        """Return the side of a disjoint column's value, like `side_of_group`."""
        return self.values.setdefault(column, {}).setdefault(
            value,
            hash_side(self.settings["seed"], column, value, self.settings["eval_value_share"]),
        )

    def save(self, path: Path) -> None:
        """Write the manifest atomically.

        Raises:
            DataError: The file cannot be written.
        """
        content = {
            "version": VERSION,
            "settings": self.settings,
            "groups": self.groups,
            "values": self.values,
            "tables": self.tables,
        }
        write_state_file(path, content, what="the manifest", setting=_SETTING)


def hash_side(seed: int, kind: str, name: str, eval_share: float) -> Side:
    """Return ``eval`` for about `eval_share` of all names, by SHA-256 of seed and name."""
    digest = hashlib.sha256(json.dumps([seed, kind, name]).encode()).digest()
    return "eval" if int.from_bytes(digest[:8], "big") < eval_share * 2**64 else "train"


def split_settings(config: DataConfig, *, inferred_groups: bool) -> dict[str, Any]:
    """Return the settings that a manifest belongs to."""
    settings: dict[str, Any] = {
        "seed": config.shuffle_seed,
        "sampling": config.sampling,
        "groups_from": "table names" if inferred_groups else f"column {config.group_column}",
        "disjoint_columns": sorted(config.disjoint_columns),
        "eval_group_share": config.eval_group_share,
        "eval_value_share": config.eval_value_share,
    }
    if config.sampling == "sample_then_split":
        settings["train_rows"] = config.train_rows
    return settings


def manifest_path(config: RunConfig) -> Path:
    """Return where the manifest is: as configured, else one per dataset and settings."""
    data = config.data
    if data.manifest_path:
        return Path(data.manifest_path).expanduser()
    if data.source == "file":
        path = Path(str(data.path)).expanduser().resolve()
        name, identity = path.name, str(path)
    elif data.source == "hub":
        name = identity = data.hub_id
    else:
        name = identity = data.source
    settings = split_settings(data, inferred_groups=False)
    key = content_hash([data.source, identity, data.group_column, settings])[:12]
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:60]
    return config.state_path / "manifests" / f"{slug}-{key}.json"


def load_manifest(path: Path, settings: dict[str, Any]) -> Manifest:
    """Read the manifest at `path`; an empty one if there is no file yet.

    Raises:
        DataError: The file is unreadable or damaged, or was made under other settings.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Manifest(settings)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the manifest {path}: {error}", setting=_SETTING) from error
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _damaged(path, f"it is not JSON ({error})") from None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise _damaged(path, f"it is no manifest of version {VERSION}")
    parts: tuple[Any, ...] = tuple(content.get(key) for key in ("groups", "values", "tables"))
    groups, values, tables = parts
    if not _is_sides(groups):
        raise _damaged(path, "'groups' does not map names to train or eval")
    if not isinstance(values, dict) or not all(_is_sides(v) for v in values.values()):
        raise _damaged(path, "'values' does not map columns to values to train or eval")
    if not isinstance(tables, dict) or not all(isinstance(v, str) for v in tables.values()):
        raise _damaged(path, "'tables' does not map table names to groups")
    found = content.get("settings")
    if found != settings:
        found = found if isinstance(found, dict) else {}
        differing = sorted(
            key for key in {*found, *settings} if found.get(key) != settings.get(key)
        )
        listing = ", ".join(
            f"{key} {found.get(key)!r} (now {settings.get(key)!r})" for key in differing
        )
        raise DataError(
            f"the manifest {path} was made under other settings: {listing}",
            setting=_SETTING,
            expected="the same settings, or another file name for another split",
        )
    return Manifest(settings, groups, values, tables)


def _is_sides(value: Any) -> bool:
    return isinstance(value, dict) and all(side in ("train", "eval") for side in value.values())


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"the manifest {path} is damaged: {what}",
        setting=_SETTING,
        expected="the file as this program wrote it; restore it, or delete it to split anew "
        "(rows may then change sides)",
    )
