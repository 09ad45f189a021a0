"""`sql-ft evaluate`: score a file of predictions. Needs the core dependencies alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import (
    ConfigOption,
    DataOption,
    DialectOption,
    LayoutOption,
    SetOption,
    VerboseOption,
)
from sql_ft.config import RunConfig, load_config
from sql_ft.errors import DataError, EvaluationError, SandboxError

if TYPE_CHECKING:
    from sql_ft.standalone import Evaluation

BAD_INPUT = 2
"""Exit code of everything that is wrong with what a user handed in."""


def evaluate(
    predictions: Annotated[
        Path,
        typer.Option(
            help="jsonl (json, csv, parquet) with id and predicted_sql or completion; BIRD's "
            '{"id": "SQL"}; or .sql/.txt with one query a line, in the order of the data.'
        ),
    ],
    data: DataOption = None,
    layout: LayoutOption = "sql-create-context",
    evaluation_set: Annotated[
        Path | None, typer.Option(help="Folder of a frozen set (sql-ft evalset build).")
    ] = None,
    dialect: DialectOption = None,
    out: Annotated[
        Path, typer.Option(help="Folder for verdicts.parquet, summary.json and report.html.")
    ] = Path("evaluation"),
    arm: Annotated[str, typer.Option(help="Name of what answered. Default: the file's name.")] = "",
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Score a file of predictions against its golds, by execution.

    A row of the data is named by its column `id`, else `question_id`, else its place in
    the file, counted from 0.
    """
    settings = load_settings(config, set_ or (), dialect)
    from rich.console import Console

    from flows.terminal_progress import show_stages

    with bad_input_exits(), show_stages(Console(stderr=True)) as progress:
        from sql_ft.standalone import evaluate_files

        evaluation = evaluate_files(
            predictions,
            data,
            layout=layout,
            evaluation_set=evaluation_set,
            config=settings.evaluation,
            data_config=settings.data,
            arm=arm,
            out_dir=out,
            progress=progress,
        )
    print_evaluation(evaluation, out)


def print_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Print the figures, and where the files are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sql_ft.evaluation.report_terminal import print_report
    from sql_ft.standalone.evaluation import REPORT_FILE, SUMMARY_FILE, VERDICTS_FILE

    console = Console()
    print_report(evaluation.report_data(), console)
    table = Table(box=None, show_header=False)
    for label, file in (
        ("report", REPORT_FILE),
        ("verdicts", VERDICTS_FILE),
        ("summary", SUMMARY_FILE),
    ):
        table.add_row(Text(label, style="dim"), Text(str(out / file), overflow="fold"))
    console.print(table)


def load_settings(config: Path | None, overrides: Sequence[str], dialect: str | None) -> RunConfig:
    """Settings of a command; `--dialect` is short for ``--set evaluation.dialect=…``."""
    short = [f"evaluation.dialect={dialect}"] if dialect is not None else []
    return load_config(config, [*overrides, *short])


@contextmanager
def bad_input_exits() -> Iterator[None]:
    """Give every error about the user's files exit code 2; a failing sandbox keeps its own."""
    try:
        yield
    except SandboxError:
        raise
    except (DataError, EvaluationError) as error:
        error.exit_code = BAD_INPUT
        raise
