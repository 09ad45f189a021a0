"""Find, where a version is served, the base model it was trained on; never another one."""

from __future__ import annotations

import importlib.machinery
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from sql_ft.base_model import BUNDLED_FOLDERS, BUNDLED_PREFIX, ResolvedModel, resolve_model
from sql_ft.config import ModelConfig
from sql_ft.errors import ModelError

logger = logging.getLogger(__name__)

BASE_MODEL_VARIABLE = "SQL_FT_BASE_MODEL"


def locate_base(model: ModelConfig, base: Mapping[str, str]) -> tuple[ModelConfig, ResolvedModel]:
    """Return settings that load the base, and the base itself.

    Looked for, in this order: the folder or hub id in ``SQL_FT_BASE_MODEL``; a hub id at
    the recorded commit (from the hub's cache when offline); the recorded local folder;
    for ``bundled:tiny`` this library's own copy, then that of any other installation of
    it, because the code that travels with a version brings no weights.

    Args:
        model: Model section the version was trained with.
        base: Label, revision and content hash as `model_package.Base` has them.

    Raises:
        ModelError: It is nowhere, or what is there is not what was trained on.
    """
    override = os.environ.get(BASE_MODEL_VARIABLE)
    if override:
        chosen = model.model_copy(update={"name_or_path": override})
        if not Path(override).expanduser().exists():
            chosen = chosen.model_copy(update={"revision": base["revision"]})
        return chosen, _checked(_resolve(chosen), base, override)
    if model.name_or_path.startswith(BUNDLED_PREFIX):
        return _bundled(model, base)
    # Ignored for a local folder; for a hub id the commit, not where its branch is today.
    chosen = model.model_copy(update={"revision": base["revision"]})
    return chosen, _checked(_resolve(chosen), base, model.name_or_path)


def _resolve(model: ModelConfig) -> ResolvedModel:
    try:
        return resolve_model(model)
    except ModelError as error:
        raise ModelError(
            error.message,
            setting=BASE_MODEL_VARIABLE,
            expected="the base model's folder in that environment variable",
        ) from error


def _checked(resolved: ResolvedModel, base: Mapping[str, str], where: str) -> ResolvedModel:
    # A snapshot in the hub's cache may be given as a folder: its content is what counts.
    if resolved.revision not in (base["revision"], base["content_hash"]):
        raise ModelError(
            f"base model {where} is at revision {resolved.revision[:16]}",
            setting=BASE_MODEL_VARIABLE,
            expected=f"{base['label']} at revision {base['revision'][:16]}, which the adapter "
            "was trained on",
        )
    return resolved


def _bundled(model: ModelConfig, base: Mapping[str, str]) -> tuple[ModelConfig, ResolvedModel]:
    seen = []
    for folder in _bundled_folders(model.name_or_path):
        chosen = model.model_copy(update={"name_or_path": str(folder)})
        try:
            resolved = resolve_model(chosen)
        except ModelError as error:
            seen.append(error.message)
            continue
        if resolved.revision == base["revision"]:
            return chosen, resolved
        seen.append(f"{folder} is at revision {resolved.revision[:16]}")
    raise ModelError(
        f"{model.name_or_path} at revision {base['revision'][:16]} is not on this machine "
        f"({'; '.join(seen) or 'sql-ft is not installed'})",
        setting=BASE_MODEL_VARIABLE,
        expected="an environment in which sql-ft is installed, or the model's folder in that "
        "environment variable",
    )


def _bundled_folders(name: str) -> Iterator[Path]:
    """Where the bundled model may be: beside every `sql_ft` that Python could import."""
    folder = BUNDLED_FOLDERS.get(name.removeprefix(BUNDLED_PREFIX), "")
    roots = [Path(__file__).resolve().parents[1]]
    specs = [
        importlib.machinery.PathFinder.find_spec("sql_ft", [entry])
        for entry in sys.path
        if isinstance(entry, str)
    ]
    # An editable installation is on no path entry; its finder stands in meta_path.
    for finder in sys.meta_path:
        if finder is not importlib.machinery.PathFinder and hasattr(finder, "find_spec"):
            specs.append(finder.find_spec("sql_ft", None))
    for spec in specs:
        if spec is not None:
            roots.extend(Path(place) for place in spec.submodule_search_locations or ())
    for root in dict.fromkeys(roots):
        candidate = root / "assets" / folder
        if folder and candidate.is_dir():
            yield candidate
