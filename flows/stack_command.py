"""`sql-ft up`, `sql-ft down`: the local stack with one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sql_ft.errors import ConfigError
from sql_ft.stack.services import StackSettings

if TYPE_CHECKING:
    from sql_ft.stack.processes import Background

StateOption = Annotated[
    Path, typer.Option("--state-dir", help="Folder of everything the stack keeps.")
]
RootOption = Annotated[
    Path, typer.Option("--root", help="Folder with flows/ and deployments/: the repository.")
]

_SERVER_START_S = 180.0
_WORKER_START_S = 60.0


def up(
    state_dir: StateOption = Path("state"),
    root: RootOption = Path(),
    host: Annotated[
        str, typer.Option(help="Interface of both servers; they ask for no password.")
    ] = "127.0.0.1",
    prefect_port: Annotated[
        int, typer.Option(min=1, max=65535, envvar="SQL_FT_PREFECT_PORT")
    ] = 4200,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, envvar="SQL_FT_MLFLOW_PORT")] = 5000,
    prefect_database: Annotated[
        str,
        typer.Option(
            envvar="SQL_FT_PREFECT_DATABASE",
            help="postgresql+asyncpg://USER:PASSWORD@HOST/NAME; default: a SQLite file.",
        ),
    ] = "",
    mlflow_database: Annotated[
        str,
        typer.Option(
            envvar="SQL_FT_MLFLOW_DATABASE",
            help="postgresql+psycopg://USER:PASSWORD@HOST/NAME; default: state/mlflow.db.",
        ),
    ] = "",
    artifacts: Annotated[
        str,
        typer.Option(
            envvar="SQL_FT_ARTIFACTS", help="Folder or URI, e.g. s3://bucket; default: state/."
        ),
    ] = "",
) -> None:
    """Start Prefect, MLflow and a worker; apply the deployments; print the addresses."""
    from flows.logging_setup import configure_process

    settings = StackSettings(
        state_dir=state_dir.expanduser().resolve(),
        root=root.expanduser().resolve(),
        host=host,
        prefect_port=prefect_port,
        mlflow_port=mlflow_port,
        prefect_database=prefect_database,
        mlflow_database=mlflow_database,
        artifacts=artifacts,
    )
    if not (settings.root / "deployments" / "prefect.yaml").is_file():
        raise ConfigError(
            f"no deployments/prefect.yaml in {settings.root}",
            setting="--root",
            expected="the root of the repository",
        )
    configure_process()
    start_stack(settings)
    rows = [
        ("Prefect", settings.prefect_url),
        ("MLflow", settings.mlflow_url),
        ("state", str(settings.state_dir)),
        ("logs", str(settings.folder / "*.log")),
    ]
    for label, text in rows:
        print(f"{label:<9} {text}")
    print(
        f"\nexport PREFECT_API_URL={settings.api_url} MLFLOW_TRACKING_URI={settings.mlflow_url}\n"
        "prefect deployment run 'finetune/weekly'      # one run now\n"
        "sql-ft status                                 # champion, last runs, next run\n"
        "sql-ft down                                   # stop exactly these processes"
    )


def start_stack(settings: StackSettings) -> None:
    """Start what is not running of both servers and the worker, and apply the deployments.

    On a stack of which a part has died it starts that part alone: a flow run that goes on
    meanwhile is left alone. If the start fails, what this call has started is stopped again.

    Raises:
        StackError: A port is taken, the stack runs at other addresses, or does not start.
    """
    from sql_ft.stack.processes import read_background, start_background, wait_until_ready
    from sql_ft.stack.services import MLFLOW, PREFECT, WORK_POOL, WORKER, check_port
    from sql_ft.stack.stack_record import require_same_addresses, write_record

    require_same_addresses(settings)
    folder, root = settings.folder, settings.root
    running = {
        name: process
        for name in (PREFECT, MLFLOW, WORKER)
        if (process := read_background(folder, name)) is not None and process.alive
    }
    for name, port, option in (
        (PREFECT, settings.prefect_port, "--prefect-port"),
        (MLFLOW, settings.mlflow_port, "--mlflow-port"),
    ):
        if name not in running:
            if (dead := read_background(folder, name)) is not None:
                dead.clear_away()
            check_port(settings.host, port, option)
    if settings.mlflow_store.startswith("sqlite:"):
        from sql_ft.tracking.store import prepare_store

        # Created complete and under its lock, as by a run without a server.
        prepare_store(settings.mlflow_store, settings.state_dir)
    started: list[Background] = []

    def start(name: str, command: list[str], env: dict[str, str]) -> Background:
        if name in running:
            return running[name]
        started.append(start_background(name, command, folder, env, root))
        return started[-1]

    try:
        if running:
            print(f"running   {', '.join(running)}", flush=True)
        print("starting the servers", flush=True)
        prefect = start(PREFECT, *settings.prefect_command())
        mlflow = start(MLFLOW, *settings.mlflow_command())
        wait_until_ready(mlflow, f"{settings.mlflow_url}/health", _SERVER_START_S)
        wait_until_ready(prefect, f"{settings.api_url}/health", _SERVER_START_S)
        write_record(settings)

        print("applying deployments/", flush=True)
        from flows.stack_repair import repeat_dead_runs
        from flows.stack_setup import apply_setup, wait_for_worker

        deployments = apply_setup(root, settings.api_url, WORK_POOL, settings.client_environment())
        if WORKER not in running:
            last = read_background(folder, WORKER)
            for run in repeat_dead_runs(settings.api_url, WORK_POOL, last):
                print(f"repeated  {run}, whose process was gone", flush=True)
        worker = start(WORKER, *settings.worker_command())
        wait_for_worker(settings.api_url, WORK_POOL, worker, _WORKER_START_S)
    except BaseException:
        for process in reversed(started):
            process.stop()
        raise
    print(f"deployed  {', '.join(deployments)}\n")


def down(state_dir: StateOption = Path("state")) -> None:
    """Stop what `sql-ft up` started, and the flow runs of its worker, and nothing else."""
    from sql_ft.stack.processes import stop_all
    from sql_ft.stack.services import STACK_FOLDER

    stopped = stop_all(state_dir.expanduser().resolve() / STACK_FOLDER)
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


def deploy(
    root: RootOption = Path(),
    api_url: Annotated[
        str, typer.Option(envvar="PREFECT_API_URL", help="Prefect's API.")
    ] = "http://127.0.0.1:4200/api",
) -> None:
    """Give a Prefect server the work pool, the deployments and the automations."""
    import os

    from flows.logging_setup import configure_process
    from sql_ft.stack.services import WORK_POOL

    configure_process()
    from flows.stack_setup import apply_setup

    environment = {**os.environ, "PREFECT_API_URL": api_url}
    applied = apply_setup(root.expanduser().resolve(), api_url, WORK_POOL, environment)
    print(f"deployed  {', '.join(applied)}")
