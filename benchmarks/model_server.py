"""`mlflow models serve` for as long as a block runs, and questions put to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def serving(
    python: str | Path, uri: str, folder: Path, env: Mapping[str, str], *, start_s: float = 180.0
) -> Iterator[str]:
    """Serve a model on a free port; yield the address; end every process of the server.

    Args:
        python: Interpreter of the environment that serves.
        uri: ``models:/<name>@<alias>``.
        folder: Working directory; receives ``serve.log``.
        env: The whole environment.
        start_s: Seconds until it must answer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "serve.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [
                *(str(python), "-m", "mlflow", "models", "serve", "--model-uri", uri),
                *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
            ],
            # MLflow starts `uvicorn` by name.
            env={**env, "PATH": f"{Path(python).parent}{os.pathsep}{env.get('PATH', '')}"},
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + start_s
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        yield address
    finally:
        # The server has children; they share the session, and nobody else does.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(address: str, payload: Mapping[str, Any], *, timeout_s: float = 300.0) -> Any:
    """POST to ``/invocations``; an HTTP error is raised as urllib has it."""
    request = urllib.request.Request(
        f"{address}/invocations",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        return json.loads(response.read())


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ping", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
