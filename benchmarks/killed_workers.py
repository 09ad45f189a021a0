"""Workers killed by SIGKILL while they score: is a verdict lost, or another one?

    python benchmarks/killed_workers.py [--kills 200] [--samples 200]

Answers to questions of the bundled sample are scored again and again while a thread kills
a worker at a random moment, until so many have been killed; each run's verdicts are
compared with those of an undisturbed one.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scoring_speed import make_predictions, perturb, unique

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.config import EvaluationConfig
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.execution import sandbox
from sql_ft.records import Sample


class Killer(threading.Thread):
    """Kills one of the living workers at random moments, while it is switched on."""

    def __init__(self, most: int, longest_pause_s: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.most, self.longest_pause_s = most, longest_pause_s
        self.on, self.ended = threading.Event(), threading.Event()
        self.kills = 0
        self.pids: set[int] = set()
        self._random = random.Random(seed)

    def run(self) -> None:
        while not self.ended.is_set():
            time.sleep(self._random.uniform(0.0, self.longest_pause_s))
            pids = sorted(self.pids)
            if self.on.is_set() and self.kills < self.most and pids:
                pid = self._random.choice(pids)
                self.pids.discard(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--longest-pause-s", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    config = EvaluationConfig(workers=options.workers)
    rows = generate_rows(n_rows=options.samples)
    samples, texts = unique(
        [Sample("", r["question"], r["context"], r["answer"], "g") for r in rows],
        [perturb(r["answer"], i) for i, r in enumerate(rows)],
    )
    predictions = make_predictions(samples, texts)
    with tempfile.TemporaryDirectory() as folder:
        evaluation_set = build_evaluation_set(samples, config, Path(folder, "set"))
    expected = score_predictions(evaluation_set, predictions, config)
    killer = Killer(options.kills, options.longest_pause_s, options.seed)

    class Watched(sandbox.WorkerProcess):
        """Tells the killer that it lives, and that its parent has ended it."""

        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            killer.pids.add(self.pid)

        def kill(self) -> None:
            killer.pids.discard(self.pid)
            super().kill()

    sandbox.WorkerProcess = Watched  # type: ignore[misc]
    killer.start()
    runs = lost = wrong = 0
    began = time.perf_counter()
    killer.on.set()
    while killer.kills < options.kills:
        verdicts = score_predictions(evaluation_set, predictions, config)
        runs += 1
        lost += len(expected) - len(verdicts)
        wrong += sum(a != b for a, b in zip(expected, verdicts, strict=False))
    killer.ended.set()
    killer.join()
    table = Table(title=f"SIGKILL at random moments, {options.workers} workers")
    for name in ("kills", "runs", "verdicts", "lost", "changed", "seconds"):
        table.add_column(name, justify="right")
    seconds = time.perf_counter() - began
    table.add_row(
        *map(str, (killer.kills, runs, runs * len(expected), lost, wrong)), f"{seconds:.0f}"
    )
    console = Console()
    console.print(table)
    console.print(f"verdicts: {dict(collections.Counter(v.reason for v in expected))}")
    return int(lost > 0 or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
