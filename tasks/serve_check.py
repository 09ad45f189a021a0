"""Before the champion moves, and after: what would be served answers as judged."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.records import Check, Decision, Sample, read_jsonl
from tasks.evaluate import CANDIDATE


@task(name="check-served", tags=["promote", "registry"], timeout_seconds=1800)
def check_served(
    config: RunConfig,
    dataset: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    decision: dict[str, Any],
    candidate: dict[str, Any],
) -> dict[str, Any]:
    """Load the version that is about to be promoted as a server would, and let it answer.

    Returns:
        The decision with one check more; a refusal if an answer differs from the judged one.
    """
    logger = get_run_logger()
    version = candidate["version"]
    uri = f"models:/{config.tracking.registered_model_name}/{version}"
    check = _ask(config, dataset, answers, version, uri)
    logger.info("%s", check.detail)
    return add_check(Decision.from_dict(decision), check).to_dict()


@task(name="check-champion", tags=["promote", "registry"], timeout_seconds=1800)
def check_champion(
    config: RunConfig,
    run_id: str,
    dataset: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    decision: dict[str, Any],
    candidate: dict[str, Any],
    champion: dict[str, Any] | None,
) -> dict[str, Any]:
    """Load ``@champion`` after it moved; if it answers otherwise, give the alias back.

    Returns:
        The decision that holds now: the same, or a recorded refusal.
    """
    from sql_ft.tracking.fresh_process import end_kept_process
    from sql_ft.tracking.promotion import withdraw_champion
    from sql_ft.tracking.store import prepare_store

    logger = get_run_logger()
    name, version = config.tracking.registered_model_name, candidate["version"]
    try:
        check = _ask(config, dataset, answers, version, f"models:/{name}@champion")
    finally:
        end_kept_process()
    if check.passed:
        logger.info("%s", check.detail)
        return decision
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    refused = add_check(Decision.from_dict(decision), check)
    before = champion["version"] if champion else None
    withdraw_champion(store, name, version, refused, give_back_to=before, run_id=run_id)
    logger.error("%s", refused.reason)
    return refused.to_dict()


def add_check(decision: Decision, check: Check) -> Decision:
    """The decision with one check more; not promoted if that failed."""
    checks = (*decision.checks, check)
    if check.passed:
        return dataclasses.replace(decision, checks=checks)
    live = f"kept v{decision.champion_version}" if decision.champion_version else "not promoted"
    return dataclasses.replace(
        decision, promote=False, reason=f"{live}: {check.detail}", checks=checks
    )


def _ask(
    config: RunConfig,
    dataset: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    version: str,
    uri: str,
) -> Check:
    from sql_ft.evaluation.examples import EXAMPLES
    from sql_ft.generation.prediction_cache import read_predictions
    from sql_ft.tracking.fresh_process import kept_process
    from sql_ft.tracking.registry import get_version
    from sql_ft.tracking.served_check import check_served
    from sql_ft.tracking.store import prepare_store

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    registered = get_version(store, config.tracking.registered_model_name, version)
    kept = read_predictions(Path(answers[CANDIDATE]["path"]))
    if kept is None:
        raise FileNotFoundError(answers[CANDIDATE]["path"])
    samples = [*read_jsonl(Path(dataset["eval_path"]), Sample), *EXAMPLES]
    return check_served(
        kept_process(store, registered.adapter_hash),
        uri,
        registered,
        kept[0],
        {sample.id: sample for sample in samples},
        batch_size=config.generation.batch_size,
    )
