"""Two processes that register and promote at once; `benchmarks/promote_at_once.py`: 50 times."""

from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from promotion_checks import check_settled
from promotion_driver import fork_context, promote_in_turn

from sql_ft.config import RunConfig
from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import aliases_of, list_versions

ROUNDS = 3


@pytest.mark.slow
def test_one_champion_per_moment_and_no_decision_lost(tiny_base: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    store = prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)
    config = RunConfig(model={"name_or_path": str(tiny_base)}).model_dump(mode="json")
    folders = [
        [
            str(make_lora_folder(tmp_path / f"r{racer}-{turn}", tiny_base, seed=10 * racer + turn))
            for turn in range(ROUNDS)
        ]
        for racer in (1, 2)
    ]
    # In the last round both bring the same adapter.
    folders[1][-1] = folders[0][-1]
    context = fork_context()
    barrier = context.Barrier(2)
    racers = [
        context.Process(
            target=promote_in_turn,
            args=(barrier, ROUNDS, store.tracking_uri, str(state), "raced", own, config),
        )
        for own in folders
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(timeout=300)
    assert [racer.exitcode for racer in racers] == [0, 0]
    versions = list_versions(store, "raced")
    assert len(versions) == 2 * ROUNDS - 1
    assert all(decisions_of(v) for v in versions)
    check_settled(store, "raced", champion=aliases_of(store, "raced")["champion"])
