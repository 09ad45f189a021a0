"""Writing a decision: to the run first, then to the version's description and tags."""

from __future__ import annotations

from sql_ft.records import Decision
from sql_ft.tracking import provenance
from sql_ft.tracking.decision_history import (
    Action,
    DecisionHistory,
    decision_id,
    main_decision,
    new_entry,
)
from sql_ft.tracking.decision_page import describe
from sql_ft.tracking.runs import REPORT_FILE, attach_run
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import RegisteredVersion, get_version, set_version_tags


def record(
    store: Store,
    name: str,
    version: str,
    decision: Decision,
    run_id: str,
    action: Action,
    *,
    moves: bool,
) -> str:
    """Record a decision; the caller holds the lock. See `promotion.record_decision`."""
    current = get_version(store, name, version)
    history = DecisionHistory.read(current)
    identity = decision_id(decision, run_id, action)
    known = history.find(identity)
    if known is not None:
        if known.pop("interrupted", None):
            write_history(store, name, current, history)
        return identity
    entry = new_entry(decision, run_id, action, by=provenance.user_name())
    # The run first: what the version's page points to must exist.
    record = {
        **decision.to_dict(),
        **{key: entry[key] for key in ("id", "at", "action", "by")},
        "version": version,
    }
    run = attach_run(store, run_id)
    if action == "gate":  # who decides by hand writes no report
        entry["report"] = run.artifact_page(REPORT_FILE)
    run.log_json(record, f"decisions/version-{version}-{identity}.json")
    run.log_json(record, "decision.json")
    history.add(entry, moves=moves)
    write_history(store, name, current, history)
    return identity


def write_history(
    store: Store, name: str, version: RegisteredVersion, history: DecisionHistory
) -> None:
    """Write description and tags of a version from its decisions; the list itself last."""
    entries = history.all()
    main = main_decision(entries)
    if main is None:
        raise ValueError(f"no decision about version {version.version} of {name!r}")
    with tracking_errors(f"cannot describe version {version.version} of {name!r}", store):
        store.client().update_model_version(name, version.version, describe(version, entries))
    set_version_tags(
        store,
        name,
        version.version,
        {
            "decision": "promote" if main["promote"] else "refuse",
            "decision_reason": main["reason"],
            "decision_run_id": main["run_id"],
            "evaluation_set_hash": main["evaluation_set_hash"],
            "evaluator_hash": main["evaluator_hash"],
            # Last: an entry here says that everything else has been written.
            **history.to_tags(),
        },
    )
