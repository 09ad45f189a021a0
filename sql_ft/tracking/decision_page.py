"""What the registry's pages say: a version's description, and the registered model's.

Both are derived from tags and aliases, which are the record; they can be written again at
any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sql_ft.tracking.decision_history import Entry, decisions_of, main_decision, shown_time
from sql_ft.tracking.scores import scores_of
from sql_ft.tracking.versions import CHAMPION, PREVIOUS, RegisteredModel, RegisteredVersion

# MLflow's databases hold descriptions of 5,000 characters.
_MAX_DESCRIPTION_CHARS = 5000
_MAX_MOVES = 12
_MAX_REASON_CHARS = 240


def describe(version: RegisteredVersion, history: list[Entry]) -> str:
    """Markdown for the version's page: what was decided, why, and by which checks.

    A later refusal (the same adapter trained again, say) never hides the promotion.
    """
    tags = version.tags
    lines = [
        f"LoRA adapter `{version.adapter_hash[:12]}` on **{tags.get('base_model', '?')}** "
        f"at `{tags.get('base_revision', '?')[:12]}`, trained on dataset "
        f"`{tags.get('dataset_digest', '?')[:12]}` (config `{tags.get('config_hash', '?')[:12]}`)."
    ]
    main = main_decision(history)
    if main is None:
        lines += ["\nNot decided yet.", *_benchmarks(version)]
        return _clip("\n".join(lines))
    if tags.get("withdrawn"):
        lines.append(f"\n**Withdrawn by a rollback:** {tags['withdrawn']}")
    verdict = "Promoted" if main["promote"] else "Not promoted"
    if main.get("interrupted"):
        verdict = "Promotion interrupted before the alias moved"
    against = (
        f"version {main['champion_version']}" if main["champion_version"] else "the base model"
    )
    lines += [
        f"\n### {verdict}: {main['reason'].removeprefix('promoted: ')}",
        f"\n{_when(main)} · {main['action']}{_by(main)} · against {against} · "
        f"run `{main['run_id']}` (`decisions/version-{version.version}-{main['id']}.json`) · "
        f"evaluation set `{main['evaluation_set_hash'][:12]}`\n",
    ]
    if main.get("report"):
        lines.append(f"**[Report: slices, flipped questions, cost]({main['report']})**\n")
    lines += check_table(main["checks"])
    lines += _benchmarks(version)
    others = [entry for entry in reversed(history) if entry is not main]
    if others:
        lines.append("\n#### Other decisions\n")
    lines += [f"- {_when(entry)} {_word(entry)}: {entry['reason']}" for entry in others]
    return _clip("\n".join(lines))


def _benchmarks(version: RegisteredVersion) -> list[str]:
    """Markdown rows of the published questions that a version has answered."""
    scores = [score for score in scores_of(version) if score.benchmark]
    if not scores:
        return []
    rows = ["\n#### Benchmarks\n", "| questions | execution accuracy | scored | when (UTC) | run |"]
    rows.append("|---|---|---|---|---|")
    for score in reversed(scores):
        cells = (
            score.benchmark,
            f"{score.execution_accuracy:.3f}",
            str(score.n_scored),
            shown_time(score.at),
            f"`{score.run_id}`",
        )
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return rows


def describe_model(model: RegisteredModel, versions: Sequence[RegisteredVersion]) -> str:
    """Markdown for the model's page: what is live, why, and how to go back."""
    by_number = {version.version: version for version in versions}
    live, before = model.aliases.get(CHAMPION), model.aliases.get(PREVIOUS)
    moves = champion_moves(versions)
    if live is None:
        lines = ["**Nothing is live:** no version has passed the gate yet."]
    else:
        last = next((m for m in reversed(moves) if m["version"] == live), None)
        why = (
            f" {shown_time(last['at'])}, {last['action']}: {_short(last['reason'])}" if last else ""
        )
        lines = [f"**Live: version {live}** (alias `champion`).{why}"]
        if before and before in by_number:
            lines += [
                f"\nBefore: version {before} (alias `previous`). What it answered and version "
                f"{live} does not: `sql-ft diff {before} {live}`.",
            ]
            withdrawn = by_number[before].tags.get("withdrawn")
            if withdrawn:
                lines.append(f"Version {before} was withdrawn: {_short(withdrawn)}")
            else:
                lines.append('Go back: `sql-ft rollback --reason "…"`.')
        lines.append(f"\nWhy: `sql-ft show {live}`.")
    if moves:
        lines += ["\n| when (UTC) | champion | by | why |", "|---|---|---|---|"]
        for move in reversed(moves[-_MAX_MOVES:]):
            step = f"{move['champion_version'] or 'none'} → {move['version']}"
            cells = (
                shown_time(move["at"]),
                step,
                f"{move['action']}{_by(move)}",
                _short(move["reason"]),
            )
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return _clip("\n".join(lines))


def champion_moves(versions: Sequence[RegisteredVersion]) -> list[dict[str, Any]]:
    """Every decision that made a version the champion, oldest first, with its ``version``."""
    moves = [
        {**entry, "version": version.version}
        for version in versions
        for entry in decisions_of(version)
        # Entries of older versions of this code say nothing about moving.
        if entry["promote"] and entry.get("moved", True) and not entry.get("interrupted")
    ]
    return sorted(moves, key=lambda move: (move["at"], int(move["version"])))


def _word(entry: Entry) -> str:
    if entry.get("interrupted"):
        return "promotion interrupted"
    if entry["action"] == "withdrawal":
        return "withdrawn"
    return "promote" if entry["promote"] else "refuse"


def _when(entry: Entry) -> str:
    count = entry.get("count", 1)
    again = (
        f" (and {count - 1} times more, last {shown_time(entry['last_at'])})" if count > 1 else ""
    )
    return f"{shown_time(entry['at'])}{again}"


def _by(entry: Entry) -> str:
    by = entry.get("by")
    return f" by {by}" if by and entry["action"] != "gate" else ""


def check_table(checks: list[dict[str, Any]]) -> list[str]:
    """Markdown rows of a decision's checks: mark, name, finding."""
    if not checks:
        return []
    rows = ["| | check | finding |", "|---|---|---|"]
    for check in checks:
        numbers = f"{_number(check['value'])} (threshold {_number(check['threshold'])})"
        mark = "✓" if check["passed"] else "**✗**"
        cells = (mark, check["name"].replace("_", " "), check.get("detail") or numbers)
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return rows


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    text = text.removeprefix("promoted: ")
    return text if len(text) <= _MAX_REASON_CHARS else text[: _MAX_REASON_CHARS - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _clip(text: str) -> str:
    """Cut at a line end, so that no table row is torn."""
    if len(text) <= _MAX_DESCRIPTION_CHARS:
        return text
    end = text.rfind("\n", 0, _MAX_DESCRIPTION_CHARS - 4)
    return text[: max(end, 0)] + "\n…"
