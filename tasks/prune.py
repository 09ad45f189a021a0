"""Prune at the end of a run, by the `retention` settings."""

from __future__ import annotations

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.errors import SqlFtError


@task(name="prune", timeout_seconds=1800)
def prune_after_run(config: RunConfig) -> None:
    """Remove what the policy says; the outcome of the run does not depend on it.

    Called when the run has let go of `state_dir`. Another run that uses it prunes later.
    """
    from sql_ft.retention.prune import prune_state
    from sql_ft.tracking.store import prepare_store

    logger = get_run_logger()
    if not config.retention.after_run:
        return
    try:
        store = prepare_store(config.resolved_tracking_uri, config.state_path)
        pruned = prune_state(store, config)
    except (SqlFtError, OSError) as error:
        logger.warning("not pruned: %s", error)
        return
    if pruned is None:
        logger.info("not pruned: another run uses %s", config.state_path)
    elif pruned.removals:
        logger.info(
            "pruned %d items, %.1f MB; caches hold %.1f MB",
            len(pruned.removals),
            pruned.freed_bytes / 1e6,
            pruned.plan.cache_bytes / 1e6,
        )
