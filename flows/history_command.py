"""`sql-ft history`: every version, decision, check and run, as tables that SQL can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import JsonOption, open_registry, print_json

if TYPE_CHECKING:
    from sql_ft.tracking.history import QueryResult

RECENT = """
SELECT d.decided_at, d.version, d.action, CASE WHEN d.interrupted THEN 'interrupted'
    WHEN d.moved THEN 'champion' WHEN d.promote THEN 'promote' ELSE 'kept' END AS outcome,
  d.times, round(d.gain, 3) AS gain, d.champion_version AS against, d.reason
FROM decisions d ORDER BY d.decided_at DESC, d.version DESC LIMIT 20
"""


def history(
    sql: Annotated[
        str | None, typer.Option("--sql", help='One read-only query, e.g. "FROM versions".')
    ] = None,
    tables: Annotated[bool, typer.Option("--tables", help="List tables and columns.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the cache from the registry.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Query what was registered, decided and run (history.duckdb in state_dir, a cache).

    Without --sql: the latest decisions. The cache is brought up to date at each call;
    deleting it loses nothing.
    """
    if tables:
        _print_tables(json_)
        return
    registry = open_registry(config, set_, verbose=verbose)
    from sql_ft.tracking.history import query_history, refresh_history

    done = refresh_history(
        registry.store,
        registry.name,
        registry.config.tracking.experiment,
        rebuild=rebuild,
    )
    result = query_history(registry.store, sql if sql is not None else RECENT)
    if json_:
        print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
        return
    _print_result(result)
    if sql is None:
        from rich.console import Console
        from rich.text import Text

        again = f", rebuilt ({done.rebuilt})" if done.rebuilt else ""
        line = f"{done.path}{again}; tables: sql-ft history --tables"
        Console(soft_wrap=True).print(Text(line, style="dim"))


def _print_result(result: QueryResult) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in result.columns:
        table.add_column(Text(column), overflow="fold")
    for row in result.rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console = Console()
    console.print(table)
    console.print(f"{len(result.rows)} rows", style="dim", highlight=False)


def _print_tables(as_json: bool) -> None:
    from sql_ft.tracking.history_tables import TABLES

    if as_json:
        print_json(
            {table.name: {column.name: column.type for column in table.columns} for table in TABLES}
        )
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for table in TABLES:
        console.print(Text(f"\n{table.name}", style="bold").append(f"  {table.meaning}", "dim"))
        grid = Table.grid(padding=(0, 2))
        for column in table.columns:
            grid.add_row(
                Text(f"  {column.name}"),
                Text(column.type, style="dim"),
                Text(column.meaning, overflow="fold"),
            )
        console.print(grid)
