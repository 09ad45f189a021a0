"""The flow behind `sql-ft score`: registered versions on the configuration's evaluation set."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.errors import TrackingError
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from tasks.evaluate import (
    CANDIDATE,
    build_evaluation_set,
    evaluation_set_key,
    fetch_adapter,
    generate_predictions,
    score_predictions,
)
from tasks.sample import resolve_base, sample_dataset, sample_key
from tasks.scores import record_scores
from tasks.stage_state import is_complete


@flow(name="score", log_prints=False)
def score(config: RunConfig, versions: list[str]) -> dict[str, str]:
    """Let versions answer the evaluation set, judge the answers, keep the verdicts.

    No decision is made, and no alias moves. What is cached is not computed again.

    Args:
        config: Names data, evaluation settings and registry.
        versions: Numbers or aliases.

    Returns:
        Version number → path of its verdicts.
    """
    logger = get_run_logger()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with start_run(
        store,
        config.tracking.experiment,
        name=f"score {', '.join(versions)}",
        tags={"sql_ft.action": "score", "sql_ft.config_hash": config.hash},
    ) as run:
        base = resolve_base(config)
        key = sample_key(config, base)
        dataset = sample_dataset.with_options(
            refresh_cache=not is_complete(config, "datasets", key)
        )(config, base, cache_key=key)
        key = evaluation_set_key(config, dataset)
        evaluation_set = build_evaluation_set.with_options(
            refresh_cache=not is_complete(config, "evaluation_sets", key)
        )(config, dataset, cache_key=key)
        scored: dict[str, str] = {}
        for reference in versions:
            adapter = fetch_adapter(config, reference)
            if adapter is None:
                raise TrackingError(
                    f"no version has the alias {reference!r}",
                    setting="tracking.registered_model_name",
                    expected="`sql-ft versions` lists them",
                )
            answers = _answers(config, base, dataset, adapter)
            scored[adapter["version"]] = score_predictions(config, evaluation_set, answers)[
                CANDIDATE
            ]
        record_scores(config, run.run_id, dataset, evaluation_set, scored)
        logger.info("scored on set %s: %s", evaluation_set["hash"][:12], ", ".join(scored))
    return scored


def _answers(
    config: RunConfig, base: dict[str, Any], dataset: dict[str, Any], adapter: dict[str, Any]
) -> dict[str, Any]:
    """The version's answers, on the base that it was trained on."""
    if adapter["base_label"] != base["label"]:
        model = config.model.model_copy(update={"name_or_path": adapter["base_label"]})
        config = config.model_copy(update={"model": model})
        base = resolve_base(config)
    answers = generate_predictions(config, base, dataset, adapter, None)
    return {CANDIDATE: answers[CANDIDATE]}


def run_score(config: RunConfig, versions: list[str]) -> dict[str, str]:
    """Run the flow in this process."""
    return score(config, versions)
