"""`sql-ft sample-db`: three small databases to ask, and thirty questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sample_db(
    out: Annotated[Path, typer.Option(help="Folder for the files; made if need be.")] = Path(
        "examples"
    ),
) -> None:
    """Write example databases (SQLite and DuckDB) and questions with golds."""
    from sql_ft.assets.sample_databases.write import write_examples

    for file in write_examples(out):
        print(file)
