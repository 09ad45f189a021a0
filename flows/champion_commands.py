"""`sql-ft promote` and `sql-ft rollback`: a person moves the champion, on the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.interruption import tell_if_interrupted
from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import VersionArgument, open_registry

if TYPE_CHECKING:
    from sql_ft.tracking.lifecycle import ChampionMove

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; kept in the registry.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_INTERRUPTED = "`sql-ft versions` says which version is live"


def promote(
    version: VersionArgument,
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make a version the champion by hand, with a reason that is recorded."""
    tell_if_interrupted(_INTERRUPTED)
    from sql_ft.tracking.lifecycle import check_reason, promote_by_hand
    from sql_ft.tracking.versions import find_version

    reason = check_reason(reason)
    registry = open_registry(config, set_, verbose=verbose)
    target = find_version(registry.store, registry.name, version)
    verdict = target.tags.get("decision_reason", "it was never judged")
    _confirm(
        f"Make version {target.version} of {registry.name} the champion? The gate said: {verdict}",
        yes,
    )
    from tasks.registry_lock import champion_lock

    move = promote_by_hand(
        registry.store,
        registry.name,
        target.version,
        reason=reason,
        experiment=registry.config.tracking.experiment,
        lock=champion_lock(registry.config, registry.store),
    )
    _print_move(move)


def rollback(
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make the previous champion live again and withdraw the present one.

    The gate never promotes a withdrawn version again; `sql-ft promote` does. A second
    rollback in a row is refused.
    """
    tell_if_interrupted(_INTERRUPTED)
    from sql_ft.tracking.lifecycle import roll_back
    from sql_ft.tracking.versions import aliases_of

    registry = open_registry(config, set_, verbose=verbose)
    aliases = aliases_of(registry.store, registry.name)
    if "champion" in aliases and "previous" in aliases:
        _confirm(
            f"Roll {registry.name} back from version {aliases['champion']} to "
            f"{aliases['previous']}?",
            yes,
        )
    from tasks.registry_lock import champion_lock

    move = roll_back(
        registry.store,
        registry.name,
        reason=reason or "rolled back without a reason given",
        experiment=registry.config.tracking.experiment,
        lock=champion_lock(registry.config, registry.store),
    )
    _print_move(move)


def _confirm(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)


def _print_move(move: ChampionMove) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not move.moved:
        console.print(f"version {move.version} of {move.name} is the champion already")
        return
    before = f"version {move.replaced}" if move.replaced else "nothing"
    console.print(
        f"version {move.version} of {move.name} is the champion (was {before}); "
        f"recorded in run {move.run_id}",
        markup=False,
    )
