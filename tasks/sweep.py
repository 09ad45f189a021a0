"""One child of a sweep: train, answer the validation questions, score, record."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.errors import EvaluationError, SqlFtError
from sql_ft.records import Sample, Verdict, read_jsonl
from sql_ft.stage_cache import code_digest, open_stage, stage_key
from sql_ft.sweep.comparison import DONE, FAILED, ChildOutcome
from sql_ft.sweep.grid import Child
from tasks.evaluate import (
    BASE,
    CANDIDATE,
    answer_questions,
    score_predictions,
)
from tasks.policies import GPU_TAGS, retry_training
from tasks.stage_state import is_complete
from tasks.train import train_adapter, training_key

STAGE = "sweep"
_MAX_REASON_CHARS = 400

#: Answers are generated in this process and take all its cores: one child after the other.
_generating = threading.Lock()
#: Set when the sweep is asked to stop: what is ended then is not to be tried again.
_stopping = threading.Event()


def validation_view(dataset: dict[str, Any]) -> dict[str, Any]:
    """The dataset with the validation questions in the place of the promotion questions."""
    return {
        **dataset,
        "eval_path": dataset["validation_path"],
        "eval_hash": dataset["validation_hash"],
    }


def child_key(child: Child, base: dict[str, Any], dataset: dict[str, Any]) -> str:
    """Content key of a child's figures: data, settings, code and base."""
    return stage_key(
        training=training_key(child.config, base, dataset),
        validation=dataset["validation_hash"],
        evaluation=child.config.evaluation.model_dump(mode="json", exclude={"workers"}),
        generation=child.config.generation.model_dump(mode="json"),
        code=code_digest("generation", "execution", "evaluation", "sweep"),
    )


@task(name="answer-validation", tags=GPU_TAGS, timeout_seconds=6 * 3600)
def answer_validation(
    config: RunConfig,
    base: dict[str, Any],
    dataset: dict[str, Any],
    adapter: dict[str, Any] | None,
) -> dict[str, dict[str, Any]]:
    """Answer the validation questions with one adapter, or with the base alone."""
    questions = read_jsonl(Path(dataset["validation_path"]), Sample)
    arm = CANDIDATE if adapter else BASE
    with _generation_lock():
        return answer_questions(config, base, questions, [(arm, adapter, (), base)])


@task(name="sweep-child", task_run_name="{label}")
def run_child(
    child: Child,
    label: str,
    parent_run_id: str,
    base: dict[str, Any],
    dataset: dict[str, Any],
    validation_set: dict[str, Any],
    base_verdicts: str,
) -> dict[str, Any]:
    """Everything about one child; what goes wrong is its row, not the sweep's end.

    Args:
        child: Settings.
        label: `Child.label`, for the name of the task run.
        parent_run_id: MLflow run of the sweep.
        base: Label and revision.
        dataset: Of as many training rows as the child asks for.
        validation_set: The frozen validation questions.
        base_verdicts: Path of the base's verdicts on them.

    Returns:
        `ChildOutcome`.
    """
    run_id = ""

    def started(value: str) -> None:
        nonlocal run_id
        run_id = value

    try:
        outcome = _run(child, parent_run_id, base, dataset, validation_set, base_verdicts, started)
    except Exception as error:
        get_run_logger().warning("%s failed: %s", label, error)
        return failed_child(child, error, run_id).to_dict()
    return outcome.to_dict()


def failed_child(child: Child, error: BaseException, run_id: str = "") -> ChildOutcome:
    """The row of a child that has no figures."""
    message = error.message if isinstance(error, SqlFtError) else str(error)
    text = " ".join((message or type(error).__name__).split())[:_MAX_REASON_CHARS]
    return ChildOutcome(
        child.number, child.label, child.settings, FAILED, reason=text, run_id=run_id
    )


def _run(
    child: Child,
    parent_run_id: str,
    base: dict[str, Any],
    dataset: dict[str, Any],
    validation_set: dict[str, Any],
    base_verdicts: str,
    started: Any,
) -> ChildOutcome:
    from sql_ft.tracking.fitting import flatten_params
    from sql_ft.tracking.runs import PARENT_TAG, start_run
    from sql_ft.tracking.store import prepare_store

    # Here and not in the task: Dask and Ray send the task's own globals to their workers.
    if _stopping.is_set():
        raise SqlFtError("the sweep was asked to stop")
    config = child.config
    key = child_key(child, base, dataset)
    with open_stage(config.state_path, STAGE, key) as stage:
        kept = stage.result
        if kept is not None and not Path(kept["outcome"]["adapter"]["adapter_dir"]).is_dir():
            kept = None
        if kept is not None and kept["parent_run_id"] == parent_run_id:
            return _as_this_child(kept["outcome"], child, kept["outcome"]["run_id"])
        store = prepare_store(config.resolved_tracking_uri, config.state_path)
        with start_run(
            store,
            config.tracking.experiment,
            name=child.label,
            key=f"{parent_run_id}-{key}",
            params=flatten_params(config.model_dump(mode="json", exclude={"sweep", "retention"})),
            tags={
                PARENT_TAG: parent_run_id,
                "sql_ft.action": "sweep-child",
                "sql_ft.config_hash": config.hash,
                "sql_ft.child": str(child.number),
            },
        ) as run:
            started(run.run_id)
            if kept is not None:
                outcome = _as_this_child(kept["outcome"], child, run.run_id)
                run.set_tags({"sql_ft.kept_from": kept["outcome"]["run_id"]})
            else:
                adapter = _train(child, base, dataset, run.run_id)
                outcome = ChildOutcome(
                    child.number,
                    child.label,
                    child.settings,
                    DONE,
                    metrics=_score(config, base, dataset, adapter, validation_set, base_verdicts),
                    adapter=adapter,
                    run_id=run.run_id,
                )
            run.log_metrics(outcome.metrics)
        stage.complete({"outcome": outcome.to_dict(), "parent_run_id": parent_run_id})
    return outcome


def _as_this_child(values: dict[str, Any], child: Child, run_id: str) -> ChildOutcome:
    """Kept figures under this grid's number: another sweep may have counted otherwise."""
    return ChildOutcome.from_dict(
        {
            **values,
            "number": child.number,
            "label": child.label,
            "settings": child.settings,
            "run_id": run_id,
            "kept": True,
        }
    )


def _train(
    child: Child, base: dict[str, Any], dataset: dict[str, Any], run_id: str
) -> dict[str, Any]:
    key = training_key(child.config, base, dataset)
    return train_adapter.with_options(
        refresh_cache=not is_complete(child.config, "training", key),
        timeout_seconds=child.config.train.timeout_s + 600,
        retry_condition_fn=_retry_unless_stopping,
    )(child.config, dataset, run_id, cache_key=key)


async def _retry_unless_stopping(task: Any, run: Any, state: State[Any]) -> bool:
    return not _stopping.is_set() and await retry_training(task, run, state)


def _score(
    config: RunConfig,
    base: dict[str, Any],
    dataset: dict[str, Any],
    adapter: dict[str, Any],
    validation_set: dict[str, Any],
    base_verdicts: str,
) -> dict[str, float]:
    """Figures of training and validation, by metric name."""
    from sql_ft.evaluation.metrics import summarize
    from sql_ft.generation.prediction_cache import read_predictions
    from sql_ft.sweep.gain import measure_gain
    from sql_ft.training.result import TrainResult

    arm = {"path": adapter["adapter_dir"], "adapter_hash": adapter["adapter_hash"]}
    answers = answer_validation(config, base, dataset, arm)
    verdicts_path = score_predictions(config, validation_set, answers)[CANDIDATE]
    verdicts = read_jsonl(Path(verdicts_path), Verdict)
    kept = read_predictions(Path(answers[CANDIDATE]["path"]))
    figures = summarize(verdicts, kept[0] if kept else None).to_metrics()
    if "execution_accuracy" not in figures:
        raise EvaluationError(
            f"none of the {len(verdicts)} validation questions could be scored",
            setting="sweep.validation_rows",
        )
    return {
        **TrainResult.from_dict(adapter).to_metrics(),
        **{f"validation/{name}": value for name, value in figures.items()},
        **measure_gain(read_jsonl(Path(base_verdicts), Verdict), verdicts),
    }


def _generation_lock() -> threading.Lock:
    # By a function: what a flow or task names goes to the workers by value, and no lock can.
    return _generating


def allow_children() -> None:
    """Begin a sweep in this process."""
    _stopping.clear()


def stop_children() -> None:
    """End the trainings that threads of this process wait for; none of them is repeated."""
    import psutil

    _stopping.set()
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            command = process.cmdline()
            if "sql_ft.training" in command:
                process.terminate()
        except psutil.Error:
            continue
