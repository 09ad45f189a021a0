"""Decisions, written where the reviewer looks; and the one way to move `champion`.

The order makes a crash harmless: the intended move, the record, then `previous`, then
`champion` as the last act. Whatever happens between them, the old champion is still the
champion, the registry says what was intended, and running it again completes it. See
docs/design/promotion.md.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from sql_ft.errors import ChampionChangedError, WithdrawnVersionError
from sql_ft.records import Decision
from sql_ft.tracking import provenance
from sql_ft.tracking.budget import spend_look
from sql_ft.tracking.champion_move import (
    WITHDRAWN_TAG,
    clear_withdrawal,
    finish_move,
    named,
    settle,
    withdraw,
    write_move,
)
from sql_ft.tracking.decision_history import Action, decision_id, decisions_of, now_text
from sql_ft.tracking.decision_page import describe
from sql_ft.tracking.decision_record import record
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import CHAMPION, PREVIOUS, get_version, set_alias, set_version_tags

__all__ = [
    "Action",
    "champion_lock_name",
    "decisions_of",
    "describe",
    "move_champion",
    "record_decision",
    "set_champion",
]

logger = logging.getLogger(__name__)


def record_decision(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    run_id: str,
    action: Action = "gate",
    lock: AbstractContextManager[Any] | None = None,
) -> str:
    """Write a decision to the version (tags, description) and to the run (``decision.json``).

    The same decision recorded again changes nothing; the same finding of a later run is
    counted, not repeated (`decision_history.DecisionHistory.add`).

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: The candidate it is about.
        decision: As the gate made it; a refusal is recorded like a promotion.
        run_id: Run that evaluated it.
        action: ``gate``, or who else decided.
        lock: As in `set_champion`.

    Returns:
        The decision's id (16 hex digits).

    Raises:
        BudgetChangedError: Another comparison has taken the decision's look meanwhile;
            nothing was written.
        TrackingError: The store does not answer or refused.
    """
    with lock or store.lock(champion_lock_name(name)):
        settle(store, name)
        # Before the record: a decision that stands on a level has paid for it.
        spend_look(store, name, decision)
        return record(store, name, version, decision, run_id, action, moves=False)


def set_champion(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    expected_champion: str | None,
    run_id: str,
    action: Action = "gate",
    lock: AbstractContextManager[Any] | None = None,
) -> bool:
    """Make a version the champion if the champion is still the one it was judged against.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: The new champion.
        decision: Why; `Decision.promote` must be True.
        expected_champion: Version that was champion when deciding; None if there was none.
        run_id: Run that evaluated it.
        action: ``gate``, ``manual`` or ``rollback``.
        lock: Held while the champion is read and moved; by default one among the
            processes of this host.

    Returns:
        True if the alias moved, False if `version` already was the champion.

    Raises:
        ChampionChangedError: Another version has become champion meanwhile; nothing was
            written.
        BudgetChangedError: Another comparison has taken the decision's look meanwhile;
            nothing was written.
        WithdrawnVersionError: The gate asks for a version that a person rolled back from;
            nothing was written.
        TrackingError: The store does not answer or refused.
    """
    if not decision.promote:
        raise ValueError(f"a refusal cannot move the champion: {decision.reason}")
    with lock or store.lock(champion_lock_name(name)):
        return move_champion(
            store,
            name,
            version,
            decision,
            expected_champion=expected_champion,
            run_id=run_id,
            action=action,
        )


def move_champion(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    expected_champion: str | None,
    run_id: str,
    action: Action,
) -> bool:
    """`set_champion` for a caller that holds the lock already."""
    model = settle(store, name)
    current = model.aliases.get(CHAMPION) if model else None
    if current == version:
        record(store, name, version, decision, run_id, action, moves=False)
        return False
    if current != expected_champion:
        raise ChampionChangedError(
            f"the champion of {name!r} is now {named(current)}; version {version} was "
            f"judged against {named(expected_champion)}",
            expected="evaluate again against the present champion",
        )
    withdrawn = get_version(store, name, version).tags.get(WITHDRAWN_TAG)
    if withdrawn and action == "gate":
        raise WithdrawnVersionError(
            f"version {version} of {name!r} was withdrawn by a rollback: {withdrawn}",
            expected=f'sql-ft promote {version} --reason "…", if it is to be live again',
        )
    spend_look(store, name, decision)
    move = {
        "from": current,
        "to": version,
        "previous": model.aliases.get(PREVIOUS) if model else None,
        "decision_id": decision_id(decision, run_id, action),
        "run_id": run_id,
        "action": action,
        "by": provenance.user_name(),
        "at": now_text(),
        "state": "intended",
    }
    write_move(store, name, move)
    record(store, name, version, decision, run_id, action, moves=True)
    if action == "rollback" and current is not None:
        withdraw(store, name, current, decision, run_id)
    if withdrawn:
        # Before the alias: a crash here leaves a version that the gate may promote again.
        clear_withdrawal(store, name, version)
    if current is not None:
        set_version_tags(store, name, version, {"replaces": current})
        set_alias(store, name, PREVIOUS, current)
    with tracking_errors(f"cannot move the champion of {name!r} to {version}", store):
        store.client().set_registered_model_alias(name, CHAMPION, version)
    logger.info("version %s of %s is the champion (was %s)", version, name, named(current))
    finish_move(store, name, move)
    return True


def champion_lock_name(name: str) -> str:
    """Name of the lock that every move of the champion holds."""
    return f"champion-{name}"
