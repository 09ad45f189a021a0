"""`sql-ft export`: take a version out of the registry, as PEFT folder or merged weights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import VersionArgument, open_registry
from sql_ft.config import RunConfig
from sql_ft.errors import ConfigError

if TYPE_CHECKING:
    from sql_ft.records import Sample
    from sql_ft.tracking.export import Exported


class Dtype(StrEnum):
    """Of merged weights."""

    BASE = "base"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def export(
    version: VersionArgument,
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    merged: Annotated[
        bool, typer.Option("--merged", help="Whole weights with the adapter in them.")
    ] = False,
    dtype: Annotated[
        Dtype, typer.Option(help="Of merged weights; base: that of the base model's files.")
    ] = Dtype.BASE,
    questions: Annotated[
        int,
        typer.Option(min=1, help="Rows of the data on which merged weights are compared."),
    ] = 50,
    push: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Also upload to this hub repository.")
    ] = "",
    public: Annotated[
        bool, typer.Option("--public", help="A repository made by --push is public.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Write a registered version to a folder, and perhaps push it to a hub."""
    access = open_registry(config, set_, verbose=verbose)
    from rich.console import Console

    from flows.terminal_progress import show_stages
    from sql_ft.tracking.export import check_out, export_adapter, export_merged
    from sql_ft.tracking.versions import find_version

    check_out(out)
    store = access.store
    found = find_version(store, access.name, version)
    if merged:
        with show_stages(Console(stderr=True)) as progress:
            exported = export_merged(
                store,
                found,
                out,
                questions=read_questions(access.config, questions),
                dtype=dtype.value,
                progress=lambda done, total: progress("comparing answers", done, total),
            )
    else:
        exported = export_adapter(store, found, out)
    print_exported(exported)
    if push:
        from sql_ft.tracking.hub_push import push_folder

        address = push_folder(
            out,
            push,
            message=f"{found.name} version {found.version}, adapter {found.adapter_hash[:12]}",
            private=not public,
        )
        Console(soft_wrap=True).print(f"pushed    {address}", markup=False, highlight=False)


def read_questions(settings: RunConfig, count: int) -> list[Sample]:
    """The first rows of the configured data, as questions."""
    from sql_ft.data.samples import group_samples
    from sql_ft.data.sources import load_rows

    rows = load_rows(settings.data).rows[:count]
    if not rows:
        raise ConfigError("no rows to compare answers on", setting="data.source")
    return group_samples(rows, settings.data).samples


def print_exported(exported: Exported) -> None:
    """Print what was written, in which form, and what merging changed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    version = exported.version
    rows = [
        ("version", f"{version.name} {version.version}, adapter {version.adapter_hash[:12]}"),
        ("form", exported.form),
        ("folder", f"{exported.path} ({exported.size_bytes / 1e6:.1f} MB)"),
    ]
    if exported.n_asked:
        rows.append(
            (
                "answers",
                f"{exported.n_differing} of {exported.n_asked} greedy answers differ from the "
                "registered version's",
            )
        )
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, text in rows:
        table.add_row(Text(label, style="dim"), Text(text, overflow="fold"))
    Console().print(table)
