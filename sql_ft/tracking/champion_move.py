"""The move of `champion`, noted before it is made: what a crash leaves can be told and settled."""

from __future__ import annotations

import json
import logging
from typing import Any

from sql_ft.errors import TrackingError
from sql_ft.records import Decision
from sql_ft.tracking import provenance
from sql_ft.tracking.decision_history import DecisionHistory, new_entry
from sql_ft.tracking.decision_page import describe_model
from sql_ft.tracking.decision_record import write_history
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import (
    CHAMPION,
    PREVIOUS,
    RegisteredModel,
    get_version,
    list_versions,
    read_model,
    set_alias,
    set_version_tags,
)

logger = logging.getLogger(__name__)

MOVE_TAG = "champion_move"
"""Tag of the registered model: the last intended move of `champion`, as JSON."""

WITHDRAWN_TAG = "withdrawn"
"""Tag of a version that a person rolled back from, with the reason: no gate promotes it."""


def settle(store: Store, name: str) -> RegisteredModel | None:
    """Bring the record of a move that died half-way in line with the aliases.

    The caller holds the lock. The alias `champion` is the truth: if it moved, the move is
    marked done; if it did not, what the move had prepared is taken back (`previous`, a
    withdrawal) and its decision is marked ``interrupted``, until it is made again.

    Returns:
        The model as it now is; None if there is none.
    """
    model = read_model(store, name)
    move = last_move(model)
    if model is None or move is None or move["state"] != "intended":
        return model
    champion = model.aliases.get(CHAMPION)
    if champion == move["to"]:
        finish_move(store, name, move)
    elif champion == move["from"]:
        if champion is not None and model.aliases.get(PREVIOUS) == champion:
            _restore_previous(store, name, move["previous"])
        if champion is not None and move["action"] == "rollback":
            clear_withdrawal(store, name, champion, interrupted_run=move["run_id"])
        _mark_interrupted(store, name, move)
        write_move(store, name, {**move, "state": "interrupted"})
        logger.warning(
            "moving the champion of %s from %s to version %s had been interrupted",
            name,
            named(champion),
            move["to"],
        )
    return read_model(store, name)


def last_move(model: RegisteredModel | None) -> dict[str, Any] | None:
    """The last intended move of `champion`.

    With ``from``, ``to``, ``action``, ``by``, ``at``, ``decision_id`` and ``state``:
    ``intended``, ``done`` or ``interrupted``.
    """
    text = model.tags.get(MOVE_TAG) if model else None
    return dict(json.loads(text)) if text else None


def withdraw(store: Store, name: str, version: str, decision: Decision, run_id: str) -> None:
    """Note on the version that is rolled back from that it is, and why."""
    current = get_version(store, name, version)
    history = DecisionHistory.read(current)
    refusal = Decision(
        promote=False,
        reason=decision.reason,
        checks=(),
        reference_arm="champion",
        candidate_version=version,
        champion_version=decision.candidate_version,
    )
    entry = new_entry(refusal, run_id, "withdrawal", by=provenance.user_name())
    set_version_tags(store, name, version, {WITHDRAWN_TAG: decision.reason})
    if history.find(entry["id"]) is None:
        history.add(entry, moves=False)
        write_history(store, name, get_version(store, name, version), history)


def clear_withdrawal(
    store: Store, name: str, version: str, *, interrupted_run: str | None = None
) -> None:
    """Take a withdrawal back: the version is live again, or the rollback never happened."""
    current = get_version(store, name, version)
    if current.tags.pop(WITHDRAWN_TAG, None) is None:
        return
    history = DecisionHistory.read(current)
    for entry in history.current:
        if entry["action"] == "withdrawal" and entry["run_id"] == interrupted_run:
            entry["interrupted"] = True
    if history.all():
        write_history(store, name, current, history)
    # Last: as long as the tag is there, all this is done again.
    with tracking_errors(f"cannot clear a tag of version {version} of {name!r}", store):
        store.client().delete_model_version_tag(name, version, WITHDRAWN_TAG)


def _mark_interrupted(store: Store, name: str, move: dict[str, Any]) -> None:
    try:
        version = get_version(store, name, move["to"])
    except TrackingError:
        logger.warning("version %s of %s is gone", move["to"], name)
        return
    history = DecisionHistory.read(version)
    entry = history.find(move["decision_id"])
    if entry is not None and not entry.get("interrupted"):
        entry["interrupted"] = True
        write_history(store, name, version, history)


def _restore_previous(store: Store, name: str, previous: str | None) -> None:
    if previous is not None:
        set_alias(store, name, PREVIOUS, previous)
        return
    with tracking_errors(f"cannot remove alias {PREVIOUS!r} of {name!r}", store):
        store.client().delete_registered_model_alias(name, PREVIOUS)


def finish_move(store: Store, name: str, move: dict[str, Any]) -> None:
    """Mark the move done and write the model's page; what is live does not depend on it."""
    try:
        model = read_model(store, name)
        if model is not None:
            text = describe_model(model, list_versions(store, name))
            with tracking_errors(f"cannot describe {name!r}", store):
                store.client().update_registered_model(name, text)
        # Last: as long as the move is not done, the next operation does both again.
        write_move(store, name, {**move, "state": "done"})
    except TrackingError as error:
        logger.warning("the page of %s was not written: %s", name, error)


def write_move(store: Store, name: str, move: dict[str, Any]) -> None:
    """Note a move of the champion with the registered model; see `last_move`."""
    with tracking_errors(f"cannot note the move of the champion of {name!r}", store):
        store.client().set_registered_model_tag(
            name, MOVE_TAG, json.dumps(move, ensure_ascii=False)
        )


def named(version: str | None) -> str:
    """``version 7``, or ``nothing``."""
    return "nothing" if version is None else f"version {version}"
