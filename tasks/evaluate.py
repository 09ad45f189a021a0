"""Freeze the evaluation set, let every arm answer it, score the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import ModelConfig, RunConfig
from sql_ft.records import Prediction, Sample, read_jsonl, write_jsonl
from sql_ft.stage_cache import code_digest, mark_used, open_stage, stage_key
from tasks.policies import (
    BACK_OFF_S,
    cache_key_from_parameter,
    generation_task,
    retry_if_transient,
)
from tasks.progress import report_progress

BASE, FEW_SHOT, CHAMPION, CANDIDATE = "base", "base_3shot", "champion", "candidate"

#: Name, adapter (None: the base itself), examples shown, base model.
ArmSource = tuple[str, dict[str, Any] | None, tuple[Sample, ...], dict[str, Any]]

_SET_MODULES = (
    "evaluation/evalset",
    "evaluation/evalset_storage",
    "evaluation/drafts",
    "evaluation/draft_pool",
    "evaluation/rules",
    "evaluation/stored_databases",
    "evaluation/wordings",
)


def evaluation_set_key(config: RunConfig, dataset: dict[str, Any]) -> str:
    """Content key of the frozen evaluation set."""
    from sql_ft.evaluation.rules import engine_versions

    return stage_key(
        samples=dataset["eval_hash"],
        settings=config.evaluation.model_dump(mode="json", exclude={"workers"}),
        state=str(config.state_path),
        engines=engine_versions(),
        code=code_digest("execution", *_SET_MODULES),
    )


@task(
    name="build-evaluation-set",
    cache_key_fn=cache_key_from_parameter,
    persist_result=True,
    result_serializer="json",
    timeout_seconds=4 * 3600,
)
def build_evaluation_set(
    config: RunConfig, dataset: dict[str, Any], cache_key: str
) -> dict[str, Any]:
    """Fill every sample's schema with rows that tell its gold from a wrong query."""
    from sql_ft.evaluation.evalset import build_evaluation_set as build

    logger = get_run_logger()
    with open_stage(config.state_path, "evaluation_sets", cache_key) as stage:
        samples = read_jsonl(Path(dataset["eval_path"]), Sample)
        with report_progress("building databases", "steps") as progress:
            built = build(samples, config.evaluation, stage.path, progress)
        excluded = {reason: len(ids) for reason, ids in built.excluded.items()}
        logger.info(
            "evaluation set %s: %d of %d questions can be told right from wrong%s",
            built.hash[:12],
            len(built.items),
            len(samples),
            f"; set aside: {excluded}" if excluded else "",
        )
        return stage.complete(
            {
                "path": str(stage.path),
                "hash": built.hash,
                "n": len(samples),
                "n_scored": len(built.items),
                "excluded": excluded,
            }
        )


@task(
    name="fetch-adapter",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=1800,
    task_run_name="fetch-{alias_or_version}",
)
def fetch_adapter(config: RunConfig, alias_or_version: str) -> dict[str, Any] | None:
    """Download a registered adapter; None if the alias is not set."""
    from sql_ft.tracking.registry import download_adapter, get_alias
    from sql_ft.tracking.store import prepare_store
    from sql_ft.training.adapter import is_empty_adapter

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    number = alias_or_version
    if not alias_or_version.isdigit():
        found = get_alias(store, name, alias_or_version)
        if found is None:
            return None
        number = found.version
    # A folder each: candidate and champion are both needed, and flows run side by side.
    folder = config.state_path / "registry" / name / f"version-{number}"
    with store.lock(f"fetch-{name}-{number}"):
        fetched = download_adapter(store, name, number, folder)
        mark_used(fetched.path)
    version = fetched.version
    return {
        "path": str(fetched.path),
        "version": version.version,
        "model_id": version.model_id,
        "run_id": version.run_id,
        "adapter_hash": version.adapter_hash,
        "empty": is_empty_adapter(fetched.path),
        "train_hash": version.tags.get("train_hash", ""),
        "base_label": version.tags["base_model"],
        "base_revision": version.tags["base_revision"],
    }


@generation_task
def generate_predictions(
    config: RunConfig,
    base: dict[str, Any],
    dataset: dict[str, Any],
    candidate: dict[str, Any],
    champion: dict[str, Any] | None,
) -> dict[str, dict[str, Any]]:
    """Answer all questions with every arm; arms whose answers are kept do not run again.

    Returns:
        Arm → ``path`` of its predictions, ``stats``, and ``cached``.
    """
    from sql_ft.evaluation.examples import EXAMPLES

    questions = [*read_jsonl(Path(dataset["eval_path"]), Sample), *EXAMPLES]
    shots = few_shot_examples(config, dataset)
    arms: list[ArmSource] = [(BASE, None, (), base)]
    if shots:
        arms.append((FEW_SHOT, None, shots, base))
    if champion is not None:
        arms.append((CHAMPION, champion, (), base_of(champion)))
    arms.append((CANDIDATE, candidate, (), base))
    return answer_questions(config, base, questions, arms)


def answer_questions(
    config: RunConfig, base: dict[str, Any], questions: Sequence[Sample], arms: Sequence[ArmSource]
) -> dict[str, dict[str, Any]]:
    """Answer the questions with the arms whose answers are not kept; see `generate_predictions`.

    Args:
        config: Model and generation settings.
        base: The configuration's base model.
        questions: What is asked, in order.
        arms: Name, adapter, examples and base of each.
    """
    from sql_ft.generation.decode import Arm, generate_predictions
    from sql_ft.generation.prediction_cache import (
        prediction_key,
        predictions_path,
        read_predictions,
        write_predictions,
    )

    logger = get_run_logger()
    answers: dict[str, dict[str, Any]] = {}
    missing: dict[str, list[tuple[Arm, Path]]] = {}
    for name, adapter, examples, arm_base in arms:
        key = prediction_key(
            config,
            arm_base,
            questions,
            # The champion answers as it did when it was the candidate.
            arm=CANDIDATE if adapter else name,
            adapter_hash=adapter["adapter_hash"] if adapter else None,
            examples=examples,
        )
        path = predictions_path(config.state_path, key)
        kept = read_predictions(path)
        answers[name] = {"path": str(path), "cached": kept is not None}
        if kept is not None:
            answers[name]["stats"] = kept[1]
            logger.info("%s: answers are known", name)
        elif not any(path == other for group in missing.values() for _, other in group):
            arm = Arm(name, Path(adapter["path"]) if adapter else None, examples)
            missing.setdefault(arm_base["label"], []).append((arm, path))
    for label, group in missing.items():
        with report_progress("generating", "answers") as progress:
            result = generate_predictions(
                with_base(config, base, label), questions, [arm for arm, _ in group], progress
            )
        for arm, path in group:
            write_predictions(path, result.predictions[arm.name], result.stats[arm.name])
    for name, answer in answers.items():
        if "stats" not in answer:
            kept = read_predictions(Path(answer["path"]))
            answer["stats"] = kept[1] if kept else {}
            logger.info("%s: %.0f tokens/s", name, answer["stats"].get("tokens_per_second", 0.0))
    return answers


@task(name="score", timeout_seconds=4 * 3600)
def score_predictions(
    config: RunConfig, evaluation_set: dict[str, Any], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Execute gold and predicted SQL of every arm; arm → path of its verdicts."""
    import dataclasses

    from sql_ft.evaluation.evalset import load_evaluation_set
    from sql_ft.evaluation.evaluator import score_arms
    from sql_ft.evaluation.examples import EXAMPLES
    from sql_ft.evaluation.rules import evaluator_hash
    from sql_ft.generation.prediction_cache import read_predictions

    frozen = load_evaluation_set(Path(evaluation_set["path"]))
    example_ids = {sample.id for sample in EXAMPLES}
    paths: dict[str, str] = {}
    missing: dict[str, list[Prediction]] = {}
    for arm, answer in answers.items():
        kept = read_predictions(Path(answer["path"]))
        if kept is None:
            raise FileNotFoundError(answer["path"])
        key = stage_key(
            predictions=Path(answer["path"]).stem,
            evaluation_set=frozen.hash,
            evaluator=evaluator_hash(config.evaluation),
            code=code_digest("execution", "evaluation"),
            arm=arm,
        )
        path = config.state_path / "verdicts" / f"{key}.jsonl"
        paths[arm] = str(path)
        if path.is_file():
            mark_used(path)
        else:
            missing[arm] = [
                dataclasses.replace(p, arm=arm) for p in kept[0] if p.sample_id not in example_ids
            ]
    if missing:
        with report_progress(f"scoring {', '.join(missing)}", "answers") as progress:
            scored = score_arms(frozen, list(missing.values()), config.evaluation, progress)
        for arm, verdicts in zip(missing, scored, strict=True):
            write_jsonl(Path(paths[arm]), verdicts)
    return paths


def few_shot_examples(config: RunConfig, dataset: dict[str, Any]) -> tuple[Sample, ...]:
    """The first training rows of distinct schemas: drawn by the split's seed, not chosen."""
    wanted = config.generation.few_shot_examples
    rows = read_jsonl(Path(dataset["train_path"]), Sample) if wanted else []
    chosen: dict[str, Sample] = {}
    for sample in rows:
        if len(chosen) < wanted:
            chosen.setdefault(sample.schema_group, sample)
    return tuple(chosen.values())


def base_of(adapter: dict[str, Any]) -> dict[str, Any]:
    """The base model that an adapter was trained on."""
    return {"label": adapter["base_label"], "revision": adapter["base_revision"]}


def with_base(config: RunConfig, base: dict[str, Any], label: str) -> RunConfig:
    """The same settings on the base that a champion of another base was trained on."""
    if label == base["label"]:
        return config
    model = ModelConfig(**{**config.model.model_dump(), "name_or_path": label})
    return config.model_copy(update={"model": model})
