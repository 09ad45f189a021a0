"""`sql-ft down` stops what was started, all of it, and nothing else."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from sql_ft.errors import StackError
from sql_ft.stack.processes import (
    read_background,
    record_path,
    start_background,
    stop_all,
    wait_until_ready,
)
from sql_ft.stack.services import StackSettings, check_port
from sql_ft.stack.stack_record import require_same_addresses, write_record

#: A process with a child in a session of its own, as a worker's flow run may be.
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def start(folder, name="service", code=_PARENT):
    return start_background(name, [sys.executable, "-c", code], folder, os.environ, folder)


def child_of(process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if text := process.log.read_text().strip():
            return psutil.Process(int(text))
        time.sleep(0.05)
    pytest.fail("no child")


def test_process_and_children_are_stopped_and_a_stranger_is_not(tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        process = start(tmp_path)
        child = child_of(process)
        assert stop_all(tmp_path) == ["service"]
        assert not process.alive
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        assert stranger.poll() is None
        assert stop_all(tmp_path) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_reused_process_id_is_not_killed(tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record = {"pid": stranger.pid, "started_s": time.time() - 3600}
        record_path(tmp_path, "service").write_text(json.dumps(record))
        assert stop_all(tmp_path) == []
        assert stranger.poll() is None
        assert read_background(tmp_path, "service") is None
    finally:
        stranger.kill()
        stranger.wait()


def test_deaf_process_is_killed(tmp_path):
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(600)"
    )
    process = start(tmp_path, code=code)
    while "deaf" not in process.log.read_text():
        time.sleep(0.05)
    assert process.stop(timeout_s=0.5)
    assert not process.alive


def test_second_start_is_refused(tmp_path):
    process = start(tmp_path)
    try:
        with pytest.raises(StackError, match=f"process {process.pid}"):
            start(tmp_path)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        stop_all(tmp_path)


def test_service_that_ends_while_starting_shows_its_log(tmp_path):
    process = start(tmp_path, code="raise SystemExit('the database is locked')")
    with pytest.raises(StackError, match="the database is locked"):
        wait_until_ready(process, "http://127.0.0.1:9/", timeout_s=20)


def test_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=str(port)) as caught:
            check_port("127.0.0.1", port, "--mlflow-port")
    assert caught.value.setting == "--mlflow-port"


def test_servers_listen_on_loopback_and_know_each_other(tmp_path):
    settings = StackSettings(state_dir=tmp_path, root=tmp_path, prefect_port=1, mlflow_port=2)
    command, env = settings.prefect_command()
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert env["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:1/api"
    _, worker = settings.worker_command()
    assert worker["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:2"
    assert worker["PREFECT_API_URL"] == "http://127.0.0.1:1/api"


def test_what_outlives_a_killed_process_is_stopped(tmp_path):
    """A worker that was killed leaves its flow run: in a session, and a parent, of its own."""
    process = start(tmp_path)
    child = child_of(process)
    os.kill(process.pid, signal.SIGKILL)
    while process.alive:
        time.sleep(0.05)
    assert child.is_running()
    assert [p.pid for p in process.survivors()] == [child.pid]

    successor = start(tmp_path, code="import time; time.sleep(600)")
    assert child.is_running(), "a successor leaves it alone"
    assert len(successor.marks) == 2
    assert stop_all(tmp_path) == ["service"]
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_stack_at_other_addresses_is_not_joined(tmp_path):
    settings = StackSettings(state_dir=tmp_path, root=tmp_path, prefect_port=1, mlflow_port=2)
    process = start(settings.folder, name="prefect-server")
    try:
        write_record(settings)
        require_same_addresses(settings)
        other = dataclasses.replace(settings, mlflow_port=3)
        with pytest.raises(StackError, match=f"process {process.pid}.*http://127.0.0.1:2"):
            require_same_addresses(other)
    finally:
        stop_all(settings.folder)
    require_same_addresses(dataclasses.replace(settings, mlflow_port=3))
