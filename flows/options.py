"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file; see deployments/configs. Default: settings."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="Override one setting, e.g. train.lora_r=8. Repeatable."),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Debug logs and whole tracebacks.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Questions with golds: a json, jsonl, csv or parquet file with question, context "
        "and answer; for --layout spider, bird or wikisql the folder with dev.json (dev.jsonl) and "
        "the databases."
    ),
]
LayoutOption = Annotated[
    str, typer.Option(help="Form of --data: sql-create-context, spider, bird or wikisql.")
]
DialectOption = Annotated[
    str | None,
    typer.Option(help="Dialect of gold and predicted SQL, e.g. sqlite. Also evaluation.dialect."),
]
