"""The agent's steps as an MLflow trace: one trace a question, one span a step."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from sql_ft.tracking.store import Store, quieten

logger = logging.getLogger(__name__)

ONE_LINE_CHARS = 250


class MlflowSpan:
    """One span of a trace; see `serving.trace.Span`.

    Args:
        live: MLflow's span; None if it could not be opened.
    """

    def __init__(self, live: Any | None) -> None:
        self.live = live

    def finish(self, outputs: Mapping[str, Any], *, failed: str = "") -> None:
        """End the span."""
        if self.live is None:
            return
        with _best_effort():
            if failed:
                self.live.set_attribute("failed", failed[:ONE_LINE_CHARS])
            self.live.end(outputs=dict(outputs), status="ERROR" if failed else "OK")


class MlflowTracer:
    """Keeps traces in an experiment; see `serving.trace.Tracer`.

    A trace that cannot be kept is a warning, never the end of an answer.

    Args:
        store: From `prepare_store`.
        experiment: Name; created if need be.
        tags: Of every trace, e.g. model and database.

    Raises:
        TrackingError: The experiment cannot be opened.
    """

    def __init__(
        self, store: Store, experiment: str, *, tags: Mapping[str, str] | None = None
    ) -> None:
        quieten()
        # Opening a span imports it, and mlflow then warns about its own classes' type hints.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow.pyfunc  # noqa: F401
        self._experiment_id = store.experiment_id(experiment)
        self._tags = dict(tags or {})

    def begin(
        self, name: str, kind: str, inputs: Mapping[str, Any], parent: Any | None = None
    ) -> MlflowSpan:
        """Open a span."""
        import mlflow

        above = parent.live if isinstance(parent, MlflowSpan) else None
        live = None
        with _best_effort():
            live = mlflow.start_span_no_context(
                name=name,
                span_type=kind,
                parent_span=above,
                inputs=dict(inputs),
                tags=None if above is not None else self._tags,
                experiment_id=self._experiment_id if above is None else None,
            )
        return MlflowSpan(live)

    @staticmethod
    def flush() -> None:
        """Wait until what has ended is stored: MLflow stores it in threads of its own."""
        import mlflow

        with _best_effort():
            mlflow.flush_trace_async_logging(terminate=False)


@contextlib.contextmanager
def _best_effort() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Whatever MLflow raises: a person waits for the answer, not for its trace.
        logger.warning("a step could not be traced: %s", str(error).splitlines()[0])
