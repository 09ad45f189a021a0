"""Decisions, written where the reviewer looks; and the one way to move `champion`.

The order makes a crash harmless: record, then `previous`, then `champion` as the last
act. Whatever happens between them, the old champion is still the champion, the record
says what was decided, and running it again completes it.
"""

from __future__ import annotations

import datetime
import json
import logging
from contextlib import AbstractContextManager
from typing import Any, Literal

from sql_ft.errors import ChampionChangedError
from sql_ft.records import Decision, content_hash
from sql_ft.tracking import registry
from sql_ft.tracking.registry import CHAMPION, PREVIOUS, RegisteredVersion
from sql_ft.tracking.runs import REPORT_FILE, attach_run
from sql_ft.tracking.store import Store, tracking_errors

logger = logging.getLogger(__name__)

DECISIONS_TAG = "decisions"
Action = Literal["gate", "manual", "rollback"]

# MLflow's databases hold descriptions of 5,000 characters and tags of 100,000.
_MAX_DESCRIPTION_CHARS = 5000
_MAX_TAG_CHARS = 90_000
_MAX_LISTED = 50


def record_decision(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    run_id: str,
    action: Action = "gate",
    lock: AbstractContextManager[Any] | None = None,
) -> str:
    """Write a decision to the version (tags, description) and to the run (``decision.json``).

    The same decision recorded again changes nothing.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: The candidate it is about.
        decision: As the gate made it; a refusal is recorded like a promotion.
        run_id: Run that evaluated it.
        action: ``gate``, or who else decided.
        lock: As in `set_champion`.

    Returns:
        The decision's id (16 hex digits).

    Raises:
        TrackingError: The store does not answer or refused.
    """
    with lock or store.lock(champion_lock_name(name)):
        return _record(store, name, version, decision, run_id, action)


def _record(
    store: Store, name: str, version: str, decision: Decision, run_id: str, action: Action
) -> str:
    values = decision.to_dict()
    decision_id = content_hash([values, run_id, action])[:16]
    current = registry.get_version(store, name, version)
    history = decisions_of(current)
    if any(entry["id"] == decision_id for entry in history):
        return decision_id
    entry = {
        "id": decision_id,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "action": action,
        "promote": decision.promote,
        "reason": decision.reason,
        "reference_arm": decision.reference_arm,
        "champion_version": decision.champion_version,
        "evaluation_set_hash": decision.evaluation_set_hash,
        "evaluator_hash": decision.evaluator_hash,
        "run_id": run_id,
        "checks": values["checks"],
    }
    # The run first: what the version's page points to must exist.
    record = {**values, "id": decision_id, "at": entry["at"], "action": action, "version": version}
    run = attach_run(store, run_id)
    entry["report"] = run.artifact_page(REPORT_FILE)
    run.log_json(record, f"decisions/version-{version}-{decision_id}.json")
    run.log_json(record, "decision.json")
    history.append(entry)
    with tracking_errors(f"cannot describe version {version} of {name!r}", store):
        store.client().update_model_version(name, version, describe(current, history))
    main = _main(history)
    registry.set_version_tags(
        store,
        name,
        version,
        {
            "decision": "promote" if main["promote"] else "refuse",
            "decision_reason": main["reason"],
            "decision_run_id": main["run_id"],
            "evaluation_set_hash": main["evaluation_set_hash"],
            "evaluator_hash": main["evaluator_hash"],
            # Last: an entry here says that everything else has been written.
            DECISIONS_TAG: _fit(history),
        },
    )
    return decision_id


def set_champion(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    *,
    expected_champion: str | None,
    run_id: str,
    action: Action = "gate",
    lock: AbstractContextManager[Any] | None = None,
) -> bool:
    """Make a version the champion if the champion is still the one it was judged against.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        version: The new champion.
        decision: Why; `Decision.promote` must be True.
        expected_champion: Version that was champion when deciding; None if there was none.
        run_id: Run that evaluated it.
        action: ``gate``, ``manual`` or ``rollback``.
        lock: Held while the champion is read and moved; by default one among the
            processes of this host.

    Returns:
        True if the alias moved, False if `version` already was the champion.

    Raises:
        ChampionChangedError: Another version has become champion meanwhile; nothing was
            written.
        TrackingError: The store does not answer or refused.
    """
    if not decision.promote:
        raise ValueError(f"a refusal cannot move the champion: {decision.reason}")
    client = store.client()
    with lock or store.lock(champion_lock_name(name)):
        champion = registry.get_alias(store, name, CHAMPION)
        current = champion.version if champion else None
        if current == version:
            _record(store, name, version, decision, run_id, action)
            return False
        if current != expected_champion:
            raise ChampionChangedError(
                f"the champion of {name!r} is now {_named(current)}; version {version} was "
                f"judged against {_named(expected_champion)}",
                expected="evaluate again against the present champion",
            )
        _record(store, name, version, decision, run_id, action)
        if current is not None:
            registry.set_version_tags(store, name, version, {"replaces": current})
            registry.set_alias(store, name, PREVIOUS, current)
        with tracking_errors(f"cannot move the champion of {name!r} to {version}", store):
            client.set_registered_model_alias(name, CHAMPION, version)
    logger.info("version %s of %s is the champion (was %s)", version, name, _named(current))
    return True


def champion_lock_name(name: str) -> str:
    """Name of the lock that every move of the champion holds."""
    return f"champion-{name}"


def decisions_of(version: RegisteredVersion) -> list[dict[str, Any]]:
    """Every decision about a version, oldest first, as `record_decision` stored them."""
    return list(json.loads(version.tags.get(DECISIONS_TAG, "[]")))


def describe(version: RegisteredVersion, history: list[dict[str, Any]]) -> str:
    """Markdown for the version's page: what was decided, why, and by which checks.

    A later refusal (the same adapter trained again, say) never hides the promotion.
    """
    tags = version.tags
    lines = [
        f"LoRA adapter `{version.adapter_hash[:12]}` on **{tags.get('base_model', '?')}** "
        f"at `{tags.get('base_revision', '?')[:12]}`, trained on dataset "
        f"`{tags.get('dataset_digest', '?')[:12]}` (config `{tags.get('config_hash', '?')[:12]}`)."
    ]
    if history:
        main = _main(history)
        verdict = "Promoted" if main["promote"] else "Not promoted"
        against = (
            f"version {main['champion_version']}" if main["champion_version"] else "the base model"
        )
        lines += [
            f"\n### {verdict}: {main['reason'].removeprefix('promoted: ')}",
            f"\n{main['at']} · {main['action']} · against {against} · run `{main['run_id']}` "
            f"(`decisions/version-{version.version}-{main['id']}.json`) · evaluation set "
            f"`{main['evaluation_set_hash'][:12]}`\n",
        ]
        if main.get("report"):  # decisions recorded by earlier releases have none
            lines.append(f"**[Report: slices, flipped questions, cost]({main['report']})**\n")
        lines += _check_table(main["checks"])
        others = [entry for entry in reversed(history) if entry is not main]
        if others:
            lines.append("\n#### Other decisions\n")
        lines += [
            f"- {entry['at']} {'promote' if entry['promote'] else 'refuse'}: {entry['reason']}"
            for entry in others
        ]
    else:
        lines.append("\nNot decided yet.")
    return _clip("\n".join(lines))


def _main(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The decision that explains a version: its last promotion, else the last refusal."""
    promotions = [entry for entry in history if entry["promote"]]
    return (promotions or history)[-1]


def _check_table(checks: list[dict[str, Any]]) -> list[str]:
    if not checks:
        return []
    rows = ["| | check | finding |", "|---|---|---|"]
    for check in checks:
        numbers = f"{_short(check['value'])} (threshold {_short(check['threshold'])})"
        mark = "✓" if check["passed"] else "**✗**"
        cells = (mark, check["name"].replace("_", " "), check.get("detail") or numbers)
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return rows


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _clip(text: str) -> str:
    """Cut at a line end, so that no table row is torn."""
    if len(text) <= _MAX_DESCRIPTION_CHARS:
        return text
    end = text.rfind("\n", 0, _MAX_DESCRIPTION_CHARS - 4)
    return text[: max(end, 0)] + "\n…"


def _fit(history: list[dict[str, Any]]) -> str:
    """JSON of the newest decisions that fit a tag; a promotion is never dropped."""
    kept = [e for e in history[:-_MAX_LISTED] if e["promote"]] + history[-_MAX_LISTED:]
    text = json.dumps(kept, ensure_ascii=False)
    while len(text) > _MAX_TAG_CHARS and len(kept) > 1:
        refused = next((i for i, e in enumerate(kept[:-1]) if not e["promote"]), 0)
        kept.pop(refused)
        text = json.dumps(kept, ensure_ascii=False)
    return text


def _named(version: str | None) -> str:
    return "nothing" if version is None else f"version {version}"
