"""A champion that does not answer as judged gives the alias back; nobody needs to ask."""

from __future__ import annotations

import contextlib
import logging
from contextlib import AbstractContextManager
from typing import Any

from sql_ft.records import Decision
from sql_ft.tracking.champion_move import settle, withdraw
from sql_ft.tracking.lifecycle import roll_back
from sql_ft.tracking.promotion import champion_lock_name
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import CHAMPION, PREVIOUS

logger = logging.getLogger(__name__)


def withdraw_champion(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    run_id: str,
    experiment: str,
    lock: AbstractContextManager[Any] | None = None,
) -> bool:
    """Roll back from a version, or take the alias away where nothing was live before it.

    The version is marked as withdrawn: no gate promotes it again.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: The champion that is withdrawn.
        decision: Why; a refusal.
        run_id: Run that promoted it.
        experiment: Of the run that records a rollback.
        lock: As in `promotion.set_champion`.

    Returns:
        True if the alias moved; False if another version is champion meanwhile: then
        nothing is written.

    Raises:
        TrackingError: The store does not answer or refused.
    """
    if decision.promote:
        raise ValueError("a promotion cannot withdraw the champion")
    with lock or store.lock(champion_lock_name(name)):
        model = settle(store, name)
        aliases = model.aliases if model else {}
        if aliases.get(CHAMPION) != version:
            return False
        if aliases.get(PREVIOUS) not in (None, version):
            roll_back(
                store,
                name,
                reason=decision.reason,
                experiment=experiment,
                lock=contextlib.nullcontext(),
            )
        else:
            withdraw(store, name, version, decision, run_id)
            with tracking_errors(f"cannot take alias {CHAMPION!r} of {name!r} back", store):
                store.client().delete_registered_model_alias(name, CHAMPION)
    logger.error("version %s of %s is withdrawn: %s", version, name, decision.reason)
    return True
