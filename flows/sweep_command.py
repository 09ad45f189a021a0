"""`sql-ft sweep`: compare settings, let the gate judge the best."""

from __future__ import annotations

from typing import Any

from flows.interruption import tell_if_interrupted
from flows.options import ConfigOption, SetOption, VerboseOption
from sql_ft.config import load_config


def sweep(
    config: ConfigOption = None, set_: SetOption = None, verbose: VerboseOption = False
) -> None:
    """Train every combination of the settings in `sweep`; the gate judges the best one.

    For example: sql-ft sweep -c FILE --set 'sweep.lora_r=[8,16]'
    """
    from flows.logging_setup import (
        configure_process,
        hide_user_error_tracebacks,
        shield_temporary_server,
    )
    from sql_ft.sweep.grid import describe_grid, expand_grid

    tell_if_interrupted("finished children are kept and the champion is untouched")
    settings = load_config(config, set_ or ())
    print(f"sweep of {describe_grid(settings, expand_grid(settings))}", flush=True)
    configure_process(verbose)
    from rich.console import Console

    from flows.summary import print_outcome
    from flows.sweep import run_sweep

    shield_temporary_server()
    if not verbose:
        hide_user_error_tracebacks()
    found = run_sweep(settings)
    console = Console()
    outcome = found["outcome"]
    if outcome is not None:
        print_outcome(outcome, settings, console)
    _print_children(found, console)


def _print_children(found: dict[str, Any], console: Any) -> None:
    """The comparison as wide as a terminal is; MLflow and Prefect have every column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sql_ft.sweep.comparison import COLUMNS, ChildOutcome, by_accuracy, comparison_rows

    best = ChildOutcome.from_dict(found["best"])
    outcomes = [ChildOutcome.from_dict(values) for values in found["children"]]
    shown = ("execution_accuracy", "95% interval", "gain over base", "parameters", "result")
    table = Table(
        title="Children, on the validation questions", title_justify="left", box=box.SIMPLE_HEAD
    )
    for column in ("settings", *shown):
        table.add_column(column.replace("execution_", ""), overflow="fold")
    for outcome, row in zip(by_accuracy(outcomes), comparison_rows(outcomes, best), strict=True):
        cells = dict(zip(COLUMNS, row, strict=True))
        table.add_row(Text(outcome.label), *(Text(cells[column]) for column in shown))
    console.print(table)
