"""The stretch from registration to promotion, with cached verdicts, to be killed anywhere.

The steps and their order are the flow's (`flows.finetune`); what models would answer is
given. Run in processes forked from a server that has imported everything but opened
nothing: an attempt costs tenths of a second, not the seconds of the imports.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import mlflow
import torch  # noqa: F401  imported once, in the server
from registered_versions import QUESTIONS, make_verdicts

import sql_ft.training.adapter  # noqa: F401
from sql_ft.config import RunConfig
from sql_ft.errors import ChampionChangedError
from sql_ft.records import Check, Decision
from sql_ft.tracking.promotion import record_decision, set_champion
from sql_ft.tracking.registry import get_alias, register_adapter, set_alias
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.scores import record_scores
from sql_ft.tracking.store import prepare_store

SET_HASH = "5" * 64
WRITES = ("create_", "set_", "delete_", "log_", "update_", "finalize_")


def fork_context() -> ForkServerContext:
    """Start the server that has imported all this; its processes are forked from it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["promotion_driver"])
    # The server of Python 3.11 does not take over sys.path before it imports.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), before)))
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def register_and_promote(
    uri: str,
    state: str,
    name: str,
    adapter_dir: str,
    config: dict[str, Any],
    *,
    verify: bool = False,
    promote: bool = True,
) -> str:
    """Register, score, decide, promote; the version's number."""
    settings = RunConfig.model_validate(config)
    store = prepare_store(uri, Path(state))
    with start_run(store, name, name="driver", key=f"{name}-{adapter_dir}") as run:
        version = register_adapter(
            store, run.run_id, Path(adapter_dir), name, config=settings, verify=verify
        )
        number = version.version
        set_alias(store, name, "candidate", number)
        while True:
            champion = get_alias(store, name, "champion")
            live = champion.version if champion else ""
            record_scores(
                store,
                name,
                number,
                make_verdicts("c" * 20),
                QUESTIONS,
                evaluation_set_hash=SET_HASH,
                evaluator_hash="v1",
                run_id=run.run_id,
            )
            better = promote and live != number
            decision = Decision(
                promote=better,
                reason=f"{'better than' if better else 'no better than'} {live or 'the base'}",
                checks=(Check("gain", 0.1, 0.0, better, "as given"),),
                reference_arm="champion" if live else "base",
                candidate_version=number,
                champion_version=live,
                evaluation_set_hash=SET_HASH,
                evaluator_hash="v1",
            )
            if not better:
                record_decision(store, name, number, decision, run_id=run.run_id)
                return number
            try:
                set_champion(
                    store,
                    name,
                    number,
                    decision,
                    expected_champion=live or None,
                    run_id=run.run_id,
                )
            except ChampionChangedError:
                continue
            return number


def count_writes(arguments: tuple[Any, ...], results: Any) -> None:
    """Run undisturbed; put the names of all writes to MLflow."""
    names: list[str] = []
    _watch_writes(names.append)
    register_and_promote(*arguments)
    results.put(names)


def die_before_write(number: int, arguments: tuple[Any, ...]) -> None:
    """Run until the `number`-th write to MLflow (from 0), and die there by SIGKILL."""
    left = number

    def count(_: str) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _watch_writes(count)
    register_and_promote(*arguments)


def _watch_writes(before: Callable[[str], None]) -> None:
    def watched(method: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            before(method.__name__)
            return method(self, *args, **kwargs)

        return call

    for attribute in dir(mlflow.MlflowClient):
        if attribute.startswith(WRITES):
            setattr(
                mlflow.MlflowClient, attribute, watched(getattr(mlflow.MlflowClient, attribute))
            )


def promote_in_turn(
    barrier: Any, rounds: int, uri: str, state: str, name: str, folders: list[str], config: Any
) -> None:
    """One of two racers: in every round, all begin at once with an adapter each."""
    for number in range(rounds):
        barrier.wait(timeout=120)
        register_and_promote(uri, state, name, folders[number], config)
    barrier.wait(timeout=120)
