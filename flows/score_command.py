"""`sql-ft score VERSION…`: registered versions, and the base, side by side on any questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.interruption import tell_if_interrupted
from flows.options import ConfigOption, LayoutOption, SetOption, VerboseOption
from flows.registry_access import JsonOption, open_registry, print_json
from sql_ft.errors import ConfigError

if TYPE_CHECKING:
    from sql_ft.config import RunConfig
    from sql_ft.config_questions import BenchmarkConfig

HUB_PREFIX = "hub:"
_JSON_KEYS = ("run_id", "report", "questions", "evaluation_set", "compared", "facts")


def score(
    versions: Annotated[
        list[str],
        typer.Argument(help="Numbers or aliases.", metavar="VERSION|ALIAS...", show_default=False),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Published questions instead of the settings' evaluation set: a file or folder "
            "(see --layout), or hub:ID[@REVISION] in sql-create-context's form."
        ),
    ] = None,
    layout: LayoutOption = "sql-create-context",
    rows: Annotated[
        int | None, typer.Option(min=1, help="Ask a seeded sample of this many of --data.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of that sample.")] = 42,
    base: Annotated[
        bool, typer.Option("--base/--no-base", help="The base, and the base with examples, too.")
    ] = True,
    agent: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=8,
            help="Let the agent answer with up to this many attempts, on --data's databases; one "
            "arm for each number of attempts.",
        ),
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score registered versions beside their base on the settings' questions, or on --data.

    No decision is made and no alias moves. Verdicts and figures are kept with the version
    (`sql-ft show`, `sql-ft diff`, `sql-ft history`), pages with the MLflow run.
    """
    tell_if_interrupted("the champion is untouched")
    from sql_ft.config_questions import AgentConfig

    benchmark = _benchmark(data, layout, rows, seed)
    registry = open_registry(config, set_, verbose=verbose)
    from sql_ft.tracking.versions import find_version

    # Before Prefect starts: a mistyped version is known in a second.
    for reference in versions:
        find_version(registry.store, registry.name, reference)
    from flows.evaluate import run_evaluate
    from flows.logging_setup import hide_user_error_tracebacks, shield_temporary_server

    shield_temporary_server()
    if not verbose:
        hide_user_error_tracebacks()
    outcome = run_evaluate(
        registry.config,
        versions,
        benchmark=benchmark,
        agent=AgentConfig(attempts=agent) if agent is not None else None,
        with_base=base,
    )
    if json_:
        print_json({key: outcome[key] for key in _JSON_KEYS})
    else:
        _print(registry.config, outcome)


def _benchmark(
    data: str | None, layout: str, rows: int | None, seed: int
) -> BenchmarkConfig | None:
    from pydantic import ValidationError

    from sql_ft.config_questions import BenchmarkConfig

    if data is None:
        if rows is not None or layout != "sql-create-context":
            raise ConfigError(
                "no data for --layout or --rows", setting="--data", expected="a file or folder"
            )
        return None
    place: dict[str, Any] = {"path": data}
    if data.startswith(HUB_PREFIX):
        hub_id, _, revision = data.removeprefix(HUB_PREFIX).partition("@")
        place = {"hub_id": hub_id, "hub_revision": revision or "main"}
    elif not Path(data).expanduser().exists():
        raise ConfigError(f"nothing at {data}", setting="--data", expected="a file or folder")
    try:
        return BenchmarkConfig(**place, layout=layout, rows=rows, seed=seed)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "data"
        raise ConfigError(first["msg"], setting=f"--{name}") from None


def _print(config: RunConfig, outcome: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sql_ft.evaluation.report_terminal import print_report
    from tasks.comparison import build_comparison_report

    console = Console(highlight=False)
    print_report(build_comparison_report(config, outcome), console)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in {**outcome["facts"], **outcome["compared"]["pair_texts"]}.items():
        table.add_row(Text(label), Text(text))
    excluded = outcome["evaluation_set"]["excluded"]
    if excluded:
        table.add_row("set aside", Text(", ".join(f"{r} {n}" for r, n in excluded.items())))
    table.add_row("MLflow run", Text(outcome["run_id"]))
    table.add_row("report", Text(outcome["report"]))
    console.print(table)
