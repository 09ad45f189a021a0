"""`sql-ft …`: the topmost room.

torch, prefect and mlflow are imported inside commands only: `sql-ft --help` must answer
in under a second.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from flows.app_command import app_page
from flows.ask_command import ask
from flows.champion_commands import promote, rollback
from flows.diff_command import diff
from flows.evalset_command import app as evalset_app
from flows.evaluate_command import evaluate
from flows.export_command import export
from flows.history_command import history
from flows.interruption import Interruption, interruption_message, tell_if_interrupted
from flows.leaving import leave
from flows.logging_setup import (
    configure_process,
    hide_user_error_tracebacks,
    shield_temporary_server,
)
from flows.options import ConfigOption, SetOption, VerboseOption
from flows.predict_command import predict
from flows.prune_command import prune
from flows.sample_db_command import sample_db
from flows.score_command import score
from flows.show_command import show
from flows.stack_command import deploy, down, up
from flows.status_command import status
from flows.sweep_command import sweep
from flows.versions_command import versions
from sql_ft.config import RunConfig, load_config
from sql_ft.errors import SqlFtError

app = typer.Typer(
    name="sql-ft",
    help="Retrain a text-to-SQL adapter, judge it by execution, promote it on evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_CHAIN = "The chain"


@app.command(rich_help_panel=_CHAIN)
def run(
    config: ConfigOption = None, set_: SetOption = None, verbose: VerboseOption = False
) -> None:
    """Run the whole chain: sample, train, register, evaluate, promote."""
    tell_if_interrupted("the champion is untouched")
    settings = load_config(config, set_ or ())
    configure_process(verbose)
    from flows.start_up import prepare_ahead, temporary_server_ahead

    shield_temporary_server()
    with temporary_server_ahead():
        prepare_ahead(settings)
        from flows.finetune import run_finetune
        from flows.summary import print_outcome
    if not verbose:
        hide_user_error_tracebacks()
    print_outcome(run_finetune(settings), settings, Console())


@app.command("config", rich_help_panel=_CHAIN)
def show_config(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print the complete settings that a run would use, as YAML, and their hash."""
    import yaml

    settings: RunConfig = load_config(config, set_ or ())
    print(f"# config hash {settings.hash}")
    print(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), end="")


app.command(rich_help_panel=_CHAIN)(sweep)
for _panel, _commands in (
    ("The registry", (versions, show, diff, score, promote, rollback, history, export)),
    ("Using a version", (ask, predict)),
    ("Operating it", (up, down, deploy, status, prune)),
    ("Evaluation alone", (evaluate,)),
):
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.command("app", rich_help_panel="Using a version")(app_page)
app.command("sample-db", rich_help_panel="Using a version")(sample_db)
app.add_typer(evalset_app, rich_help_panel="Evaluation alone")


def command() -> None:
    """Entry point of `sql-ft`: `main`, and a quick end."""
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            leave(end.code or 0)
        raise
    leave(0)


def main() -> None:
    """One clear line on stderr and a non-zero exit for every user error."""
    interruption = Interruption()
    signal.signal(signal.SIGTERM, interruption)
    signal.signal(signal.SIGINT, interruption)
    verbose = "--verbose" in sys.argv or "-v" in sys.argv
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app(standalone_mode=True)
    except BaseException as error:
        if interruption.happened:
            errors.print(f"[bold red]interrupted[/]: {escape(interruption_message())}")
            raise SystemExit(130) from None
        if not isinstance(error, SqlFtError):
            raise
        if verbose:
            errors.print_exception()
        report_error(error, errors)
        raise SystemExit(error.exit_code) from None


def report_error(error: SqlFtError, console: Console) -> None:
    """Print what was wrong, what was expected, and the setting to change."""
    rows: list[tuple[str, Any]] = [
        ("error", error.message),
        ("expected", error.expected),
        ("setting", error.setting),
    ]
    for name, value in rows:
        if value:
            console.print(f"[bold red]{name:>8}[/]  ", end="")
            console.print(str(value), markup=False)


if __name__ == "__main__":
    command()
