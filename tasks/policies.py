"""What tasks share: tags, when to retry, how a content key becomes a Prefect cache key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext

from sql_ft.errors import (
    ConfigError,
    DataError,
    EvaluationError,
    ModelError,
    SqlFtError,
    TrackingError,
    TrainingInterruptedError,
)

#: The one tag that tasks bear, for Prefect's limits by tag. A tag is looked up on the server
#: before its task starts; on SQLite some of these requests meet a write of the server's own, are
#: answered 503 and repeated after two seconds.
GPU_TAGS = ("gpu",)
#: Seconds to wait before each retry of a call to a registry, store or hub: two minutes in all, in
#: which a server that its host or container restarts is back.
BACK_OFF_S = [2.0, 20.0, 90.0]

P = ParamSpec("P")
R = TypeVar("R")


async def retry_if_transient(task: Task[..., Any], run: Any, state: State[Any]) -> bool:
    """Retry what may pass by itself; never what the user has to change.

    A missing file, an unknown column or a model that is not there will be just as wrong
    in ten seconds. A store that did not answer, or anything unforeseen, may not.
    """
    error = await state.aresult(raise_on_failure=False)
    if isinstance(error, (TrackingError, TrainingInterruptedError)):
        return True
    if isinstance(error, (ConfigError, DataError, ModelError, EvaluationError)):
        return False
    return not isinstance(error, SqlFtError)


async def retry_training(task: Task[..., Any], run: Any, state: State[Any]) -> bool:
    """As `retry_if_transient`; but a training process that was killed is repeated once.

    Killed twice it is mostly memory, and would be a third time.
    """
    error = await state.aresult(raise_on_failure=False)
    if isinstance(error, TrainingInterruptedError) and run.run_count > 1:
        return False
    return await retry_if_transient(task, run, state)


def generation_task(answer: Callable[P, R]) -> Task[P, R]:
    """Make a task of a function in which a model answers questions for hours at most."""
    return task(
        name="generate",
        tags=GPU_TAGS,
        retries=1,
        retry_delay_seconds=5,
        retry_condition_fn=retry_if_transient,
        timeout_seconds=12 * 3600,
    )(answer)


def cache_key_from_parameter(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """Use the task's own ``cache_key`` argument: a hash of the content it works on."""
    key = parameters.get("cache_key")
    return f"sql_ft/{context.task.name}/{key}" if key else None
