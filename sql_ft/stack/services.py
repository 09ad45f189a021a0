"""What the local stack consists of: commands, environments, addresses."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from pathlib import Path

from sql_ft.errors import StackError

PREFECT, MLFLOW, WORKER = "prefect-server", "mlflow-server", "worker"
WORK_POOL, WORKER_NAME = "sql-ft", "local"
HEARTBEAT_S = 30
# Prefect's 10 would be most of an unchanged week; the server is on this machine.
WORKER_QUERY_S = 3
STACK_FOLDER = "stack"


@dataclasses.dataclass(frozen=True, slots=True)
class StackSettings:
    """Where the stack listens and keeps what it must not lose.

    Attributes:
        state_dir: Absolute; `stack/` under it holds records, logs and Prefect's database.
        root: Folder with `flows/` and `deployments/`; the worker runs there.
        host: Interface of both servers. They have no passwords: leave it on loopback.
        prefect_port: Port of the Prefect server.
        mlflow_port: Port of the MLflow server.
        prefect_database: SQLAlchemy URL (asyncio); "" is a SQLite file.
        mlflow_database: SQLAlchemy URL; "" is the SQLite file that runs without a server use.
        artifacts: Folder or URI (e.g. ``s3://bucket``); "" is a folder under `state_dir`.
    """

    state_dir: Path
    root: Path
    host: str = "127.0.0.1"
    prefect_port: int = 4200
    mlflow_port: int = 5000
    prefect_database: str = ""
    mlflow_database: str = ""
    artifacts: str = ""

    @property
    def folder(self) -> Path:
        """Records, logs, Prefect's database."""
        return self.state_dir / STACK_FOLDER

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect server."""
        return f"http://{self.host}:{self.prefect_port}"

    @property
    def api_url(self) -> str:
        """Address of Prefect's API: `PREFECT_API_URL`."""
        return f"{self.prefect_url}/api"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server: `MLFLOW_TRACKING_URI`."""
        return f"http://{self.host}:{self.mlflow_port}"

    @property
    def mlflow_store(self) -> str:
        """Backend store of the MLflow server."""
        return self.mlflow_database or f"sqlite:///{self.state_dir / 'mlflow.db'}"

    @property
    def artifact_root(self) -> str:
        """Where the MLflow server keeps artifacts."""
        return self.artifacts or str(self.state_dir / "artifacts")

    def client_environment(self) -> dict[str, str]:
        """What a process needs to talk to the stack."""
        return {
            **os.environ,
            "PREFECT_API_URL": self.api_url,
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
            "PREFECT_WORKER_QUERY_SECONDS": str(WORKER_QUERY_S),
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def prefect_command(self) -> tuple[list[str], dict[str, str]]:
        """Command and environment of the Prefect server."""
        database = self.prefect_database or f"sqlite+aiosqlite:///{self.folder / 'prefect.db'}"
        env = {
            **self.client_environment(),
            "PREFECT_API_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_UI_API_URL": self.api_url,
            # The pages are written with the API's address in them: not into the installation.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.folder / "prefect-ui"),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }
        env.pop("PREFECT_API_URL")
        command = _module("prefect", "server", "start", "--host", self.host)
        return [*command, "--port", str(self.prefect_port)], env

    def mlflow_command(self) -> tuple[list[str], dict[str, str]]:
        """Command and environment of the MLflow server."""
        env = {
            **self.client_environment(),
            # No LLM judges run here; without them the server is one process.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            # Not as an argument: everybody on the machine can list those, with the password.
            "MLFLOW_BACKEND_STORE_URI": self.mlflow_store,
        }
        env.pop("MLFLOW_TRACKING_URI")
        command = _module("mlflow", "server", "--host", self.host, "--port", str(self.mlflow_port))
        command += ["--artifacts-destination", self.artifact_root, "--workers", "1"]
        return command, env

    def worker_command(self) -> tuple[list[str], dict[str, str]]:
        """Command and environment of the worker."""
        command = _module("prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process")
        return [*command, "--name", WORKER_NAME], self.client_environment()


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def check_port(host: str, port: int, setting: str) -> None:
    """Make sure that a server can listen.

    Raises:
        StackError: Another process listens, or the port may not be used.
    """
    with socket.socket() as probe:
        # What a restarted server does too: connections of the last one do not block it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StackError(
                f"port {port} of {host} cannot be used: {error.strerror or error}",
                setting=setting,
                expected="a free port, or `sql-ft down` for a stack that is still up",
            ) from error
