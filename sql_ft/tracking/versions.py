"""Versions of a registered model as they are in the registry: found, listed, tagged.

Making one is `registry.register_adapter`'s business; moving `champion` is `promotion`'s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sql_ft.errors import TrackingError
from sql_ft.tracking.store import Store, tracking_errors

CHAMPION = "champion"
CANDIDATE = "candidate"
PREVIOUS = "previous"

_NAME_SETTING = "tracking.registered_model_name"
_NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


@dataclasses.dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a registered model.

    Attributes:
        name: Registered model.
        version: Number, as text.
        adapter_hash: Dtype-normalised hash of the LoRA weights.
        run_id: Run that made it.
        model_id: MLflow's logged model, to which metrics can be linked.
        source: Where its files are.
        tags: All tags.
        aliases: ``candidate``, ``champion``, ``previous``, as far as they point here.
        description: Markdown shown on the version's page.
        created_ms: Milliseconds since the epoch.
        created: True if `register_adapter` made it just now.
    """

    name: str
    version: str
    adapter_hash: str
    run_id: str
    model_id: str
    source: str
    tags: dict[str, str]
    aliases: tuple[str, ...] = ()
    description: str = ""
    created_ms: int = 0
    created: bool = False

    @property
    def uri(self) -> str:
        """``models:/<name>/<version>``."""
        return f"models:/{self.name}/{self.version}"


@dataclasses.dataclass(frozen=True, slots=True)
class RegisteredModel:
    """What the registry holds about a model as a whole.

    Attributes:
        name: Registered model.
        aliases: Alias to version number.
        tags: All tags.
        description: Markdown shown on the model's page.
    """

    name: str
    aliases: dict[str, str]
    tags: dict[str, str]
    description: str = ""


def read_model(store: Store, name: str) -> RegisteredModel | None:
    """Aliases, tags and description in one read; None if there is no such model."""
    from mlflow.exceptions import MlflowException

    with tracking_errors(f"cannot read registered model {name!r}", store):
        try:
            entity = store.client().get_registered_model(name)
        except MlflowException as error:
            if error.error_code in _NOT_FOUND:
                return None
            raise
    return RegisteredModel(
        name=name,
        aliases={alias: str(version) for alias, version in entity.aliases.items()},
        tags=dict(entity.tags or {}),
        description=str(entity.description or ""),
    )


def aliases_of(store: Store, name: str) -> dict[str, str]:
    """Alias to version number; empty if the registered model does not exist."""
    model = read_model(store, name)
    return model.aliases if model else {}


def find_version(store: Store, name: str, reference: str) -> RegisteredVersion:
    """Return the version that a person names: by number (``7``, ``v7``) or by alias.

    Raises:
        TrackingError: No such model, version or alias; the message lists what there is.
    """
    versions = list_versions(store, name)
    if not versions:
        raise TrackingError(
            f"no version of {name!r} is registered in {store.label}",
            setting=_NAME_SETTING,
            expected="a registered adapter; `sql-ft run` makes one",
        )
    number = reference[1:] if reference[:1] in ("v", "V") else reference
    by_number = number.isdecimal() and number.isascii()
    for version in versions:
        same_number = by_number and int(number) == int(version.version)
        if same_number or reference in version.aliases:
            return version
    known = ", ".join(v.version for v in reversed(versions[:20]))
    names = sorted({alias for v in versions for alias in v.aliases})
    kind = "version" if by_number else "alias"
    raise TrackingError(
        f"registered model {name!r} has no {kind} {reference!r}",
        setting=_NAME_SETTING,
        expected=f"one of the versions {known}, or an alias: {', '.join(names) or 'none set yet'}",
    )


def find_by_adapter_hash(store: Store, name: str, adapter_hash: str) -> RegisteredVersion | None:
    """Return the oldest version with this adapter, or None."""
    found = [v for v in list_versions(store, name) if v.adapter_hash == adapter_hash]
    return found[-1] if found else None


def list_versions(store: Store, name: str) -> list[RegisteredVersion]:
    """All versions of a registered model, newest first; none if it does not exist."""
    client = store.client()
    aliases = aliases_of(store, name)
    found: list[Any] = []
    token: str | None = None
    with tracking_errors(f"cannot list the versions of {name!r}", store):
        while True:
            page = client.search_model_versions(f"name='{name}'", page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                break
    versions = [_to_version(store, entity, aliases) for entity in found]
    return sorted(versions, key=lambda v: int(v.version), reverse=True)


def get_version(store: Store, name: str, version: str) -> RegisteredVersion:
    """Return one version by its number.

    Raises:
        TrackingError: There is no such version.
    """
    with tracking_errors(f"cannot read version {version} of {name!r}", store):
        entity = store.client().get_model_version(name, version)
    return _to_version(store, entity, aliases_of(store, name))


def get_alias(store: Store, name: str, alias: str) -> RegisteredVersion | None:
    """Return the version an alias points to, None if there is none."""
    version = aliases_of(store, name).get(alias)
    return None if version is None else get_version(store, name, version)


def set_alias(store: Store, name: str, alias: str, version: str) -> None:
    """Point an alias at a version; for `champion` use `promotion.set_champion`."""
    if alias == CHAMPION:
        raise ValueError("the champion moves through promotion.set_champion alone")
    with tracking_errors(f"cannot point {alias!r} of {name!r} at version {version}", store):
        store.client().set_registered_model_alias(name, alias, version)


def set_version_tags(store: Store, name: str, version: str, tags: Mapping[str, str]) -> None:
    """Set tags of a version, e.g. ``evaluation_set_hash`` once it is known."""
    client = store.client()
    with tracking_errors(f"cannot tag version {version} of {name!r}", store):
        for key, value in tags.items():
            client.set_model_version_tag(name, version, key, str(value))


def _to_version(store: Store, entity: Any, aliases: Mapping[str, str]) -> RegisteredVersion:
    version = str(entity.version)
    tags = dict(entity.tags or {})
    return RegisteredVersion(
        name=str(entity.name),
        version=version,
        adapter_hash=tags.get("adapter_hash", ""),
        run_id=str(entity.run_id or ""),
        model_id=str(entity.model_id or tags.get("model_id", "")),
        source=store.locate(str(entity.source)),
        tags=tags,
        aliases=tuple(sorted(a for a, target in aliases.items() if target == version)),
        description=str(entity.description or ""),
        created_ms=int(entity.creation_timestamp or 0),
    )
