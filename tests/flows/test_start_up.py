"""What a run does while Prefect's temporary server starts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_EPHEMERAL_ENABLED,
    temporary_settings,
)

from flows.start_up import prepare_ahead, temporary_server_ahead
from sql_ft.config import parse_config


def test_the_server_starts_beside_the_block_and_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    block_runs, started = threading.Event(), threading.Event()

    def start(self: SubprocessASGIServer, timeout: int | None = None) -> None:
        assert block_runs.wait(30), "the block waited for the server"
        started.set()

    monkeypatch.setattr(SubprocessASGIServer, "start", start)
    with (
        temporary_settings(
            {PREFECT_SERVER_EPHEMERAL_ENABLED: True}, restore_defaults={PREFECT_API_URL}
        ),
        temporary_server_ahead(),
    ):
        assert not started.is_set()
        block_runs.set()
    assert started.is_set()


def test_a_server_that_does_not_start_is_left_to_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: SubprocessASGIServer, timeout: int | None = None) -> None:
        raise RuntimeError("no port")

    monkeypatch.setattr(SubprocessASGIServer, "start", start)
    with (
        temporary_settings(
            {PREFECT_SERVER_EPHEMERAL_ENABLED: True}, restore_defaults={PREFECT_API_URL}
        ),
        temporary_server_ahead(),
    ):
        pass


@pytest.mark.parametrize("ephemeral", [True, False])
def test_no_temporary_server_where_none_will_be_asked_for(
    ephemeral: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: SubprocessASGIServer, timeout: int | None = None) -> None:
        raise AssertionError("started")

    threads = threading.active_count()
    monkeypatch.setattr(SubprocessASGIServer, "start", start)
    server = {PREFECT_API_URL: "http://127.0.0.1:1/api"} if ephemeral else {}
    absent = set() if ephemeral else {PREFECT_API_URL}
    with (
        temporary_settings(
            {PREFECT_SERVER_EPHEMERAL_ENABLED: ephemeral, **server}, restore_defaults=absent
        ),
        temporary_server_ahead(),
    ):
        assert threading.active_count() == threads


def test_the_store_is_created_ahead(tmp_path: Path) -> None:
    config = parse_config({"state_dir": str(tmp_path / "state")})
    prepare_ahead(config)
    assert (tmp_path / "state" / "mlflow.db").stat().st_size > 0


def test_a_store_that_cannot_be_used_is_left_to_the_flow(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    prepare_ahead(parse_config({"state_dir": str(tmp_path / "file")}))


@pytest.mark.parametrize("spare", [True, False])
def test_processes_start_ahead_where_there_are_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: bool
) -> None:
    from sql_ft import hardware
    from sql_ft.tracking import fresh_process
    from sql_ft.training import trainer

    started: list[str] = []
    monkeypatch.setattr(hardware, "pick_threads", lambda: 4 if spare else 3)
    monkeypatch.setattr(trainer, "start_ahead", lambda config: started.append("training"))
    monkeypatch.setattr(fresh_process, "start_ahead", lambda store: started.append("check"))
    prepare_ahead(parse_config({"state_dir": str(tmp_path / "state")}))
    assert started == (["training", "check"] if spare else [])


def test_a_local_base_is_hashed_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sql_ft import base_model

    hashed: list[Path] = []
    monkeypatch.setattr(base_model, "hash_base_ahead", hashed.append)
    state = str(tmp_path / "state")
    for name in ("bundled:tiny", "owner/name", str(tmp_path)):
        prepare_ahead(parse_config({"state_dir": state, "model": {"name_or_path": name}}))
    assert hashed == [tmp_path]


def test_only_the_server_is_detached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may start a process in the moment in which the server starts."""
    from flows import logging_setup

    found: list[int] = []

    def run(self: SubprocessASGIServer) -> None:
        code = "import os; print(os.getsid(0))"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            found.append(int(process.communicate()[0]))
        # Annotations of modules that are imported in that moment.
        assert subprocess.Popen[str]

    popen = subprocess.Popen
    monkeypatch.setattr(SubprocessASGIServer, "_run_uvicorn_command", run)
    logging_setup.shield_temporary_server()
    SubprocessASGIServer._run_uvicorn_command(object.__new__(SubprocessASGIServer))
    assert found == [os.getsid(0)]
    assert subprocess.Popen is popen
