"""`sql-ft versions`: what is registered, since when, with which gain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.options import ConfigOption, SetOption
from flows.registry_access import JsonOption, open_registry, print_json
from sql_ft.config import load_config

if TYPE_CHECKING:
    from sql_ft.tracking.versions import RegisteredVersion


def versions(
    config: ConfigOption = None, set_: SetOption = None, json_: JsonOption = False
) -> None:
    """List the registered versions of the adapter, with aliases, gains and verdicts."""
    settings = load_config(config, set_ or ())
    from sql_ft.tracking.store import missing_sqlite_file, without_password

    uri = settings.resolved_tracking_uri
    found: list[RegisteredVersion] = []
    if missing_sqlite_file(uri) is None:
        registry = open_registry(config, set_)
        from sql_ft.tracking.versions import list_versions

        found = list_versions(registry.store, registry.name)
    rows = [_row(version) for version in found]
    if json_:
        print_json(rows)
        return
    name = settings.tracking.registered_model_name
    if not rows:
        from rich.console import Console

        Console().print(f"no versions of {name} in {without_password(uri)}", markup=False)
        return
    _print_table(name, rows)


def _row(version: RegisteredVersion) -> dict[str, Any]:
    from sql_ft.tracking.champion_move import WITHDRAWN_TAG
    from sql_ft.tracking.decision_history import decisions_of, main_decision
    from sql_ft.tracking.history_tables import from_ms

    main = main_decision(decisions_of(version))
    paired = main["metrics"].get("paired", {}) if main and "metrics" in main else {}
    return {
        "version": version.version,
        "aliases": list(version.aliases),
        "created_at": from_ms(version.created_ms).isoformat(timespec="minutes"),
        "adapter_hash": version.adapter_hash,
        "base_model": version.tags.get("base_model", ""),
        "gain": paired.get("difference"),
        "gain_low": paired.get("low"),
        "gain_high": paired.get("high"),
        "against": (main["champion_version"] or main["reference_arm"]) if main else None,
        "decision": ("promote" if main["promote"] else "refuse") if main else None,
        "reason": main["reason"] if main else None,
        "withdrawn": version.tags.get(WITHDRAWN_TAG),
    }


def _print_table(name: str, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=name, box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("version", "registered (UTC)", "aliases", "gain", "against", "decision"):
        table.add_column(column, overflow="fold")
    for row in rows:
        decision = row["reason"] or "not judged"
        if row["withdrawn"]:
            decision = f"withdrawn: {row['withdrawn']}"
        against = row["against"] or ""
        table.add_row(
            row["version"],
            row["created_at"].replace("T", " "),
            Text(", ".join(row["aliases"]), style="bold green"),
            "" if row["gain"] is None else f"{row['gain']:+.3f}",
            f"v{against}" if against.isdigit() else against,
            Text(decision),
        )
    console = Console()
    console.print(table)
    console.print("Why: sql-ft show VERSION", style="dim")
