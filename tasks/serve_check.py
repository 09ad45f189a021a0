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
from tasks.promote import refuse


@task(name="check-served", timeout_seconds=1800)
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
    from sql_ft.tracking.fresh_process import end_kept_process

    logger = get_run_logger()
    version = candidate["version"]
    uri = f"models:/{config.tracking.registered_model_name}/{version}"
    check = _ask(config, dataset, answers, version, uri)
    logger.info("%s", check.detail)
    if config.promotion.require_approval or not check.passed:
        end_kept_process()
    return _with(Decision.from_dict(decision), check).to_dict()


@task(name="check-champion", timeout_seconds=1800)
def check_champion(
    config: RunConfig,
    run_id: str,
    dataset: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    decision: dict[str, Any],
    candidate: dict[str, Any],
) -> dict[str, Any]:
    """Load ``@champion`` after it moved; if it answers otherwise, withdraw it.

    Returns:
        The decision that holds now: the same, or a refusal that the registry records.
    """
    from sql_ft.tracking.fresh_process import end_kept_process
    from sql_ft.tracking.store import prepare_store
    from sql_ft.tracking.withdrawal import withdraw_champion
    from tasks.registry_lock import champion_lock

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
    refused = _with(Decision.from_dict(decision), check)
    logger.error("%s", refused.reason)
    withdraw_champion(
        store,
        name,
        version,
        refused,
        run_id=run_id,
        experiment=config.tracking.experiment,
        lock=champion_lock(config, store),
    )
    return refused.to_dict()


def _with(decision: Decision, check: Check) -> Decision:
    if not check.passed:
        return refuse(decision, check.name, check.detail)
    return dataclasses.replace(decision, checks=(*decision.checks, check))


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
    from sql_ft.tracking.served_check import check_served
    from sql_ft.tracking.store import prepare_store
    from sql_ft.tracking.versions import get_version

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
