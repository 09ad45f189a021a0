"""What a run needs before its first task, done side by side.

Prefect's temporary server takes seconds of one core to start; importing torch, transformers
and MLflow, and creating MLflow's store, take seconds of another.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from sql_ft.config import RunConfig
from sql_ft.errors import SqlFtError


@contextlib.contextmanager
def temporary_server_ahead() -> Iterator[None]:
    """Start Prefect's temporary server, if the run will need one, while the block runs.

    Leaving the block waits for it. A server that does not start is Prefect's to report,
    when the flow asks for it.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_ENABLED

    if PREFECT_API_URL.value() or not PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer

    def start() -> None:
        # The very instance that Prefect's client asks for, and then finds running.
        with contextlib.suppress(Exception):
            SubprocessASGIServer().start()

    starting = threading.Thread(target=start, name="temporary-server", daemon=True)
    starting.start()
    try:
        yield
    finally:
        starting.join()


def prepare_ahead(config: RunConfig) -> None:
    """Import what the stages import, and open the store if it is a local file.

    A local base is hashed in a thread of its own. Where there are cores for it, the
    training process and the one that loads the version back start now and import meanwhile.
    Errors are left to the stage that meets them again, where they are recorded.
    """
    from sql_ft.base_model import hash_base_ahead
    from sql_ft.hardware import has_cores_to_spare
    from sql_ft.model_libraries import import_ahead
    from sql_ft.tracking import fresh_process
    from sql_ft.tracking.store import is_local_file, prepare_store
    from sql_ft.training import trainer

    base = Path(config.model.name_or_path).expanduser()
    if base.is_dir():
        hash_base_ahead(base)
    spare = has_cores_to_spare()
    if spare:
        trainer.start_ahead(config)
    uri = config.resolved_tracking_uri
    if is_local_file(uri):
        with contextlib.suppress(SqlFtError):
            store = prepare_store(uri, config.state_path)
            if spare:
                fresh_process.start_ahead(store)
    import_ahead()
