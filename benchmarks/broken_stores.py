"""Disk full, database locked, MLflow away, artifact store away: in mid-run, then mended.

    python benchmarks/broken_stores.py [--only disk] [--out result.json]

`sql-ft run` trains the small configuration of `tests/tiny_run.py`. What it needs breaks at a
chosen moment and stays broken until the command has ended; then it is mended and the same
command is run again. Shown: what the first command said, how long it tried, and what the second
one did about the training: `kept` (the same result file, unwritten since), `resumed from step N`
or `repeated`. Steps of training that both commands logged are counted in MLflow. Disk full needs
the right to mount a tmpfs (root). With --out the file keeps one entry a scene.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from deployed_stack import ROOT, free_port
from tiny_run import run_settings, write_inputs

from sql_ft.stack.processes import start_background, stop_all, wait_until_ready
from sql_ft.stack.services import StackSettings
from sql_ft.tracking.store import prepare_store

Break = Callable[[], AbstractContextManager[object]]
MODEL = "broken"


class Command:
    """`sql-ft run` on one state folder."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder, self.state = folder, state
        self.env = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "PREFECT_HOME": str(folder / "prefect"),
            "COLUMNS": "400",
        }
        base, rows = write_inputs(folder)
        settings = run_settings(base, rows, state, MODEL)
        self.config = folder / "run.yaml"
        self.config.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "run", "--config", str(self.config)],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def trained(self) -> list[tuple[str, int, str]]:
        """Results of finished trainings: path, file and content.

        Reading one for use changes its times; writing it anew makes another file.
        """
        found = sorted(self.state.glob("training/*/result.json"))
        return [(str(path), path.stat().st_ino, path.read_text()) for path in found]

    def steps(self) -> collections.Counter[int]:
        """How often each step of training was logged, over all runs of the experiment."""
        uri = self.env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.state / 'mlflow.db'}"
        client = prepare_store(uri, self.folder / "checks").client()
        experiment = client.get_experiment_by_name(MODEL)
        return collections.Counter(
            metric.step
            for run in client.search_runs([experiment.experiment_id])
            for metric in client.get_metric_history(run.info.run_id, "train/loss")
        )

    def checkpoints(self) -> list[Path]:
        """Checkpoints of a training, the finished ones too."""
        return list(self.state.glob("training/*/checkpoints/checkpoint-*"))


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[tuple[Command, Callable[[], object], Break]]:
    """State on a tmpfs that is filled to the last byte once training has begun."""
    state = folder / "state"
    state.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(state)], check=True)
    command = Command(folder, state)

    @contextlib.contextmanager
    def fill() -> Iterator[None]:
        filler = state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(65536))
        yield
        filler.unlink()

    try:
        yield command, command.checkpoints, fill
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


@contextlib.contextmanager
def locked_database(folder: Path) -> Iterator[tuple[Command, Callable[[], object], Break]]:
    """Another process holds MLflow's SQLite file for itself, from the end of training on."""
    command = Command(folder, folder / "state")

    @contextlib.contextmanager
    def lock() -> Iterator[None]:
        connection = sqlite3.connect(folder / "state" / "mlflow.db", timeout=60, isolation_level="")
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.rollback()
        connection.close()

    yield command, command.trained, lock


@contextlib.contextmanager
def with_server(
    folder: Path, artifacts_only: bool, in_training: bool = False
) -> Iterator[tuple[Command, object, Break]]:
    """An MLflow server that is killed, or loses its artifact folder.

    When training has ended, or once it has a checkpoint.
    """
    settings = StackSettings(state_dir=folder / "state", root=ROOT, mlflow_port=free_port())

    def serve() -> None:
        server_command, env = settings.mlflow_command()
        process = start_background("mlflow-server", server_command, settings.folder, env, ROOT)
        wait_until_ready(process, f"{settings.mlflow_url}/health", 180)

    @contextlib.contextmanager
    def away() -> Iterator[None]:
        stop_all(settings.folder)
        yield
        serve()

    @contextlib.contextmanager
    def no_artifacts() -> Iterator[None]:
        # A file where the folder was: root, too, cannot write into it.
        store = folder / "state" / "artifacts"
        store.mkdir(exist_ok=True)  # made by the server with its first artifact
        kept = store.rename(folder / "artifacts-kept")
        store.write_text("")
        yield
        store.unlink()
        kept.rename(store)

    settings.folder.mkdir(parents=True)
    serve()
    command = Command(folder, folder / "state")
    command.env["MLFLOW_TRACKING_URI"] = settings.mlflow_url
    try:
        moment = command.checkpoints if in_training else command.trained
        yield command, moment, no_artifacts if artifacts_only else away
    finally:
        stop_all(settings.folder)


SCENES: dict[str, Callable[[Path], AbstractContextManager[tuple[Command, object, Break]]]] = {
    "disk full": full_disk,
    "database locked": locked_database,
    "MLflow away": lambda folder: with_server(folder, artifacts_only=False),
    "MLflow away in training": lambda folder: with_server(
        folder, artifacts_only=False, in_training=True
    ),
    "artifact store away": lambda folder: with_server(folder, artifacts_only=True),
}


def play(name: str, folder: Path) -> dict[str, object]:
    """One scene; what both commands said."""
    with SCENES[name](folder) as (command, moment, broken):
        first = command.start()
        while not moment() and first.poll() is None:  # type: ignore[operator]
            time.sleep(0.1)
        began = time.monotonic()
        with broken():
            output, _ = first.communicate(timeout=3600)
            seconds = time.monotonic() - began
        trained, checkpoints = command.trained(), len(command.checkpoints())
        second = command.start()
        again, _ = second.communicate(timeout=3600)
        kept = bool(trained) and command.trained() == trained
        resumed = max((json.loads(t[2])["resumed_from_step"] for t in command.trained()), default=0)
        steps = command.steps()
        last = [line for line in output.splitlines() if line.strip()]
        errors = [line for line in last if line.strip().startswith("error ")]
        return {
            "broken": name,
            "exit": first.returncode,
            "said": (errors or last or ["nothing"])[-1].strip()[:400],
            "tried_s": round(seconds, 1),
            "training_finished": bool(trained),
            "checkpoints_kept": checkpoints,
            "exit_again": second.returncode,
            "training": "kept"
            if kept
            else f"resumed from step {resumed}"
            if resumed
            else "repeated",
            "steps": len(steps),
            "repeated_steps": sum(steps.values()) - len(steps),
            "load": round(os.getloadavg()[1], 1),
            "output": output[-6000:],
            "output_again": again[-3000:],
        }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="scenes whose name starts so")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    known = json.loads(options.out.read_text()) if options.out and options.out.exists() else []
    by_name = {row["broken"]: row for row in known}
    results = []
    for name in SCENES:
        if name.startswith(options.only):
            with tempfile.TemporaryDirectory() as folder:
                row = play(name, Path(folder))
            outputs = {key: row.pop(key) for key in ("output", "output_again")}
            print(*outputs.values(), json.dumps(row), sep="\n", flush=True)
            results.append(row)
            by_name[name] = row
            if options.out:
                kept = [by_name[scene] for scene in SCENES if scene in by_name]
                options.out.write_text(json.dumps(kept, indent=1) + "\n")
    table = Table(title="Broken in mid-run, mended, run again")
    columns = ("broken", "exit", "tried_s", "said", "exit_again", "training", "repeated_steps")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in results:
        table.add_row(*(str(row[column]) for column in columns))
    Console().print(table)
    return int(any(row["exit"] == 0 or row["exit_again"] != 0 for row in results))


if __name__ == "__main__":
    sys.exit(main())
