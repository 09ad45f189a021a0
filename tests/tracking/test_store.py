import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from sql_ft.errors import TrackingError
from sql_ft.tracking.store import (
    Store,
    patient,
    prepare_store,
    tracking_errors,
    without_password,
)


def test_importing_tracking_does_not_import_mlflow():
    code = (
        "import sys, sql_ft.tracking.store, sql_ft.tracking.runs, sql_ft.tracking.registry,"
        "sql_ft.tracking.promotion; print(sorted({'mlflow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_four_processes_that_create_one_store_at_once_all_succeed(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path;"
        "import mlflow.store.tracking.sqlalchemy_store;"
        "from sql_ft.tracking.store import prepare_store;"
        "from sql_ft.tracking.runs import start_run;"
        "print('ready', flush=True); sys.stdin.readline();"
        "store = prepare_store('sqlite:///' + sys.argv[1] + '/mlflow.db', Path(sys.argv[1]));"
        "run = start_run(store, 'same', name='n');"
        "run.log_metrics({'m': 1.0}, 1); run.end('FINISHED')"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:  # slow imports first, so that all begin together
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, errors
    store = prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    client = store.client()
    experiment = client.get_experiment_by_name("same")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert Path(tmp_path / "artifacts").as_uri() in experiment.artifact_location


def test_creation_that_was_killed_half_way_is_started_again(tmp_path: Path):
    (tmp_path / "mlflow.db.partial").write_bytes(b"half a database")
    (tmp_path / "mlflow.db").touch()  # an empty file is no store yet
    store = prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    assert store.client().search_experiments()
    assert not list(tmp_path.glob("*.partial*"))


def test_preparing_leaves_the_environment_as_the_user_set_it(store: Store, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    prepare_store(store.tracking_uri, store.state_dir)
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == store.tracking_uri


def test_an_unreachable_server_is_reported_at_once_with_its_uri(tmp_path: Path, monkeypatch):
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(TrackingError, match=rf"127\.0\.0\.1:{port}.*MLFLOW_TRACKING_URI"):
        prepare_store(f"http://user:secret@127.0.0.1:{port}", tmp_path)
    assert time.monotonic() - started < 15
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


class _Away(BaseHTTPRequestHandler):
    """A server whose store is away: 503 to whatever it is asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize(("block", "requests"), [(nullcontext, 4), (patient, 7)])
def test_a_server_that_is_away_is_given_up_soon_but_not_by_long_work(
    tmp_path: Path, monkeypatch, block, requests
):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Away) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = Store(f"http://127.0.0.1:{server.server_port}", tmp_path)
        _Away.asked.clear()
        with block(), pytest.raises(TrackingError, match=r"cannot ask at http://.*503"):
            ask(store)
        server.shutdown()
    assert len(_Away.asked) == requests
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def ask(store: Store) -> None:
    with tracking_errors("cannot ask", store):
        store.client().get_run("0" * 32)


def test_a_password_never_reaches_a_message(tmp_path: Path):
    with pytest.raises(TrackingError) as caught:
        prepare_store("postgresql://me:secret@127.0.0.1:1/mlflow", tmp_path)
    assert "secret" not in str(caught.value)
    assert without_password("at http://me:secret@host:1/x.") == "at http://me:***@host:1/x."


def test_the_reason_stands_before_what_sqlalchemy_adds(tmp_path: Path):
    from sqlalchemy.exc import SQLAlchemyError

    said = (
        "(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush "
        "block)\n(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT INTO metrics]"
    )
    store = Store("sqlite:///x.db", tmp_path)
    with pytest.raises(TrackingError) as caught, tracking_errors("cannot log", store):
        raise SQLAlchemyError(said)
    assert caught.value.message == (
        "cannot log at sqlite:///x.db: (sqlite3.OperationalError) database or disk is full"
    )


def test_a_locked_file_is_called_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "mlflow.db"
    connect = sqlite3.connect
    with closing(connect(file, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE experiments (id INTEGER)")
        holder.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0.1))
        with pytest.raises(TrackingError, match=r"cannot read .*mlflow\.db: database is locked"):
            prepare_store(f"sqlite:///{file}", tmp_path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(b"not a database, but long enough to be read as one" * 50)
    with pytest.raises(TrackingError, match=r"mlflow\.db is not a readable SQLite database"):
        prepare_store(f"sqlite:///{broken}", tmp_path)
    assert broken.read_bytes().startswith(b"not a database")


def test_a_foreign_database_is_not_filled_with_tables(tmp_path: Path):
    foreign = tmp_path / "other.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(TrackingError, match="holds no complete MLflow store"):
        prepare_store(f"sqlite:///{foreign}", tmp_path)


def test_a_store_of_another_mlflow_version_is_refused(store: Store, tmp_path: Path):
    other = tmp_path / "mlflow.db"
    source = store.tracking_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(other)) as copy:
        ours.backup(copy)
        copy.execute("UPDATE alembic_version SET version_num = 'abc'")
        copy.commit()
    with pytest.raises(TrackingError, match="out-of-date database schema"):
        prepare_store(f"sqlite:///{other}", tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match=r"cannot write .*mlflow\.db"):
        prepare_store(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", tmp_path)
    with pytest.raises(TrackingError, match="state_dir"):
        prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "file")
    with pytest.raises(TrackingError, match="names no file"):
        prepare_store(f"sqlite:///{tmp_path}", tmp_path)


def test_a_deleted_experiment_says_how_to_restore_it(store: Store):
    experiment_id = store.experiment_id("gone")
    store.client().delete_experiment(experiment_id)
    with pytest.raises(TrackingError, match="mlflow experiments restore"):
        store.experiment_id("gone")
