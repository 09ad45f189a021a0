"""The spent error budget, kept where the champion is: tags of the registered model.

One tag a look, named by its place among all looks (``error_budget.look.0007``), holds the
`Look` as JSON. The registry is the only authority: ephemeral workers share nothing else.
Looks are spent under the champion's lock, before the decision is recorded. Anything that
cannot be read is an error, so nothing is promoted on a budget nobody can see.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re

from sql_ft.errors import BudgetChangedError, TrackingError
from sql_ft.records import Decision, Look
from sql_ft.tracking.store import Store, tracking_errors

logger = logging.getLogger(__name__)

_PREFIX = "error_budget.look."
_TAG = re.compile(re.escape(_PREFIX) + r"(\d+)\Z")


def read_looks(store: Store, name: str) -> list[Look]:
    """Every look spent for a registered model, in order; none if it does not exist yet.

    Raises:
        TrackingError: The store does not answer, a tag is damaged, or a look is missing.
    """
    from mlflow.exceptions import MlflowException

    with tracking_errors(f"cannot read the error budget of {name!r}", store):
        try:
            tags = dict(store.client().get_registered_model(name).tags or {})
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
                raise
            tags = {}
    looks = [_parse(name, key, value) for key, value in tags.items() if key.startswith(_PREFIX)]
    looks.sort(key=lambda look: look.sequence)
    if [look.sequence for look in looks] != list(range(1, len(looks) + 1)):
        raise TrackingError(
            f"the error budget of {name!r} lacks looks: it holds "
            f"{[look.sequence for look in looks]}",
            expected=f"tags {_PREFIX}0001, … of the registered model without a gap",
        )
    return looks


def spend_look(store: Store, name: str, decision: Decision) -> bool:
    """Write down the look that a decision took. The caller holds the champion's lock.

    A refusal that did not ask the paired test spends nothing, and the same comparison
    made again (after a crash, say) spends nothing more.

    Returns:
        True if a look was spent just now.

    Raises:
        BudgetChangedError: Another comparison has taken this look meanwhile: the level
            that the decision used is not its own.
        TrackingError: The store does not answer, or the budget cannot be read.
    """
    if decision.look is None or not decision.spends_look:
        return False
    # A person may have refused what the gate would have promoted.
    look = dataclasses.replace(decision.look, promoted=decision.promote)
    looks = read_looks(store, name)
    for known in looks:
        if known.key == look.key:
            if look.promoted and not known.promoted:
                _write(store, name, look)
            return False
    if look.sequence != len(looks) + 1:
        raise BudgetChangedError(
            f"look {look.sequence} at the evaluation sets of {name!r} was taken by another "
            f"comparison; {len(looks)} are spent",
            expected="decide again with the next look",
        )
    _write(store, name, look)
    logger.info(
        "look %d since the last promotion spent: alpha %.2g, %.3g left",
        *(look.number, look.alpha, look.left_after),
    )
    return True


def _write(store: Store, name: str, look: Look) -> None:
    value = json.dumps(look.to_dict(), sort_keys=True)
    with tracking_errors(f"cannot spend the error budget of {name!r}", store):
        store.client().set_registered_model_tag(name, f"{_PREFIX}{look.sequence:04d}", value)


def _parse(name: str, key: str, value: str) -> Look:
    match = _TAG.match(key)
    try:
        look = Look.from_dict(json.loads(value))
        valid = match is not None and look.sequence == int(match[1]) and 0.0 < look.alpha < 1.0
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise TrackingError(
            f"tag {key!r} of registered model {name!r} is no look: {value[:80]!r}",
            setting="tracking.registered_model_name",
            expected="the JSON that the gate wrote; nothing is promoted on an unreadable budget",
        )
    return look
