"""What a person does to the champion: promote by hand, roll back. Recorded like the gate's acts.

Each act is a short MLflow run of its own: who, when, why, with which code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

from sql_ft.errors import ConfigError, TrackingError
from sql_ft.records import Decision
from sql_ft.tracking.champion_move import WITHDRAWN_TAG, settle
from sql_ft.tracking.promotion import champion_lock_name, move_champion
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import (
    CHAMPION,
    PREVIOUS,
    RegisteredVersion,
    find_version,
    get_version,
)

MAX_REASON_CHARS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class ChampionMove:
    """What a manual promotion or a rollback did.

    Attributes:
        name: Registered model.
        version: The champion now.
        replaced: The champion before; None if there was none.
        moved: False if `version` was the champion already, and nothing was written.
        reason: As given.
        run_id: MLflow run that holds the record; empty if nothing moved.
    """

    name: str
    version: str
    replaced: str | None
    moved: bool
    reason: str
    run_id: str = ""


def promote_by_hand(
    store: Store,
    name: str,
    reference: str,
    *,
    reason: str,
    experiment: str,
    lock: AbstractContextManager[Any] | None = None,
) -> ChampionMove:
    """Make a version the champion because a person says so; the gate is not asked.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        reference: Version number or alias.
        reason: Kept with the decision; may not be empty.
        experiment: Experiment of the run that records it.
        lock: As in `promotion.set_champion`.

    Raises:
        ConfigError: No reason.
        TrackingError: No such version, or the store does not answer or refused.
    """
    reason = check_reason(reason)
    with lock or store.lock(champion_lock_name(name)):
        version = find_version(store, name, reference)
        model = settle(store, name)
        current = model.aliases.get(CHAMPION) if model else None
        if current == version.version:
            return ChampionMove(name, current, current, False, reason)
        decision = _decision(reason, version, current)
        with _recorded_act(store, experiment, name, "manual", version.version, reason) as run_id:
            move_champion(
                store,
                name,
                version.version,
                decision,
                expected_champion=current,
                run_id=run_id,
                action="manual",
            )
        return ChampionMove(name, version.version, current, True, reason, run_id)


def roll_back(
    store: Store,
    name: str,
    *,
    reason: str,
    experiment: str,
    lock: AbstractContextManager[Any] | None = None,
) -> ChampionMove:
    """Make the version of alias `previous` the champion, and withdraw the present one.

    A withdrawn version is not promoted by the gate again, only by a person. A second
    rollback in a row is refused: `previous` is then the withdrawn version, and a command
    that was repeated by mistake, or after a crash, must not bring it back.

    Raises:
        ConfigError: No reason.
        TrackingError: There is no champion, no previous version, or it was withdrawn.
    """
    reason = check_reason(reason)
    with lock or store.lock(champion_lock_name(name)):
        model = settle(store, name)
        aliases = model.aliases if model else {}
        current, target = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if current is None:
            raise TrackingError(
                f"registered model {name!r} has no champion to roll back from in {store.label}",
                setting="tracking.registered_model_name",
                expected="a version with alias 'champion'",
            )
        if target is None or target == current:
            raise TrackingError(
                f"version {current} of {name!r} replaced nothing: there is no alias 'previous'",
                expected='sql-ft promote VERSION --reason "…" to make another version live',
            )
        version = get_version(store, name, target)
        withdrawn = version.tags.get(WITHDRAWN_TAG)
        if withdrawn:
            raise TrackingError(
                f"version {current} of {name!r} is live by a rollback already; version {target}, "
                f"which it replaced, was withdrawn: {withdrawn}",
                expected=f'sql-ft promote {target} --reason "…" to undo the rollback, or '
                f"promote an older version (`sql-ft versions`)",
            )
        decision = _decision(reason, version, current)
        with _recorded_act(store, experiment, name, "rollback", target, reason) as run_id:
            move_champion(
                store,
                name,
                target,
                decision,
                expected_champion=current,
                run_id=run_id,
                action="rollback",
            )
        return ChampionMove(name, target, current, True, reason, run_id)


def check_reason(reason: str) -> str:
    """Return the reason on one line.

    Raises:
        ConfigError: Empty, or longer than `MAX_REASON_CHARS`.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise ConfigError(
            "no reason given",
            setting="--reason",
            expected="a sentence for whoever reads the registry next",
        )
    if len(reason) > MAX_REASON_CHARS:
        raise ConfigError(
            f"a reason of {len(reason)} characters",
            setting="--reason",
            expected=f"at most {MAX_REASON_CHARS}",
        )
    return reason


def _decision(reason: str, version: RegisteredVersion, current: str | None) -> Decision:
    return Decision(
        promote=True,
        reason=reason,
        checks=(),
        reference_arm="champion" if current else "base",
        candidate_version=version.version,
        champion_version=current or "",
        evaluation_set_hash=version.tags.get("evaluation_set_hash", ""),
        evaluator_hash=version.tags.get("evaluator_hash", ""),
    )


@contextmanager
def _recorded_act(
    store: Store,
    experiment: str,
    name: str,
    action: Literal["manual", "rollback"],
    version: str,
    reason: str,
) -> Iterator[str]:
    """A run that holds the record, so that the version's own run keeps the gate's."""
    words = {"manual": "promote by hand", "rollback": "roll back"}[action]
    with start_run(
        store,
        experiment,
        name=f"{words}: {name} v{version}",
        tags={"sql_ft.action": action, "sql_ft.model": name, "sql_ft.version": version},
        description=reason,
    ) as run:
        yield run.run_id
