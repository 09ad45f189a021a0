"""Runs whose process died: close them, or find the one to continue.

huggingface/transformers#30563 asks for the second.
"""

from __future__ import annotations

import logging
from typing import Any

from sql_ft.tracking import provenance
from sql_ft.tracking.store import Store, tracking_errors

logger = logging.getLogger(__name__)

KEY_TAG = "sql_ft.run_key"
ERROR_TAG = "error"


def mark_stale_runs(store: Store, experiment: str) -> list[str]:
    """Mark KILLED what processes of this host left RUNNING when they died.

    A process is recognised by its id and start time. Runs of other hosts are left alone:
    nothing here can tell whether they are alive.

    Returns:
        Ids of the marked runs.
    """
    client = store.client()
    experiment_id = store.experiment_id(experiment)
    marked: list[str] = []
    with tracking_errors("cannot look for interrupted runs", store):
        for run in _search(client, experiment_id, "attributes.status = 'RUNNING'"):
            if provenance.owner_is_dead(run.data.tags):
                run_id = str(run.info.run_id)
                owner = run.data.tags.get(provenance.PID_TAG)
                client.set_tag(run_id, ERROR_TAG, f"process {owner} died without closing the run")
                client.set_terminated(run_id, status="KILLED")
                marked.append(run_id)
    for run_id in marked:
        logger.info("run %s was left open by a process that died; marked KILLED", run_id)
    return marked


def find_resumable_run(store: Store, experiment: str, key: str) -> str | None:
    """Return the newest KILLED run of this key, if no later run of it has finished.

    The key is as given to `start_run`.
    """
    quoted = key.replace("'", "")
    client = store.client()
    with tracking_errors("cannot look for a run to resume", store):
        runs = _search(client, store.experiment_id(experiment), f"tags.`{KEY_TAG}` = '{quoted}'")
    if runs and runs[0].info.status == "KILLED":
        return str(runs[0].info.run_id)
    return None


def _search(client: Any, experiment_id: str, condition: str) -> list[Any]:
    """All matching runs, newest first."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id],
            filter_string=condition,
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        found.extend(page)
        token = page.token
        if not token:
            return found
