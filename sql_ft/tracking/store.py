"""Where runs and versions are kept: a local SQLite file, or a server.

Nothing else in the project needs to know which. mlflow is imported by the calls, not by
this module.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from sql_ft.errors import TrackingError

_SETTING = "tracking.tracking_uri (or MLFLOW_TRACKING_URI)"
_SQLITE = "sqlite:///"
_DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")
_LOCK_TIMEOUT_S = 300.0
_CURRENT = threading.Lock()

# Every value is a default: what the user's environment sets wins.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A uv.lock that happens to lie in the working directory is not the model's.
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# mlflow's own defaults (7 retries, 120 s) hang for minutes on a wrong URI.
_PROBE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}
# mlflow's own 7 retries are four minutes, in each attempt of a stage; 3 are 12 s, 6 two minutes.
_CALL = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
_LONG_WORK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "6"}
_patience: ContextVar[dict[str, str]] = ContextVar("patience", default=_CALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Store:
    """A prepared MLflow store; small, immutable and picklable.

    Attributes:
        tracking_uri: Of runs and of the registry alike.
        state_dir: Where locks, and the artifacts of a database store, are kept.
    """

    tracking_uri: str
    state_dir: Path

    @property
    def label(self) -> str:
        """The URI without its password."""
        return without_password(self.tracking_uri)

    @property
    def artifact_root(self) -> Path | None:
        """Local artifact folder; None where a server decides."""
        if self.tracking_uri.startswith(_DATABASES):
            return self.state_dir / "artifacts"
        return None

    def locate(self, uri: str) -> str:
        """Where files recorded at `uri` lie now.

        MLflow records whole paths. A state folder that was moved, or is mounted elsewhere in a
        container, still has them below its own artifact folder.
        """
        root, parts = self.artifact_root, urlsplit(uri)
        if root is None or parts.scheme != "file" or Path(unquote(parts.path)).exists():
            return uri
        names = Path(unquote(parts.path)).parts
        for place, name in enumerate(names):
            moved = root.joinpath(*names[place + 1 :])
            if name == root.name and moved != root and moved.exists():
                return moved.as_uri()
        return uri

    def client(self) -> Any:
        """Return an `mlflow.MlflowClient` bound to this store."""
        quieten()
        from mlflow import MlflowClient

        with tracking_errors("cannot open the MLflow store", self):
            return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)

    def lock(self, name: str) -> AbstractContextManager[Any]:
        """A lock that holds among the processes of one host which share `state_dir`.

        Raises:
            TrackingError: Not obtained within 300 s, or the folder cannot be written.
        """
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        return _file_lock(self.state_dir / "locks" / f"{safe}.lock")

    def experiment_id(self, name: str) -> str:
        """Find the experiment, or create it.

        Raises:
            TrackingError: The store refused, or the experiment has been deleted.
        """
        from mlflow.exceptions import MlflowException

        client = self.client()
        with tracking_errors(f"cannot open experiment {name!r}", self):
            found = client.get_experiment_by_name(name)
            if found is None:
                root = self.artifact_root
                location = None if root is None else (root / _folder_name(name)).as_uri()
                try:
                    return str(client.create_experiment(name, artifact_location=location))
                except MlflowException:
                    # Another process may have been faster; if not, the error is real.
                    found = client.get_experiment_by_name(name)
                    if found is None:
                        raise
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"experiment {name!r} in {self.label} has been deleted",
                setting="tracking.experiment",
                expected=f"another name, or `mlflow experiments restore -x {found.experiment_id}`",
            )
        return str(found.experiment_id)


def prepare_store(tracking_uri: str, state_dir: Path) -> Store:
    """Make sure that the store exists and answers; make it mlflow's current one.

    A SQLite file is created once, under a lock, and appears under its name only when it
    is complete: four processes that let MLflow create one file at once break it for
    good, and so does one that is killed on the way.

    Args:
        tracking_uri: ``sqlite:///FILE``, ``http(s)://…`` or whatever else MLflow takes.
        state_dir: Folder for locks and for the artifacts of a database store.

    Raises:
        TrackingError: Not reachable (after at most about 10 s), not writable, or not
            an MLflow store of this MLflow's version.
    """
    quieten()
    state_dir = Path(state_dir).expanduser().resolve()
    uri = tracking_uri.strip()
    if uri.startswith(_SQLITE):
        uri = _absolute_sqlite(uri)
    store = Store(tracking_uri=uri, state_dir=state_dir)
    try:
        (state_dir / "locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(
            f"cannot write {state_dir}: {error.strerror or error}",
            setting="state_dir",
            expected="a folder this user can write",
        ) from error
    if uri.startswith(_SQLITE):
        _prepare_sqlite(store, _sqlite_path(uri))
    with _defaults(_PROBE), tracking_errors("cannot use the MLflow store", store):
        store.client().search_experiments(max_results=1)
    _make_current(store)
    return store


def is_local_file(tracking_uri: str) -> bool:
    """Say whether the store is a SQLite file."""
    return tracking_uri.strip().startswith(_SQLITE)


def missing_sqlite_file(tracking_uri: str) -> Path | None:
    """The SQLite file that a store would be created in; None where there is a store.

    Who only reads asks first: a mistyped `state_dir` is not to become an empty store.
    """
    uri = tracking_uri.strip()
    if not is_local_file(uri):
        return None
    path = _sqlite_path(_absolute_sqlite(uri))
    return None if path.exists() and path.stat().st_size else path


def quieten() -> None:
    """Switch off MLflow's telemetry, progress bars and information lines."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET or logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


def impatient() -> AbstractContextManager[None]:
    """Calls of the block are tried twice, and not for the minutes that MLflow takes by default.

    The variables belong to the process: for what nothing else runs beside.
    """
    return _defaults(_PROBE)


@contextmanager
def patient() -> Iterator[None]:
    """Calls of the block wait two minutes for a server that is away: long work hangs on them."""
    token = _patience.set(_LONG_WORK)
    try:
        yield
    finally:
        _patience.reset(token)


@contextmanager
def tracking_errors(action: str, store: Store) -> Iterator[None]:
    """Turn what MLflow, its database and its HTTP client raise into `TrackingError`.

    A missing database driver is an ImportError. A server that is away is given up after 12 s.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _defaults(_patience.get()):
            yield
    except (
        MlflowException,
        SQLAlchemyError,
        requests.RequestException,
        OSError,
        ImportError,
    ) as error:
        # SQLAlchemy adds the statement, its values and advice: nothing that a user can change.
        text = re.sub(r"\(raised as a result of [^)]*\)\s*", "", str(error).partition("[SQL:")[0])
        text = without_password(text.strip()) or type(error).__name__
        raise TrackingError(f"{action} at {store.label}: {text[:600]}", setting=_SETTING) from error


def without_password(text: str) -> str:
    """Replace the password of every URI in `text` by three asterisks."""

    def hide(match: re.Match[str]) -> str:
        parts = urlsplit(match.group(0))
        if not parts.password:
            return match.group(0)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))

    return re.sub(r"[A-Za-z][A-Za-z0-9+]*://[^\s'\"]+", hide, text)


def _make_current(store: Store) -> None:
    import mlflow

    # mlflow exports its current URI to the environment, where RunConfig would take it for
    # the user's wish at the next run of this process.
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    # One thread at a time: a second one would take the first one's URI for what was there.
    with _CURRENT:
        before = {name: os.environ.get(name) for name in names}
        try:
            mlflow.set_tracking_uri(store.tracking_uri)
            mlflow.set_registry_uri(store.tracking_uri)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _absolute_sqlite(uri: str) -> str:
    location, mark, query = uri[len(_SQLITE) :].partition("?")
    path = Path(location).expanduser()
    if not location or path.is_dir():
        raise TrackingError(
            f"{uri!r} names no file", setting=_SETTING, expected="sqlite:///path/to/mlflow.db"
        )
    return f"{_SQLITE}{path.resolve()}{mark}{query}"


def _sqlite_path(uri: str) -> Path:
    return Path(uri[len(_SQLITE) :].partition("?")[0])


def _prepare_sqlite(store: Store, path: Path) -> None:
    """Check the file; create it if it is absent or empty."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(13, "permission denied")
    except OSError as error:
        raise TrackingError(
            f"cannot write {path}: {error.strerror or error}",
            setting=_SETTING,
            expected="a file this user can write",
        ) from error
    if _is_complete(path):
        return
    with _file_lock(Path(f"{path}.lock")):
        if not _is_complete(path):
            _create_sqlite(store, path)


def _create_sqlite(store: Store, path: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    partial = Path(f"{path}.partial")
    with tracking_errors("cannot create the MLflow store", store):
        for leftover in path.parent.glob(f"{partial.name}*"):
            leftover.unlink()
        root = store.artifact_root
        created = SqlAlchemyStore(f"{_SQLITE}{partial}", str(root))
        created.engine.dispose()
        partial.replace(path)


def _is_complete(path: Path) -> bool:
    """True if the file holds an MLflow store, False if there is none yet.

    Raises:
        TrackingError: The file is something else.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        with closing(sqlite3.connect(path, timeout=10.0)) as connection:
            tables = {
                row[0]
                for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
    except sqlite3.OperationalError as error:
        raise TrackingError(
            f"cannot read {path}: {error}",
            setting=_SETTING,
            expected="a file that no other program holds",
        ) from error
    except sqlite3.DatabaseError as error:
        raise TrackingError(
            f"{path} is not a readable SQLite database: {error}",
            setting=_SETTING,
            expected="an MLflow store; move the file away to start a new one",
        ) from error
    if tables and not {"alembic_version", "experiments", "model_versions"} <= tables:
        raise TrackingError(
            f"{path} is a SQLite database but holds no complete MLflow store",
            setting=_SETTING,
            expected="an MLflow store; move the file away to start a new one",
        )
    return bool(tables)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=_LOCK_TIMEOUT_S)
    except Timeout:
        raise TrackingError(
            f"{path} is held by another process for more than {_LOCK_TIMEOUT_S:.0f} s",
            setting="state_dir",
        ) from None
    except OSError as error:
        raise TrackingError(
            f"cannot lock {path}: {error.strerror or error}",
            setting="state_dir",
            expected="a folder this user can write",
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _defaults(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, for a while."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _folder_name(experiment: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", experiment)
