"""Decide, record the decision, and move the alias as the last act."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.records import Check, Decision, Prediction, Sample, Verdict, read_jsonl
from tasks.evaluate import BASE, CANDIDATE, CHAMPION, FEW_SHOT
from tasks.policies import BACK_OFF_S, retry_if_transient


@task(
    name="decide",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def decide(
    config: RunConfig,
    evaluation_set: dict[str, Any],
    dataset: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    verdicts: dict[str, str],
    candidate: dict[str, Any],
    champion: dict[str, Any] | None,
) -> dict[str, Any]:
    """Hold the candidate against the champion, or the base if nothing is live.

    Returns:
        ``decision`` (see `Decision`) and ``summaries`` (arm → `ArmSummary`).
    """
    from sql_ft.data.overlap import measure_overlap
    from sql_ft.evaluation.error_budget import comparison_key, next_look
    from sql_ft.evaluation.gate import Side, planned_power
    from sql_ft.evaluation.gate import decide as hold_against
    from sql_ft.evaluation.metrics import summarize
    from sql_ft.evaluation.rules import evaluator_hash
    from sql_ft.evaluation.sql_features import slice_golds
    from sql_ft.generation.prediction_cache import read_predictions
    from sql_ft.tracking.budget import read_looks
    from sql_ft.tracking.store import prepare_store

    logger = get_run_logger()
    samples = read_jsonl(Path(dataset["eval_path"]), Sample)
    rules, reference = evaluator_hash(config.evaluation), CHAMPION if champion else BASE
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    look = next_look(
        read_looks(store, config.tracking.registered_model_name),
        key=comparison_key(
            candidate=candidate["adapter_hash"],
            champion=champion["adapter_hash"] if champion else BASE,
            evaluation_set_hash=evaluation_set["hash"],
            evaluator_hash=rules,
        ),
        evaluation_set_hash=evaluation_set["hash"],
        policy=config.promotion,
    )
    logger.info(
        "before looking: %s", planned_power(evaluation_set["n_scored"], look, config.promotion)
    )

    asked = {sample.id for sample in samples}
    slices = slice_golds(samples, config.evaluation.dialect)
    scored = {arm: read_jsonl(Path(path), Verdict) for arm, path in verdicts.items()}
    predictions: dict[str, list[Prediction]] = {}
    summaries = {}
    for arm, rows in scored.items():
        kept = read_predictions(Path(answers[arm]["path"]))
        predictions[arm] = [p for p in kept[0] if p.sample_id in asked] if kept else []
        summaries[arm] = summarize(rows, predictions[arm], samples, gold_slices=slices)

    def side(arm: str, adapter: dict[str, Any] | None = None) -> Side:
        return Side(
            verdicts=scored[arm],
            summary=summaries[arm],
            adapter_hash=adapter["adapter_hash"] if adapter else "",
            version=adapter["version"] if adapter else "",
            evaluation_set_hash=evaluation_set["hash"],
            evaluator_hash=rules,
            empty_adapter=adapter.get("empty") if adapter else None,
            completion_tokens={p.sample_id: p.completion_tokens for p in predictions[arm]},
        )

    # What this version was trained on, as its tag in the registry says, or nobody knows.
    overlap = None
    if candidate.get("train_hash") == dataset["train_hash"]:
        overlap = measure_overlap(read_jsonl(Path(dataset["train_path"]), Sample), samples)
    decision = hold_against(
        reference=side(reference, champion),
        candidate=side(CANDIDATE, candidate),
        reference_arm=reference,
        config=config.promotion,
        base=side(BASE),
        few_shot=side(FEW_SHOT) if config.generation.few_shot_examples else None,
        overlap=overlap,
        slices=_with_tags(slices, samples),
        look=look,
        hashes={
            "config": config.hash,
            "dataset": dataset["digest"],
            "train": dataset["train_hash"],
            "evaluation": dataset["eval_hash"],
            "adapter": candidate["adapter_hash"],
            "reference_adapter": champion["adapter_hash"] if champion else "",
        },
        seeds={
            "train.seed": config.train.seed,
            "data.shuffle_seed": config.data.shuffle_seed,
            "evaluation.database_seed": config.evaluation.database_seed,
        },
    )
    logger.info("after looking: %s", decision.metrics["power"]["text"])
    return {
        "decision": decision.to_dict(),
        "summaries": {arm: summary.to_dict() for arm, summary in summaries.items()},
    }


def _with_tags(
    gold_slices: Mapping[str, Mapping[str, tuple[str, ...]]], samples: Sequence[Sample]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """The gold's slices and the data's own columns."""
    return {
        sample.id: {
            **{tag: (value,) for tag, value in sample.tags.items()},
            **gold_slices.get(sample.id, {}),
        }
        for sample in samples
    }


@task(
    name="promote",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def apply_decision(
    config: RunConfig,
    run_id: str,
    decision: dict[str, Any],
    candidate: dict[str, Any],
    champion: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Record the decision; move `champion` if it says so.

    Returns:
        The decision as recorded: a refusal where the gate would promote a version that a
        person rolled back from. None if another run has changed the champion, or taken this
        look at the set, since the candidate was compared: nothing was written, and it must
        be compared again.
    """
    from sql_ft.errors import ChampionChangedError, WithdrawnVersionError
    from sql_ft.tracking.promotion import record_decision, set_champion
    from sql_ft.tracking.store import prepare_store
    from tasks.registry_lock import champion_lock

    logger = get_run_logger()
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    verdict = Decision.from_dict(decision)
    version = candidate["version"]
    if verdict.promote:
        try:
            set_champion(
                store,
                name,
                version,
                verdict,
                expected_champion=champion["version"] if champion else None,
                run_id=run_id,
                lock=champion_lock(config, store),
            )
        except ChampionChangedError as error:
            logger.warning("%s; comparing again", error.message)
            return None
        except WithdrawnVersionError as error:
            verdict = refuse(verdict, "not_withdrawn", error.message)
        else:
            logger.info("%s version %s is champion: %s", name, version, verdict.reason)
            return verdict.to_dict()
    lock = champion_lock(config, store)
    try:
        record_decision(store, name, version, verdict, run_id=run_id, lock=lock)
    except ChampionChangedError as error:
        logger.warning("%s; comparing again", error.message)
        return None
    logger.info("%s", verdict.reason)
    return verdict.to_dict()


def refuse(decision: Decision, check: str, detail: str) -> Decision:
    """The same comparison, not promoted because of one more check that failed."""
    live = f"kept v{decision.champion_version}" if decision.champion_version else "not promoted"
    failed = Check(check, "no", "yes", False, detail)
    return dataclasses.replace(
        decision, promote=False, reason=f"{live}: {detail}", checks=(*decision.checks, failed)
    )
