"""Why a version is, or is not, what is served: everything the registry says about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sql_ft.tracking.champion_move import WITHDRAWN_TAG, last_move
from sql_ft.tracking.decision_history import Entry, decisions_of, main_decision, shown_time
from sql_ft.tracking.decision_page import champion_moves
from sql_ft.tracking.history_tables import from_ms
from sql_ft.tracking.scores import Score, scores_of
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import (
    CHAMPION,
    PREVIOUS,
    RegisteredVersion,
    find_version,
    list_versions,
    read_model,
)


@dataclasses.dataclass(frozen=True, slots=True)
class VersionStory:
    """One version, explained.

    Attributes:
        version: As the registry holds it.
        state: One line: live since when, replaced by what, withdrawn, refused, not judged.
        champion: Version that is live; empty if none is.
        previous: Version of alias `previous`; empty if there is none.
        decision: The decision that explains the version; None if it was never judged.
        decisions: All of them, oldest first.
        scores: Evaluations that `sql-ft diff` can use.
        replaced: The champion that it replaced when it became champion last; empty if none.
        report: The report page: a path, or an artifact's URI; empty if there is none.
        warning: What does not fit together, e.g. a promotion that was interrupted.
    """

    version: RegisteredVersion
    state: str
    champion: str
    previous: str
    decision: Entry | None
    decisions: list[Entry]
    scores: list[Score]
    replaced: str
    report: str
    warning: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary."""
        return {
            "name": self.version.name,
            "version": self.version.version,
            "aliases": list(self.version.aliases),
            "state": self.state,
            "warning": self.warning,
            "champion": self.champion,
            "previous": self.previous,
            "replaced": self.replaced,
            "created_at": from_ms(self.version.created_ms).isoformat(timespec="seconds"),
            "adapter_hash": self.version.adapter_hash,
            "run_id": self.version.run_id,
            "report": self.report,
            "decision": self.decision,
            "decisions": self.decisions,
            "scores": [dataclasses.asdict(score) for score in self.scores],
            "tags": self.version.tags,
        }


def explain_version(store: Store, name: str, reference: str) -> VersionStory:
    """Gather what a reviewer asks about one version.

    Args:
        store: From `prepare_store`.
        name: Registered model.
        reference: Version number or alias.

    Raises:
        TrackingError: No such model, version or alias, or the store does not answer.
    """
    version = find_version(store, name, reference)
    model = read_model(store, name)
    moves = champion_moves(list_versions(store, name))
    aliases = model.aliases if model else {}
    champion, previous = aliases.get(CHAMPION, ""), aliases.get(PREVIOUS, "")
    decisions = decisions_of(version)
    decision = main_decision(decisions)
    made = [move for move in moves if move["version"] == version.version]
    return VersionStory(
        version=version,
        state=_state(version, champion, decision, moves),
        champion=champion,
        previous=previous,
        decision=decision,
        decisions=decisions,
        scores=scores_of(version),
        replaced=made[-1]["champion_version"] if made else "",
        report=_find_report(store, decision["run_id"] if decision else version.run_id)
        or _find_report(store, version.run_id),
        warning=_warning(last_move(model), champion, version),
    )


def _state(
    version: RegisteredVersion,
    champion: str,
    decision: Entry | None,
    moves: list[dict[str, Any]],
) -> str:
    number = version.version
    made = [i for i, move in enumerate(moves) if move["version"] == number]
    if number == champion:
        return f"live since {shown_time(moves[made[-1]]['at'])}" if made else "live"
    if WITHDRAWN_TAG in version.tags:
        return f"withdrawn by a rollback: {version.tags[WITHDRAWN_TAG]}"
    if decision is None:
        return "not judged yet"
    if decision.get("interrupted"):
        return "not live: its promotion was interrupted before the champion moved"
    if made:
        after = moves[made[-1] + 1 :]
        if after:
            until = shown_time(after[0]["at"])
            return f"was live until {until}, replaced by version {after[0]['version']}"
        return "not live, although it was promoted last"
    return "not promoted"


def _warning(move: dict[str, Any] | None, champion: str, version: RegisteredVersion) -> str:
    if move is None or version.version not in (move["to"], champion):
        return ""
    if move["state"] == "intended" and champion != move["to"]:
        return (
            f"moving the champion to version {move['to']} was begun at "
            f"{shown_time(move['at'])} and has not ended: version {champion or 'none'} is live. "
            "If no run is at work, run again"
        )
    if move["state"] == "done" and champion != move["to"]:
        return (
            f"the alias 'champion' was moved by something else than sql-ft: the record says "
            f"version {move['to']}, the alias version {champion or 'none'}"
        )
    return ""


def _find_report(store: Store, run_id: str) -> str:
    """The newest HTML page under ``report/`` of a run; empty if there is none, or no run."""
    from sql_ft.errors import TrackingError

    if not run_id:
        return ""
    client = store.client()
    try:
        with tracking_errors(f"cannot list the artifacts of run {run_id}", store):
            files = [f.path for f in client.list_artifacts(run_id, "report")]
            root = str(client.get_run(run_id).info.artifact_uri)
    except TrackingError:
        # The run may have been deleted; the version explains itself without it.
        return ""
    pages = sorted(path for path in files if path.endswith(".html"))
    if not pages:
        return ""
    parts = urlsplit(root)
    if parts.scheme in ("", "file"):
        return str(Path(unquote(parts.path), pages[-1]))
    return f"runs:/{run_id}/{pages[-1]}"
