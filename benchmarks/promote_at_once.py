"""Two processes that register and promote at once, against one store.

    python benchmarks/promote_at_once.py [--rounds 50]

In every round both begin together, each with an adapter that it finds better than whatever
is live; in every fifth round both bring the same adapter. The one that loses the race must
compare again with the new champion. Checked at the end: one version per adapter hash, every
promotion replaced the champion of the one before it (so there was one champion per moment),
every version has its decision, no alias without a version, no run left open.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lora_folder import make_lora_folder
from promotion_checks import check_settled
from promotion_driver import fork_context, promote_in_turn
from tiny_model import make_tiny_model

from sql_ft.config import RunConfig
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.decision_page import champion_moves
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import aliases_of, list_versions

NAME = "raced"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        store = prepare_store(f"sqlite:///{work / 'state' / 'mlflow.db'}", work / "state")
        base = make_tiny_model(work / "base")
        config = RunConfig.model_validate({"model": {"name_or_path": str(base)}})
        folders = [
            [
                str(make_lora_folder(work / f"{racer}-{turn}", base, seed=1000 * racer + turn))
                for turn in range(options.rounds)
            ]
            for racer in (1, 2)
        ]
        same = list(range(4, options.rounds, 5))
        for turn in same:
            folders[1][turn] = folders[0][turn]
        context = fork_context()
        barrier = context.Barrier(2)
        began = time.perf_counter()
        racers = [
            context.Process(
                target=promote_in_turn,
                args=(
                    barrier,
                    options.rounds,
                    store.tracking_uri,
                    str(store.state_dir),
                    NAME,
                    own,
                    config.model_dump(mode="json"),
                ),
            )
            for own in folders
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        seconds = time.perf_counter() - began
        if any(racer.exitcode for racer in racers):
            raise SystemExit(f"exit codes {[racer.exitcode for racer in racers]}")
        versions = list_versions(store, NAME)
        expected = 2 * options.rounds - len(same)
        if len(versions) != expected:
            raise SystemExit(f"{len(versions)} versions of {expected} adapters")
        check_settled(store, NAME, champion=aliases_of(store, NAME)["champion"])
        moves = len(champion_moves(versions))
        decisions = sum(len(decisions_of(version)) for version in versions)
        undecided = sum(not decisions_of(version) for version in versions)
    table = Table(title=f"two processes promoting at once, {options.rounds} rounds")
    for column in (
        "adapters", "versions", "champions, one after another", "decisions", "undecided", "seconds",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    table.add_row(
        *map(str, (expected, len(versions), moves, decisions, undecided)), f"{seconds:.0f}"
    )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
