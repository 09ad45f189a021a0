"""Environment that must be set before Prefect or MLflow is imported."""

from __future__ import annotations

import os
import warnings


def configure_process(verbose: bool = False) -> None:
    """Make a command-line process quiet about everything but the chain itself.

    Every value is a default: what the user's environment sets wins.
    """
    defaults = {
        # The library logs through the standard library; Prefect forwards these loggers.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "sql_ft",
        "PREFECT_LOGGING_LEVEL": "INFO" if not verbose else "DEBUG",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Starting the embedded server takes 10-18 s here; the default limit of 20 s is
        # too close on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if not verbose:
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
