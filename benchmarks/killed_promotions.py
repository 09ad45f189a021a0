"""SIGKILL at random moments from registration to promotion, then run again.

    python benchmarks/killed_promotions.py [--kills 100] [--verify]

In every round a process registers a new adapter beside the champion of the round before,
logs verdicts, decides and promotes (the flow's steps in the flow's order, with verdicts that
are given), and is killed after a random share of the time that an undisturbed one takes;
then it is run again. Checked after the kill: one champion that exists, no alias without a
version, one version per adapter hash, a record that says which champion is live. Checked
after the next run: also a decision for every evaluation, no run left open, the newest
version live. A kill that comes after the end of the process is not counted.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lora_folder import make_lora_folder
from promotion_checks import check_registry, check_settled
from promotion_driver import fork_context, register_and_promote
from tiny_model import make_tiny_model

from sql_ft.config import RunConfig
from sql_ft.tracking.champion_move import last_move
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import list_versions, read_model

NAME = "killed"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--verify", action="store_true", help="load each version back before it is registered"
    )
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    context = fork_context()
    stages: collections.Counter[str] = collections.Counter()
    late = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        store = prepare_store(f"sqlite:///{work / 'state' / 'mlflow.db'}", work / "state")
        base = make_tiny_model(work / "base")
        config = RunConfig.model_validate({"model": {"name_or_path": str(base)}})

        def start(number: int) -> Any:
            adapter = work / f"adapter-{number}"
            if not adapter.exists():
                make_lora_folder(adapter, base, seed=number)
            process = context.Process(
                target=register_and_promote,
                args=(
                    store.tracking_uri,
                    str(store.state_dir),
                    NAME,
                    str(adapter),
                    config.model_dump(mode="json"),
                ),
                kwargs={"verify": options.verify},
            )
            process.start()
            return process

        def finish(number: int) -> float:
            started = time.perf_counter()
            process = start(number)
            process.join()
            if process.exitcode != 0:
                raise SystemExit(f"round {number}: the run that nobody disturbs failed")
            return time.perf_counter() - started

        durations = [finish(number) for number in (1, 2, 3)][1:]
        number = 3
        while sum(stages.values()) < options.kills:
            number += 1
            process = start(number)
            time.sleep(chance.uniform(0.0, max(durations[-5:])))
            process.kill()
            process.join()
            if process.exitcode == 0:
                late += 1
            else:
                check_registry(store, NAME, champions={str(number - 1), str(number)})
                stages[stage_reached(store, str(number))] += 1
            durations.append(finish(number))
            check_settled(store, NAME, champion=str(number))
            assert len(list_versions(store, NAME)) == number

    table = Table(title=f"{options.kills} times SIGKILL, then run again (seed {options.seed})")
    for column in ("what stood when it died", "kills", "after the next run"):
        table.add_column(column)
    for stage, count in sorted(stages.items()):
        table.add_row(stage, str(count), "settled")
    console = Console()
    console.print(table)
    console.print(
        f"ended before the kill came: {late}; an undisturbed run takes "
        f"{min(durations):.1f}–{max(durations):.1f} s; {time.perf_counter() - began:.0f} s in all"
    )
    return 0


def stage_reached(store: Store, number: str) -> str:
    """The last thing that the registry knows of the run that was killed."""
    newest = list_versions(store, NAME)[0]
    model = read_model(store, NAME)
    assert model is not None
    if newest.version != number:
        return "1 not registered"
    if model.aliases.get("champion") == number:
        return "6 champion moved"
    move = last_move(model)
    if move is not None and move["to"] == number:
        return "5 move noted or decision recorded"
    if "scores" in newest.tags:
        return "4 verdicts logged"
    return "3 candidate" if "candidate" in newest.aliases else "2 registered"


if __name__ == "__main__":
    sys.exit(main())
