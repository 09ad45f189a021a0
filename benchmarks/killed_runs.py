"""SIGKILL at random moments over the whole deployed flow; what becomes of the run?

    python benchmarks/killed_runs.py [--kills 50] [--minutes N] [--out result.json]

With --out, every round is written as it ends, and the same command goes on where the file stops:
on a fresh stack, with two undisturbed runs, until the file has so many kills or the minutes are
over.

A stack of its own (`sql-ft up`: Prefect server, MLflow server, process worker) runs
`finetune/weekly` with a configuration of seconds: a random base of 0.2M parameters, 32 rows
that teach it one query. Every round trains anew, odd rounds under a new model name (the
candidate is promoted), even ones under that name with another seed (the champion is kept).
One process, or all of the machine, is killed after a random share of the time that an
undisturbed run takes. A killed server or worker is started by `sql-ft up`; the run itself is
repeated by the shipped automations alone. Only a run that ends Failed is started again.

Checked after every round: the run ended completed or failed with a reason; at most one
checkpoint interval of training was repeated, in the same MLflow run; the adapter has one
version; champion and record agree; no MLflow run is left open; the deployment's slot is free.
Checked at the end: no run has left its final state since.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from deployed_stack import DeployedStack, run_processes, training_process
from promotion_checks import check_registry
from tiny_run import run_settings, write_inputs

from sql_ft.stack.services import MLFLOW, PREFECT, WORKER
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import list_versions

CHILD, FLOW, MACHINE = "training", "flow run", "machine"
NOTHING, LATE = "nothing", "too late"
VICTIMS = (CHILD, FLOW, WORKER, PREFECT, MLFLOW, MACHINE)
SAVE_STEPS = 10
DEPLOYMENT = "finetune/weekly"
#: Between the death of a server or worker and `sql-ft up`.
OPERATOR_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victims", nargs="*", default=list(VICTIMS), choices=VICTIMS)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no round after that")
    parser.add_argument("--out", type=Path, help="JSON, read first, written after every round")
    parser.add_argument("--folder", type=Path, help="kept; default: a temporary one")
    parser.add_argument("--prefect-database", default="")
    parser.add_argument("--mlflow-database", default="")
    options = parser.parse_args(arguments)
    before = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    stop_at = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        databases = (options.prefect_database, options.mlflow_database)
        with DeployedStack(folder / "state", *databases) as stack:
            rounds = Rounds(stack, folder, options.seed, before)

            def write() -> None:
                if options.out:
                    options.out.write_text(json.dumps(rounds.result(), indent=1) + "\n")

            try:
                for _ in range(2):
                    rounds.play(NOTHING)
                while rounds.kills < options.kills and time.monotonic() < stop_at:
                    rounds.play(options.victims[rounds.kills % len(options.victims)])
                    write()
                rounds.check_final_states()
            except Exception as error:
                # A round that cannot be played is a finding, and the next call goes on.
                rounds.problems.append(f"after round {rounds.number}: {error!r}"[:600])
                raise
            finally:
                write()
        result = rounds.result()
    show(result)
    return int(bool(result["problems"]))


class Rounds:
    """Plays rounds on one stack and remembers how each ended."""

    def __init__(
        self, stack: DeployedStack, folder: Path, seed: int, before: dict[str, Any]
    ) -> None:
        self.stack, self.folder = stack, folder
        self.base, self.rows = write_inputs(folder)
        self.rounds: list[dict[str, Any]] = list(before.get("rounds", []))
        self.problems: list[str] = list(before.get("problems", []))
        self.loads: list[float] = list(before.get("loads", []))
        self.chance = random.Random(f"{seed} {len(self.rounds)}")
        #: Even, so that the first round here is odd and trains for a model of its own.
        self.number = -(-max((r["round"] for r in self.rounds), default=0) // 2) * 2
        self.final: dict[str, tuple[str, int]] = {}
        self.undisturbed_s: list[float] = []
        self.training_s = 5.0

    @property
    def kills(self) -> int:
        """Rounds in which something was killed."""
        return sum(r["killed"] not in (NOTHING, LATE) for r in self.rounds)

    def play(self, victim: str) -> None:
        """One round: start a run, kill, wait for the end, check."""
        self.number = number = self.number + 1
        name = f"killed-{(number + 1) // 2}"
        settings = run_settings(self.base, self.rows, self.stack.state_dir, name)
        settings["train"] = {**settings["train"], "seed": number, "save_steps": SAVE_STEPS}
        began = time.monotonic()
        run_id = self.stack.submit(DEPLOYMENT, {"config": settings})
        self.stack.wait_until_running(run_id)
        started = time.monotonic()
        stage = ""
        if victim == NOTHING:
            self.training_s = self._time_training()
        else:
            stage, victim = self._kill(victim, run_id)
        run = self.stack.wait_until_settled(run_id)
        seconds = time.monotonic() - started
        reruns = 0
        first_end = run["state_name"]
        reason = (run["state"].get("message") or "")[:300]
        if run["state"]["type"] != "COMPLETED":
            if not reason:
                self.problems.append(f"round {number}: ended {first_end} without a reason")
            reruns = 1
            again = self.stack.submit(DEPLOYMENT, {"config": settings})
            run = self.stack.wait_until_settled(again)
            self.final[again] = (run["state_name"], run["run_count"])
        self.final[run_id] = (first_end, self.stack.read_run(run_id)["run_count"])
        if victim == NOTHING:
            self.undisturbed_s.append(seconds)
        self.loads.append(round(os.getloadavg()[1], 1))
        entry: dict[str, Any] = {
            "round": number,
            "killed": victim,
            "stage": stage,
            "ended": first_end,
            "reason": reason if first_end != "Completed" else "",
            "attempts": self.final[run_id][1],
            "rerun": reruns,
            "seconds": round(seconds, 1),
            "queued_s": round(started - began, 1),
        }
        entry.update(self._check(number, name, run["state"]["type"]))
        self.rounds.append(entry)
        print(json.dumps(entry), flush=True)

    def _time_training(self) -> float:
        """How long the training process of a run that nobody disturbs lives."""
        child = self.stack.wait_for(lambda: training_process(self.stack), 600)
        began = time.monotonic()
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.2)
        return time.monotonic() - began

    def _kill(self, victim: str, run_id: str) -> tuple[str, str]:
        """Kill after a random share of the run; the stage it was in, and what was killed."""
        stack = self.stack
        child = stack.wait_for(lambda: training_process(stack), 600) if victim == CHILD else None
        longest = self.training_s if child else min(self.undisturbed_s[-3:])
        time.sleep(self.chance.uniform(0.0, longest))
        stage = stack.stage(run_id)
        if stack.read_run(run_id)["state"]["type"] == "COMPLETED":
            return "ended", LATE
        if child is not None and child.is_running():
            child.kill()
        elif victim in (CHILD, FLOW):
            victim = FLOW
            for process in run_processes(stack, run_id):
                process.kill()
        elif victim == MACHINE:
            stack.kill_everything()
        else:
            stack.kill(victim)
        if victim in (WORKER, PREFECT, MLFLOW, MACHINE):
            time.sleep(OPERATOR_S)
            stack.up()
        return stage, victim

    def _check(self, number: int, name: str, state: str) -> dict[str, object]:
        """What must hold after a round; the outcome and what it cost."""

        def wrong(text: str) -> None:
            self.problems.append(f"round {number}: {text}")

        if state != "COMPLETED":
            wrong(f"the run, and its rerun, ended {state}")
            return {"outcome": "failed"}
        store = prepare_store(self.stack.mlflow_url, self.folder / "checks")
        versions = list_versions(store, name)
        expected = 1 if number % 2 else 2
        if len(versions) != expected:
            wrong(f"{len(versions)} versions of {name} instead of {expected}")
        try:
            check_registry(store, name, {"", "1", "2"})
        except AssertionError as error:
            wrong(str(error))
        decisions = decisions_of(versions[0])
        ids = [d["id"] for d in decisions]
        if not decisions or len(ids) != len(set(ids)):
            wrong(f"decisions about version {versions[0].version}: {ids}")
        client = store.client()
        experiment = client.get_experiment_by_name(name)
        runs = client.search_runs([experiment.experiment_id])
        if open_runs := [r.info.run_id for r in runs if r.info.status == "RUNNING"]:
            wrong(f"MLflow runs left open: {open_runs}")
        mine = [r for r in runs if r.data.params.get("train.seed") == str(number)]
        steps = collections.Counter(
            m.step for r in mine for m in client.get_metric_history(r.info.run_id, "train/loss")
        )
        repeated = sum(steps.values()) - len(steps)
        if repeated > SAVE_STEPS:
            wrong(f"{repeated} steps of training were repeated; an interval is {SAVE_STEPS}")
        if slots := self.stack.busy_slots():
            wrong(f"{slots} slots of the deployment are taken")
        return {
            "outcome": "promoted" if decisions and decisions[-1]["promote"] else "kept",
            "mlflow_runs": len(mine),
            "steps": len(steps),
            "repeated_steps": repeated,
        }

    def check_final_states(self) -> None:
        """No run has left the state in which it ended."""
        for run_id, (name, count) in self.final.items():
            run = self.stack.read_run(run_id)
            if (run["state_name"], run["run_count"]) != (name, count):
                self.problems.append(
                    f"run {run_id} ended {name} after {count} attempts and is "
                    f"{run['state_name']} after {run['run_count']} now"
                )

    def result(self) -> dict[str, object]:
        """Everything, as data."""
        return {
            "kills": self.kills,
            "undisturbed_s": [r["seconds"] for r in self.rounds if r["killed"] == NOTHING],
            "loads": self.loads,
            "problems": self.problems,
            "rounds": self.rounds,
        }


def show(result: dict[str, object]) -> None:
    """One row a victim."""
    rounds = [r for r in result["rounds"] if r["killed"] not in (NOTHING, LATE)]  # type: ignore[attr-defined]
    table = Table(title=f"{result['kills']} times SIGKILL over the whole deployed flow")
    columns = ("killed", "kills", "ended", "outcome", "reruns", "steps repeated", "seconds")
    for column in columns:
        table.add_column(column)
    for victim in sorted({r["killed"] for r in rounds}):
        rows = [r for r in rounds if r["killed"] == victim]
        table.add_row(
            victim,
            str(len(rows)),
            _counts(r["ended"] for r in rows),
            _counts(r["outcome"] for r in rows),
            str(sum(r["rerun"] for r in rows)),
            f"at most {max(r.get('repeated_steps', 0) for r in rows)}",
            f"{min(r['seconds'] for r in rows):.0f}–{max(r['seconds'] for r in rows):.0f}",
        )
    console = Console()
    console.print(table)
    console.print(f"an undisturbed run takes {result['undisturbed_s']} s")
    for problem in result["problems"]:  # type: ignore[attr-defined]
        console.print(f"[red]{problem}[/]")
    if not result["problems"]:
        console.print("no duplicate version, no open run, no taken slot, no lost run")


def _counts(values: object) -> str:
    found = collections.Counter(values)  # type: ignore[call-overload]
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


if __name__ == "__main__":
    sys.exit(main())
