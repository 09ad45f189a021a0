"""`sql-ft predict`: a file of questions in, a file of answers out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.ask_command import check_one_answerer, load_predictor
from flows.logging_setup import configure_process
from flows.options import ConfigOption, SetOption, VerboseOption
from sql_ft.config import load_config


def predict(
    input_: Annotated[
        Path,
        typer.Option("--input", help="parquet, csv, jsonl or json with question and context."),
    ],
    output: Annotated[Path, typer.Option(help="parquet, csv or jsonl.")],
    alias: Annotated[str, typer.Option(help="Who answers: champion, candidate, previous.")] = (
        "champion"
    ),
    version: Annotated[int | None, typer.Option(help="This version instead of an alias.")] = None,
    base: Annotated[bool, typer.Option("--base", help="The base model, no adapter.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Answer every question of a file; `sql-ft evaluate --predictions` reads the result."""
    settings = load_config(config, set_ or ())
    check_one_answerer(base=base, version=version)
    configure_process(verbose)
    from rich.console import Console

    from sql_ft.serving.batch import predict_file

    predictor = load_predictor(settings, alias=alias, version=version, base=base)
    result = predict_file(predictor, input_, output)
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{result.rows} rows answered by {result.model}, {result.without_sql} without SQL",
        markup=False,
    )
    console.print(f"file     {result.output}", markup=False)
