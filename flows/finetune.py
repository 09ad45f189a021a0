"""The flow: sample → train → register → evaluate → promote.

Sequence and parameters only; every step is a task over one library call.
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.approval import ask_for_approval, check_approval_possible
from flows.interruption import tell_if_interrupted
from flows.parameters import Overrides, run_config
from flows.repetition import begin_run
from sql_ft.config import RunConfig, override_config
from sql_ft.errors import TrackingError
from sql_ft.tracking.fitting import flatten_params
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from tasks.announce import announce_decision, announce_failure
from tasks.evaluate import (
    CANDIDATE,
    CHAMPION,
    build_evaluation_set,
    evaluation_set_key,
    fetch_adapter,
    generate_predictions,
    score_predictions,
)
from tasks.promote import apply_decision, decide
from tasks.prune import prune_after_run
from tasks.register import register_adapter
from tasks.report import publish_report
from tasks.sample import resolve_base, sample_dataset, sample_key
from tasks.scores import record_scores
from tasks.serve_check import check_champion, check_served
from tasks.stage_state import is_complete
from tasks.stage_times import StageClock
from tasks.train import train_adapter, training_key
from tasks.unchanged import find_unchanged, inputs_key, nothing_new, remember_inputs

#: How often a candidate is compared again because another run moved the champion.
MAX_COMPARISONS = 3


def name_run() -> str:
    """Flow-run name with dataset, rows and rank, e.g. ``tiny-bundled-1000-r16``."""
    config = run_config()
    return f"{config.name}-{config.data.source}-{config.data.train_rows}-r{config.train.lora_r}"


@flow(
    name="finetune",
    flow_run_name=name_run,
    log_prints=False,
    on_failure=[announce_failure],
    on_crashed=[announce_failure],
)
def finetune(
    config: RunConfig = RunConfig(), overrides: Overrides = (), force: bool = False
) -> dict[str, Any] | State[Any]:
    """Retrain the adapter, judge it by execution, promote it on evidence.

    Args:
        config: Everything a run needs; see `sql_ft.config`.
        overrides: Single settings over `config`, e.g. `train.lora_r=32`.
        force: Run even if data, settings, code and base are those of a version that exists.

    Returns:
        What happened, JSON-sized: decision, versions, figures of every arm, paths; a
        completed state named `NothingNew` if there was nothing to do.
    """
    if (ended := begin_run()) is not None:
        return ended
    logger = get_run_logger()
    config = override_config(config, overrides)
    check_approval_possible(config)
    inputs = inputs_key(config)
    if not force and (known := find_unchanged(config, inputs)) is not None:
        return nothing_new(config, known)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with start_run(
        store,
        config.tracking.experiment,
        name=name_run(),
        key=config.hash,
        params=flatten_params(config.model_dump(mode="json", exclude={"sweep", "retention"})),
        tags={"sql_ft.config_hash": config.hash, "prefect.flow_run_id": str(flow_run.id or "")},
    ) as run:
        logger.info("MLflow run %s in %s", run.run_id, store.label)
        clock = StageClock()
        base = resolve_base(config)

        key = sample_key(config, base)
        dataset = sample_dataset.with_options(
            refresh_cache=not is_complete(config, "datasets", key)
        )(config, base, cache_key=key)
        clock.lap("sample")

        key = evaluation_set_key(config, dataset)
        evaluation_set = build_evaluation_set.with_options(
            refresh_cache=not is_complete(config, "evaluation_sets", key)
        )(config, dataset, cache_key=key)
        clock.lap("build evaluation set")

        key = training_key(config, base, dataset)
        adapter = train_adapter.with_options(
            refresh_cache=not is_complete(config, "training", key),
            timeout_seconds=config.train.timeout_s + 600,
        )(config, dataset, run.run_id, cache_key=key, register_next=True)
        clock.lap("train")

        version = register_adapter(config, run.run_id, base, dataset, evaluation_set, adapter)
        clock.lap("register")
        outcome = judge_candidate(config, run.run_id, base, dataset, evaluation_set, version, clock)
        outcome.update(
            run_id=run.run_id, base=base, dataset=dataset, adapter=adapter, version=version
        )
        announce_decision(config, outcome)
        outcome["stage_times_s"] = clock.times_s
        outcome["report"] = publish_report(config, run.run_id, outcome)
        remember_inputs(config, version, inputs)
    prune_after_run(config)
    return outcome


def judge_candidate(
    config: RunConfig,
    run_id: str,
    base: dict[str, Any],
    dataset: dict[str, Any],
    evaluation_set: dict[str, Any],
    version: dict[str, Any],
    clock: StageClock,
) -> dict[str, Any]:
    """Evaluate what the registry holds and decide; again if the champion changed meanwhile.

    The gate of every flow that has registered a candidate.
    """
    candidate = fetch_adapter(config, version["version"])
    assert candidate is not None  # a version number always resolves or raises
    for _ in range(MAX_COMPARISONS):
        champion = fetch_adapter(config, "champion")
        answers = generate_predictions(config, base, dataset, candidate, champion)
        clock.lap("generate")
        verdicts = score_predictions(config, evaluation_set, answers)
        clock.lap("score")
        sides = {CANDIDATE: candidate, **({CHAMPION: champion} if champion else {})}
        scored = {adapter["version"]: verdicts[arm] for arm, adapter in sides.items()}
        record_scores(config, run_id, dataset, evaluation_set, scored)
        decided = decide(config, evaluation_set, dataset, answers, verdicts, candidate, champion)
        decision = decided["decision"]
        clock.lap("decide")
        if decision["promote"]:
            decision = check_served(config, dataset, answers, decision, candidate)
        if decision["promote"] and config.promotion.require_approval:
            decision = ask_for_approval(config, decision, candidate)
        applied = apply_decision(config, run_id, decision, candidate, champion)
        clock.lap("promote")
        if applied is not None:
            if applied["promote"]:
                applied = check_champion(config, run_id, dataset, answers, applied, candidate)
            clock.lap("promote")
            tell_if_interrupted(f"the decision is recorded ({applied['reason']})")
            return {
                **decided,
                "decision": applied,
                "evaluation_set": evaluation_set,
                "answers": answers,
                "verdicts": verdicts,
                "champion_before": champion,
            }
    raise TrackingError(
        f"the champion changed {MAX_COMPARISONS} times while this candidate was compared",
        setting="tracking.registered_model_name",
        expected="fewer runs at once for one registered model",
    )


def run_finetune(config: RunConfig) -> dict[str, Any]:
    """Run the flow in this process and return its outcome.

    Whoever types the command wants to see the figures, so nothing is skipped.
    """
    outcome = finetune(config, force=True)
    assert isinstance(outcome, dict)  # only an unforced run has nothing new
    return outcome
