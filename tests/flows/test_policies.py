"""What a task is repeated for, and how often."""

import pytest
from prefect import flow, task

from sql_ft.errors import ConfigError, TrackingError, TrainingInterruptedError
from tasks.policies import retry_if_transient, retry_training

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.parametrize(
    ("condition", "error", "attempts"),
    [
        (retry_training, TrackingError("the server is away"), 4),
        # Killed twice it is mostly memory.
        (retry_training, TrainingInterruptedError("killed"), 2),
        (retry_training, ConfigError("no such column"), 1),
        (retry_if_transient, TrackingError("the server is away"), 4),
        (retry_if_transient, ConfigError("no such column"), 1),
    ],
)
def test_what_may_pass_by_itself_is_repeated(condition, error, attempts) -> None:
    seen: list[int] = []

    @task(retries=3, retry_delay_seconds=0, retry_condition_fn=condition)
    def broken() -> None:
        seen.append(1)
        raise error

    @flow
    def asks() -> None:
        broken()

    with pytest.raises(type(error)):
        asks()
    assert len(seen) == attempts
