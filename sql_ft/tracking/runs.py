"""One MLflow run that always ends: FINISHED, FAILED or KILLED, or is resumed.

`TrackedRun` implements the training room's `MetricSink`. A process that dies by SIGKILL
cannot close its run; the next one on the same host does, or continues it (`interrupted`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal, NoReturn, Self

from sql_ft.errors import TrackingError
from sql_ft.state_lock import use_state
from sql_ft.tracking import provenance
from sql_ft.tracking.fitting import MAX_TAG_CHARS, clean_name, clip_tags, short_value
from sql_ft.tracking.interrupted import (
    ERROR_TAG,
    KEY_TAG,
    find_resumable_run,
    mark_stale_runs,
)
from sql_ft.tracking.store import Store, impatient, tracking_errors

logger = logging.getLogger(__name__)

RESUMED_TAG = "sql_ft.resumed"
PARENT_TAG = "mlflow.parentRunId"
"""MLflow shows a run with it under the one that it names."""
REPORT_FILE = "report/report.html"
"""Where a run keeps the page of its candidate."""

_TABLES_TAG = "mlflow.loggedArtifacts"

_PARAMS_PER_BATCH = 100
_METRICS_PER_BATCH = 1000
_DIGEST_CHARS = 36

Status = Literal["FINISHED", "FAILED", "KILLED"]


class TrackedRun:
    """A run of MLflow; as a context manager it ends the run according to what happened.

    Leaving the block ends the run FINISHED; FAILED with the message in the tag ``error``
    for an `Exception`; KILLED for anything else (KeyboardInterrupt, SystemExit, a
    cancelled task). SIGTERM, where nobody handles it yet, becomes SystemExit(143) so
    that the block is left at all.

    Attributes:
        run_id: MLflow's id.
        resumed: True if this run continues an interrupted one.
    """

    def __init__(self, store: Store, run_id: str, *, owner: bool, resumed: bool = False) -> None:
        """Wrap an existing run; use `start_run` or `attach_run`.

        Raises:
            TrackingError: No such run, or the store does not answer.
        """
        self.store = store
        self.run_id = run_id
        self.resumed = resumed
        self._owner = owner
        self._client = store.client()
        self._previous_handler: Any = None
        self._in_use = contextlib.ExitStack()
        with tracking_errors(f"cannot open run {run_id}", store):
            run = self._client.get_run(run_id)
        self.experiment_id = str(run.info.experiment_id)
        self._params: dict[str, str] = dict(run.data.params)

    @property
    def url(self) -> str:
        """Page of the run on a server; its id for a local store."""
        if self.store.tracking_uri.startswith("http"):
            base = self.store.label.rstrip("/")
            return f"{base}/#/experiments/{self.experiment_id}/runs/{self.run_id}"
        return self.run_id

    def artifact_page(self, file: str) -> str:
        """Link, for a page of the same MLflow server, to the page that shows an artifact."""
        return f"#/experiments/{self.experiment_id}/runs/{self.run_id}/artifacts/{file}"

    def __enter__(self) -> Self:
        if self._owner:
            # What a run works with is not pruned under it.
            self._in_use.enter_context(use_state(self.store.state_dir))
        main = threading.current_thread() is threading.main_thread()
        if self._owner and main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._previous_handler = signal.signal(signal.SIGTERM, _exit_on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._owner:
                self._end_after(error)
        finally:
            if self._previous_handler is not None:
                signal.signal(signal.SIGTERM, self._previous_handler)
                self._previous_handler = None
            self._in_use.close()

    def _end_after(self, error: BaseException | None) -> None:
        if error is None:
            self.end("FINISHED")
            return
        status: Status = "FAILED" if isinstance(error, Exception) else "KILLED"
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        # A store that has just been given up is not waited for once more: it took four minutes.
        away = isinstance(error, TrackingError)
        try:
            with impatient() if away else contextlib.nullcontext():
                self.end(status, error=text)
        except TrackingError as failure:
            # The error on its way out matters more; the run is closed at the next start.
            logger.warning("run %s could not be marked %s: %s", self.run_id, status, failure)

    def end(self, status: Status, *, error: str = "") -> None:
        """End the run with `status`; `error` becomes the tag of that name."""
        with tracking_errors(f"cannot end run {self.run_id}", self.store):
            if error:
                self._client.set_tag(self.run_id, ERROR_TAG, error[:MAX_TAG_CHARS])
            self._client.set_terminated(self.run_id, status=status)

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        *,
        model_id: str | None = None,
        dataset: tuple[str, str] | None = None,
    ) -> None:
        """Log figures in one call.

        Args:
            metrics: Names and values; characters that MLflow refuses become ``_``.
            step: Optimizer step or the like; None is step 0.
            model_id: Logged model the figures are about (`RegisteredVersion.model_id`);
                they then stand on its page too.
            dataset: Name and digest of the dataset they were measured on, as given to
                `log_dataset`.
        """
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        name, digest = dataset or (None, None)
        rows = [
            Metric(
                clean_name(key),
                float(value),
                now_ms,
                step or 0,
                model_id=model_id,
                dataset_name=name,
                dataset_digest=digest and digest[:_DIGEST_CHARS],
            )
            for key, value in metrics.items()
        ]
        with tracking_errors(f"cannot log metrics of run {self.run_id}", self.store):
            for start in range(0, len(rows), _METRICS_PER_BATCH):
                self._client.log_batch(
                    self.run_id, metrics=rows[start : start + _METRICS_PER_BATCH]
                )

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log parameters; values beyond 500 characters are replaced by their hash.

        A parameter of MLflow never changes. When a resumed run has another value, that
        value goes to the tag ``changed.<name>`` and a log line says so.
        """
        from mlflow.entities import Param

        new: dict[str, str] = {}
        for key, value in params.items():
            name, text = clean_name(key), short_value(str(value))
            known = self._params.get(name)
            if known is None:
                new[name] = text
            elif known != text:
                logger.warning("run %s: %s was %s, is now %s", self.run_id, name, known, text)
                self.set_tags({f"changed.{name}": text})
        rows = [Param(key, value) for key, value in new.items()]
        with tracking_errors(f"cannot log parameters of run {self.run_id}", self.store):
            for start in range(0, len(rows), _PARAMS_PER_BATCH):
                self._client.log_batch(self.run_id, params=rows[start : start + _PARAMS_PER_BATCH])
        self._params.update(new)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; later values replace earlier ones, 5,000 characters are kept."""
        from mlflow.entities import RunTag

        rows = [RunTag(key, value) for key, value in clip_tags(tags).items()]
        with tracking_errors(f"cannot set tags of run {self.run_id}", self.store):
            for start in range(0, len(rows), _PARAMS_PER_BATCH):
                self._client.log_batch(self.run_id, tags=rows[start : start + _PARAMS_PER_BATCH])

    def log_dataset(
        self,
        name: str,
        digest: str,
        *,
        context: str,
        kind: Literal["bundled", "hub", "file"],
        origin: str,
        revision: str = "",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Log a dataset as an input of the run.

        Args:
            name: e.g. ``train`` or ``b-mc2/sql-create-context``.
            digest: Content hash; MLflow keeps 36 characters, the tag of the input all.
            context: What it was used for: ``training`` or ``evaluation``.
            kind: `DataConfig.source`.
            origin: Hub id, path or name of the source.
            revision: Commit, where the source has one.
            profile: Further facts, e.g. the number of rows.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source_type, source = {
            "hub": ("hugging_face", {"path": origin, "revision": revision}),
            "file": ("local", {"uri": origin}),
            "bundled": ("code", {"tags": {"origin": origin, "revision": revision}}),
        }[kind]
        dataset = Dataset(
            name=name,
            digest=digest[:_DIGEST_CHARS],
            source_type=source_type,
            source=json.dumps(source),
            profile=json.dumps(dict(profile or {}), ensure_ascii=False),
        )
        tags = [InputTag("mlflow.data.context", context), InputTag("digest", digest)]
        with tracking_errors(f"cannot log dataset {name!r}", self.store):
            self._client.log_inputs(self.run_id, [DatasetInput(dataset=dataset, tags=tags)])

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Copy a file or a folder to the run's artifacts, under `folder`."""
        path = Path(path)
        with tracking_errors(f"cannot log {path.name} to run {self.run_id}", self.store):
            if path.is_dir():
                self._client.log_artifacts(self.run_id, str(path), folder or None)
            else:
                self._client.log_artifact(self.run_id, str(path), folder or None)

    def log_text(self, text: str, file: str) -> None:
        """Write `text` to the artifact `file`."""
        with tracking_errors(f"cannot log {file} to run {self.run_id}", self.store):
            self._client.log_text(self.run_id, text, file)

    def log_json(self, value: Any, file: str) -> None:
        """Write `value` as JSON to the artifact `file`; lengths are not limited."""
        self.log_text(json.dumps(value, ensure_ascii=False, indent=1, default=str), file)

    def read_json(self, file: str) -> Any:
        """Read back what `log_json` wrote."""
        import mlflow.artifacts

        with tracking_errors(f"cannot read {file} of run {self.run_id}", self.store):
            path = mlflow.artifacts.download_artifacts(
                run_id=self.run_id, artifact_path=file, tracking_uri=self.store.tracking_uri
            )
            return json.loads(Path(path).read_text(encoding="utf-8"))

    def log_table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], file: str) -> None:
        """Write a table that MLflow's evaluation page shows.

        `MlflowClient.log_table` appends to a table of the same name, which doubles it in
        a resumed run; this one replaces it.

        Args:
            columns: Column names.
            rows: One sequence a row, as long as `columns`.
            file: Artifact path ending in ``.json``.
        """
        if not file.endswith(".json"):
            raise ValueError(f"a table is a .json artifact, got {file!r}")
        table = {"columns": list(columns), "data": [list(row) for row in rows]}
        self.log_text(json.dumps(table, ensure_ascii=False, default=str), file)
        with tracking_errors(f"cannot tag table {file}", self.store):
            shown = json.loads(self._client.get_run(self.run_id).data.tags.get(_TABLES_TAG, "[]"))
            entry = {"path": file, "type": "table"}
            if entry not in shown:
                self._client.set_tag(self.run_id, _TABLES_TAG, json.dumps([*shown, entry]))

    def log_figure(self, figure: Any, file: str) -> None:
        """Save a matplotlib figure as the artifact `file` (its suffix says how)."""
        with tracking_errors(f"cannot log {file} to run {self.run_id}", self.store):
            self._client.log_figure(self.run_id, figure, file)


def start_run(
    store: Store,
    experiment: str,
    *,
    name: str,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    key: str | None = None,
    description: str = "",
) -> TrackedRun:
    """Start a run, or continue the interrupted run of the same key.

    Runs of dead processes of this host are marked KILLED on the way.

    Args:
        store: From `prepare_store`.
        experiment: Created if need be.
        name: Shown in the list of runs.
        params: See `fitting.flatten_params`.
        tags: Further tags; who and what ran is added.
        key: Hash of what the run computes. None never resumes.
        description: Markdown, shown on the run's page.

    Raises:
        TrackingError: The store does not answer or refused.
    """
    experiment_id = store.experiment_id(experiment)
    client = store.client()
    all_tags = {
        **(tags or {}),
        **provenance.owner_tags(),
        "mlflow.user": provenance.user_name(),
        "mlflow.source.name": provenance.source_name(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": provenance.git_commit(),
        "package_versions": json.dumps(provenance.package_versions()),
    }
    if key:
        all_tags[KEY_TAG] = key
    if description:
        all_tags["mlflow.note.content"] = description
    # Under the lock two processes cannot both continue the same interrupted run.
    with store.lock(f"runs-{experiment_id}"):
        mark_stale_runs(store, experiment)
        run_id = find_resumable_run(store, experiment, key) if key else None
        resumed = run_id is not None
        with tracking_errors(f"cannot start a run in experiment {experiment!r}", store):
            if run_id is None:
                # With its tags at once: a run without an owner could never be found dead.
                created = client.create_run(experiment_id, run_name=name, tags=clip_tags(all_tags))
                run_id = str(created.info.run_id)
            else:
                before = client.get_run(run_id).data.tags
                all_tags[RESUMED_TAG] = str(int(before.get(RESUMED_TAG, "0")) + 1)
                if ERROR_TAG in before:
                    client.delete_tag(run_id, ERROR_TAG)
                attach_run(store, run_id).set_tags(all_tags)
                client.update_run(run_id, status="RUNNING")
        run = TrackedRun(store, run_id, owner=True, resumed=resumed)
    run.log_params(params or {})
    return run


def attach_run(store: Store, run_id: str) -> TrackedRun:
    """Open a run that another task or process started; leaving the block never ends it.

    Raises:
        TrackingError: No such run.
    """
    return TrackedRun(store, run_id, owner=False)


def _exit_on_signal(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)
