"""`sql-ft score VERSION…`: verdicts of registered versions on one evaluation set."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.interruption import tell_if_interrupted
from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import open_registry


def score(
    versions: Annotated[
        list[str],
        typer.Argument(help="Numbers or aliases.", metavar="VERSION|ALIAS...", show_default=False),
    ],
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Score registered versions on the settings' evaluation set, for `sql-ft diff`."""
    tell_if_interrupted("the champion is untouched")
    registry = open_registry(config, set_, verbose=verbose)
    from sql_ft.tracking.versions import find_version

    # Before Prefect starts: a mistyped version is known in a second.
    numbers = [find_version(registry.store, registry.name, v).version for v in versions]
    from flows.logging_setup import hide_user_error_tracebacks, shield_temporary_server
    from flows.score import run_score

    shield_temporary_server()
    if not verbose:
        hide_user_error_tracebacks()
    run_score(registry.config, list(dict.fromkeys(numbers)))
    from rich.console import Console

    from sql_ft.tracking.scores import scores_of

    for number in dict.fromkeys(numbers):
        latest = scores_of(find_version(registry.store, registry.name, number))[-1]
        Console(highlight=False).print(
            f"version {number}: execution accuracy {latest.execution_accuracy:.3f} on "
            f"{latest.n_scored} questions of set {latest.evaluation_set_hash[:12]}"
        )
