"""`sql-ft diff V1 V2`: the questions that flipped, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import ConfigOption, SetOption
from flows.registry_access import JsonOption, VersionArgument, open_registry, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from sql_ft.tracking.version_diff import Flip, VersionDiff

_SHOWN = 10


def diff(
    first: VersionArgument,
    second: VersionArgument,
    all_: Annotated[bool, typer.Option("--all", help="Every question, not the first ten.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the questions that two versions answer differently: gained and lost."""
    registry = open_registry(config, set_)
    from sql_ft.tracking.version_diff import diff_versions
    from sql_ft.tracking.versions import find_version

    before, after = (
        find_version(registry.store, registry.name, reference) for reference in (first, second)
    )
    found = diff_versions(registry.store, before, after)
    if json_:
        print_json({"from": before.version, "to": after.version, **found.to_dict()})
        return
    from rich.console import Console

    _print_diff(found, before.version, after.version, Console(), None if all_ else _SHOWN)


def _print_diff(
    found: VersionDiff, before: str, after: str, console: Console, limit: int | None
) -> None:
    from rich.text import Text

    net = len(found.gained) - len(found.lost)
    console.print(
        Text(
            f"version {before} → {after} on {found.n} questions of set "
            f"{found.second.evaluation_set_hash[:12]}: {len(found.gained)} gained, "
            f"{len(found.lost)} lost, net {net:+d}",
            style="bold",
        )
    )
    aside = f", {found.set_aside} set aside" if found.set_aside else ""
    console.print(
        Text(f"both right {found.both_right}, both wrong {found.both_wrong}{aside}", style="dim")
    )
    _print_flips(f"Lost: right in {before}, wrong in {after}", found.lost, console, limit)
    _print_flips(f"Gained: wrong in {before}, right in {after}", found.gained, console, limit)


def _print_flips(title: str, flips: Sequence[Flip], console: Console, limit: int | None) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text(f"\n{title} ({len(flips)})", style="bold"))
    shown = flips if limit is None else flips[:limit]
    for flip in shown:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True, min_width=8)
        table.add_column(overflow="fold")
        rows = [
            ("question", flip.question or flip.sample_id),
            ("gold", flip.gold_sql),
            ("before", _answer(flip.before_sql, flip.before_reason)),
            ("after", _answer(flip.after_sql, flip.after_reason)),
            ("because", flip.detail),
        ]
        for label, text in rows:
            if text:
                table.add_row(Text(label), Text(text))
        console.print()
        console.print(table)
    if len(shown) < len(flips):
        more = len(flips) - len(shown)
        console.print(Text(f"\n… and {more} more: --all, or --json", style="dim"))


def _answer(sql: str, reason: str) -> str:
    return f"{sql or '(no query)'}  [{reason}]"
