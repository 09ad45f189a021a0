"""`sql-ft show VERSION`: what it is, whether it is live, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.options import ConfigOption, SetOption
from flows.registry_access import JsonOption, VersionArgument, open_registry, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from sql_ft.tracking.decision_history import Entry
    from sql_ft.tracking.version_story import VersionStory


def show(
    version: VersionArgument,
    config: ConfigOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Show why a version is, or is not, live: decision, checks, run, report."""
    registry = open_registry(config, set_)
    from sql_ft.tracking.version_story import explain_version

    story = explain_version(registry.store, registry.name, version)
    if json_:
        print_json(story.to_dict())
        return
    _print_story(story)


def _print_story(story: VersionStory) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    version = story.version
    title = Text(f"{version.name} version {version.version}", style="bold")
    if version.aliases:
        title.append(f"  {', '.join(version.aliases)}", style="bold green")
    console.print(title)
    if story.warning:
        console.print(Text(f"! {story.warning}", style="bold red"))
    console.print(_facts(story))
    if story.decision is not None and story.decision["checks"]:
        console.print(_checks(story.decision))
    others = [entry for entry in reversed(story.decisions) if entry is not story.decision]
    if others:
        console.print(Text("\nOther decisions", style="italic"))
        for entry in others:
            console.print(Text(f"  {_when(entry)}  {_word(entry)}: {entry['reason']}"))
    console.print()
    for line in _next_steps(story):
        console.print(Text(line, style="dim"))


def _facts(story: VersionStory) -> Table:
    from rich.table import Table
    from rich.text import Text

    from sql_ft.tracking.decision_history import shown_time
    from sql_ft.tracking.history_tables import from_ms

    version, decision, tags = story.version, story.decision, story.version.tags
    facts = [("state", story.state)]
    if story.champion and story.champion != version.version:
        facts.append(("live now", f"version {story.champion}"))
    if decision is not None:
        against = decision["champion_version"]
        facts += [
            ("why", f"{_word(decision)}: {decision['reason'].removeprefix('promoted: ')}"),
            ("decided", f"{_when(decision)} by {_who(decision)}"),
            ("against", f"version {against}" if against else f"the {decision['reference_arm']}"),
        ]
    if story.replaced:
        facts.append(("replaced", f"version {story.replaced}"))
    facts += [
        ("registered", f"{from_ms(version.created_ms):%Y-%m-%d %H:%M} UTC"),
        ("adapter", version.adapter_hash[:12]),
        ("base model", f"{tags.get('base_model', '?')} at {tags.get('base_revision', '?')[:12]}"),
        ("dataset", tags.get("dataset_digest", "?")[:12]),
        ("evaluation set", tags.get("evaluation_set_hash", "?")[:12]),
        ("config", tags.get("config_hash", "?")[:12]),
        ("trained in run", version.run_id),
    ]
    if decision is not None and decision["run_id"] != version.run_id:
        facts.append(("decided in run", decision["run_id"]))
    facts += [
        (
            "scored",
            f"{score.execution_accuracy:.3f} on {score.n_scored} questions of "
            f"{score.benchmark or f'set {score.evaluation_set_hash[:12]}'} "
            f"({shown_time(score.at)})",
        )
        for score in story.scores
    ]
    if story.report:
        facts.append(("report", story.report))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in facts:
        table.add_row(Text(label), Text(text))
    return table


def _checks(decision: Entry) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("", "check", "finding"):
        table.add_column(column, overflow="fold")
    for check in decision["checks"]:
        mark = Text("✓", style="green") if check["passed"] else Text("✗", style="bold red")
        finding = check.get("detail") or f"{check['value']} (threshold {check['threshold']})"
        table.add_row(mark, check["name"].replace("_", " "), Text(finding))
    return table


def _next_steps(story: VersionStory) -> list[str]:
    number, champion, previous = story.version.version, story.champion, story.previous
    steps = []
    if number == champion and story.replaced:
        steps.append(f"what flipped:  sql-ft diff {story.replaced} {number}")
    elif champion and number != champion:
        steps.append(f"what flipped:  sql-ft diff {champion} {number}")
    if number == champion and previous and previous != number:
        steps.append(f'go back to {previous}:  sql-ft rollback --reason "…"')
    if number != champion:
        steps.append(f'make it live:  sql-ft promote {number} --reason "…"')
    return steps


def _word(entry: Entry) -> str:
    if entry.get("interrupted"):
        return "interrupted"
    if entry["action"] == "withdrawal":
        return "withdrawn"
    return "promoted" if entry["promote"] else "refused"


def _who(entry: Entry) -> str:
    who = {"gate": "the gate", "manual": "hand", "rollback": "a rollback"}
    action = str(entry["action"])
    by = f" ({entry['by']})" if entry.get("by") and action != "gate" else ""
    return who.get(action, action) + by


def _when(entry: Entry) -> str:
    from sql_ft.tracking.decision_history import shown_time

    count = entry.get("count", 1)
    again = f" (found {count} times, last {shown_time(entry['last_at'])})" if count > 1 else ""
    return f"{shown_time(entry['at'])}{again}"
