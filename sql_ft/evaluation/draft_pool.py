"""Draft samples on several cores.

Each worker is a fresh interpreter that runs this module. Neither fork (unsafe beside
the threads of Prefect and torch) nor multiprocessing's spawn (which imports the caller's
main script again, and so needs a guard in it) is needed for work this simple: samples
go in through standard input, drafts come out through standard output, both pickled
between two copies of the same code.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import sql_ft
from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.drafts import Draft, draft_sample
from sql_ft.execution.real import RealDatabase
from sql_ft.records import Sample

MIN_SAMPLES_PER_WORKER = 25
"""Fewer do not pay for starting an interpreter."""

_Message = tuple[int, Draft | None]


def draft_all(
    samples: Sequence[Sample],
    config: EvaluationConfig,
    progress: Callable[[int, int], None],
    databases: Mapping[str, RealDatabase] | None = None,
) -> list[Draft]:
    """Draft every sample; the result does not depend on the number of workers.

    Args:
        samples: In any order, which the result keeps.
        config: `workers` processes at most; 0: one per core.
        progress: Called with (done, total).
        databases: `Sample.schema_group` → its real database.

    Raises:
        EvaluationError: A worker died.
    """
    databases = databases or {}
    wanted = config.workers or os.cpu_count() or 1
    workers = min(wanted, len(samples) // MIN_SAMPLES_PER_WORKER)
    if workers < 2:
        drafts = []
        for done, sample in enumerate(samples, start=1):
            drafts.append(draft_sample(sample, config, databases.get(sample.schema_group)))
            progress(done, len(samples))
        return drafts
    return _draft_in_processes(samples, config, progress, workers, databases)


def _draft_in_processes(
    samples: Sequence[Sample],
    config: EvaluationConfig,
    progress: Callable[[int, int], None],
    workers: int,
    databases: Mapping[str, RealDatabase],
) -> list[Draft]:
    shares = [range(first, len(samples), workers) for first in range(workers)]
    messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
    processes = [_start() for _ in shares]
    threads = [
        threading.Thread(
            target=_converse,
            args=(process, share, [samples[i] for i in share], config, databases, messages),
            daemon=True,
        )
        for process, share in zip(processes, shares, strict=True)
    ]
    drafts: dict[int, Draft] = {}
    try:
        for thread in threads:
            thread.start()
        while len(drafts) < len(samples):
            index, draft = messages.get()
            if draft is None:
                raise EvaluationError(
                    f"a process that builds databases ended before sample {samples[index].id}",
                    setting="evaluation.workers",
                    expected="1, if memory for more is short",
                )
            drafts[index] = draft
            progress(len(drafts), len(samples))
    finally:
        for process in processes:
            process.kill()
        for thread in threads:
            thread.join()
        for process in processes:
            process.wait()
    return [drafts[index] for index in range(len(samples))]


def _start() -> subprocess.Popen[bytes]:
    root = str(Path(sql_ft.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "sql_ft.evaluation.draft_pool"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C reaches the parent alone, which ends its workers.
        start_new_session=True,
    )


def _converse(
    process: subprocess.Popen[bytes],
    share: range,
    samples: Sequence[Sample],
    config: EvaluationConfig,
    databases: Mapping[str, RealDatabase],
    messages: queue.SimpleQueue[_Message],
) -> None:
    """Send one worker its samples and pass on what it answers, in order."""
    assert process.stdin is not None
    assert process.stdout is not None
    answered = 0
    try:
        with process.stdin, process.stdout:
            groups = {sample.schema_group for sample in samples}
            needed = {name: real for name, real in databases.items() if name in groups}
            pickle.dump((config.model_dump(), list(samples), needed), process.stdin)
            process.stdin.flush()
            for index in share:
                messages.put((index, pickle.load(process.stdout)))
                answered += 1
    except (OSError, EOFError, pickle.UnpicklingError):
        # The worker is gone; the parent says so with the sample it stopped at.
        if answered < len(share):
            messages.put((share[answered], None))


def main() -> None:
    """Worker: read samples from standard input, write drafts to standard output."""
    settings, samples, databases = pickle.load(sys.stdin.buffer)
    config = EvaluationConfig(**settings)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Nothing that a library prints may come between two answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for sample in samples:
        draft = draft_sample(sample, config, databases.get(sample.schema_group))
        pickle.dump(draft, answers)
        answers.flush()


if __name__ == "__main__":
    main()
