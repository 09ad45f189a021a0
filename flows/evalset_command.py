"""`sql-ft evalset …`: build, look into and verify a frozen evaluation set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.evaluate_command import bad_input_exits, load_settings
from flows.options import (
    ConfigOption,
    DataOption,
    DialectOption,
    LayoutOption,
    SetOption,
    VerboseOption,
)
from sql_ft.errors import ConfigError, EvaluationError

app = typer.Typer(
    name="evalset",
    help="Frozen evaluation sets: build, inspect, verify.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

FolderArgument = Annotated[Path, typer.Argument(help="Folder of the set.", show_default=False)]


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder of this one set.")],
    data: DataOption = None,
    layout: LayoutOption = "sql-create-context",
    dialect: DialectOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Translate and execute the golds on databases that tell them from wrong queries."""
    settings = load_settings(config, set_ or (), dialect)
    if data is None:
        raise ConfigError("no data", setting="--data", expected="a file or folder of questions")
    from rich.console import Console

    from flows.terminal_progress import show_stages

    with bad_input_exits(), show_stages(Console(stderr=True)) as progress:
        from sql_ft.standalone import build_set, load_questions

        questions = load_questions(
            data,
            layout,
            settings.data,
            dialect=settings.evaluation.dialect,
            progress=lambda d, t: progress("reading databases", d, t),
        )
        built = build_set(
            questions,
            settings.evaluation,
            out,
            lambda d, t: progress("building databases", d, t),
        )
    from flows.evalset_view import show_set

    Console().print(show_set(built, out))


@app.command()
def inspect(
    folder: FolderArgument,
    sample: Annotated[str | None, typer.Option(help="Id of one question to show whole.")] = None,
    verbose: VerboseOption = False,
) -> None:
    """Show counts, exclusions and mutants told apart, or one question with its databases."""
    from rich.console import Console

    with bad_input_exits():
        from flows.evalset_view import show_item, show_set
        from sql_ft.evaluation.evalset_storage import load_evaluation_set

        loaded = load_evaluation_set(folder)
        if sample is None:
            Console().print(show_set(loaded, folder))
            return
        item = next((i for i in loaded.entries if i.sample.id == sample), None)
        if item is None:
            ids = [i.sample.id for i in loaded.entries]
            raise EvaluationError(
                f"no sample {sample!r} in {folder}",
                setting="--sample",
                expected=f"one of {len(ids)} ids, {ids[0]} to {ids[-1]}",
            )
        Console().print(show_item(item))


@app.command()
def verify(folder: FolderArgument, verbose: VerboseOption = False) -> None:
    """Check every hash; exit code 2 and the name of what does not match."""
    from rich.console import Console

    with bad_input_exits():
        from sql_ft.evaluation.evalset_storage import load_evaluation_set

        loaded = load_evaluation_set(folder)
    Console().print(
        f"{folder}: {len(loaded.entries)} questions, content hash {loaded.hash}: as written",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
