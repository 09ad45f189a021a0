"""`sql-ft prune`: what the retention policy removes, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import ConfigOption, SetOption, VerboseOption
from flows.registry_access import JsonOption, open_registry, print_json
from sql_ft.errors import ConfigError


def prune(
    config: ConfigOption = None,
    set_: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List it and remove nothing.")] = False,
    json_: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Remove old caches, checkpoints and reports as the settings in `retention` say.

    Never a registered version, a decision, a manifest or a frozen question, nor what the last
    runs used or a champion needs.
    """
    access = open_registry(config, set_, verbose=verbose)
    from sql_ft.evaluation.report_labels import format_bytes
    from sql_ft.retention.prune import plan_pruning, prune_state

    found = (
        plan_pruning(access.store, access.config)
        if dry_run
        else prune_state(access.store, access.config)
    )
    if found is None:
        raise ConfigError(
            f"a run uses {access.config.state_path}; nothing was removed",
            setting="state_dir",
            expected="no run at work; a run prunes at its own end (retention.after_run)",
        )
    if json_:
        print_json(
            {
                "dry_run": dry_run,
                "freed_bytes": found.freed_bytes,
                "cache_bytes": found.plan.cache_bytes,
                "removals": [
                    {
                        "path": removal.item.path,
                        "kind": removal.item.kind.value,
                        "size_bytes": removal.item.size_bytes,
                        "reason": removal.reason,
                    }
                    for removal in found.removals
                ],
            }
        )
        return
    for removal in found.removals:
        size = format_bytes(removal.item.size_bytes)
        print(f"{size:>12}  {removal.item.path}  ({removal.item.kind.value}: {removal.reason})")
    verb = "would free" if dry_run else "freed"
    print(
        f"{verb} {format_bytes(found.freed_bytes)} in {len(found.removals)} items; caches keep "
        f"{format_bytes(found.plan.cache_bytes)} of {access.config.retention.cache_max_gb:g} GB"
    )
