"""Environment that must be set before Prefect or MLflow is imported."""

from __future__ import annotations

import logging
import os
import subprocess
import warnings
from typing import Any

from sql_ft.errors import SqlFtError
from sql_ft.hardware import THREADING


def configure_process(verbose: bool = False) -> None:
    """Make a command-line process quiet about everything but the chain itself.

    Every value is a default: what the user's environment sets wins.
    """
    defaults = {
        # The library logs through the standard library; Prefect forwards these loggers.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "sql_ft",
        "PREFECT_LOGGING_LEVEL": "INFO" if not verbose else "DEBUG",
        # The library also logs outside of flow runs; there is then no run to attach it to.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Starting the embedded server takes 10-18 s here; the default limit of 20 s is
        # too close on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GIT_PYTHON_REFRESH": "quiet",
        # See sql_ft.hardware.THREADING: spinning threads starve each other on a busy machine.
        **THREADING,
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if not verbose:
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)


class _UserErrorsElsewhere(logging.Filter):
    """Keeps tracebacks of errors that the command line reports in one line off the console."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (SqlFtError, KeyboardInterrupt))


def hide_user_error_tracebacks() -> None:
    """Leave the console to the final message; Prefect's own log of the run keeps everything."""
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    setup_logging()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_UserErrorsElsewhere())


def outlive_reader() -> None:
    """Go on when whoever reads this process's output is gone: a worker that was killed.

    rich, which prints Prefect's log lines, ends a process whose pipe is broken. A run loses
    hours by that, and its lines reach the server and the training log all the same.
    """
    from rich.console import Console

    Console.on_broken_pipe = _discard_output  # type: ignore[method-assign,assignment]


def _discard_output(console: Any) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    os.close(nowhere)


def shield_temporary_server() -> None:
    """Start Prefect's temporary server in a session of its own, and end it with this process.

    Ctrl-C reaches every process of the terminal's group. If the server dies first, the
    client waits for it through its retries, and the flow run stays `Running` for good.
    """
    from prefect.server.api.server import SubprocessASGIServer

    start = SubprocessASGIServer._run_uvicorn_command

    def start_detached(self: SubprocessASGIServer) -> subprocess.Popen[Any]:
        # The method takes no options: lend it another Popen for this one call.
        popen = subprocess.Popen
        subprocess.Popen = _DetachedServer  # type: ignore[misc]
        try:
            return start(self)
        finally:
            subprocess.Popen = popen  # type: ignore[misc]

    SubprocessASGIServer._run_uvicorn_command = start_detached  # type: ignore[method-assign]


class _DetachedServer(subprocess.Popen[Any]):
    """The server's process detached; any other that a thread starts meanwhile as it would be."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        if isinstance(args, list) and "uvicorn" in args:
            at = args.index("uvicorn")
            args = [*args[:at], "flows.temporary_server", str(os.getpid()), *args[at + 1 :]]
            options["start_new_session"] = True
        super().__init__(args, *rest, **options)
