"""SIGKILL before every write from registration to promotion, then run again.

`benchmarks/killed_promotions.py` does the same at random moments, a hundred times.
"""

import collections
import itertools
from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from promotion_checks import check_registry, check_settled
from promotion_driver import count_writes, die_before_write, fork_context, register_and_promote

from sql_ft.config import RunConfig
from sql_ft.tracking.registry import list_versions
from sql_ft.tracking.store import Store, prepare_store

PER_STAGE = 5
STAGES = {
    "register": ("create_logged_model", "log_model_artifacts", "create_model_version"),
    "score": ("log_text", "set_model_version_tag"),
    "promote": ("set_registered_model_tag", "update_model_version", "set_registered_model_alias"),
}


@pytest.fixture(scope="module")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    state = tmp_path_factory.mktemp("killed")
    return prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)


@pytest.mark.slow
def test_killed_before_a_write_then_run_again(
    own_store: Store, tiny_base: Path, tmp_path: Path
) -> None:
    context = fork_context()
    config = RunConfig(model={"name_or_path": str(tiny_base)}).model_dump(mode="json")
    name = "killed"

    def arguments(seed: int) -> tuple[object, ...]:
        folder = tmp_path / f"adapter-{seed}"
        if not folder.exists():
            make_lora_folder(folder, tiny_base, seed=seed)
        return (own_store.tracking_uri, str(own_store.state_dir), name, str(folder), config)

    def run(target, *args: object) -> int | None:
        process = context.Process(target=target, args=args)
        process.start()
        process.join(timeout=120)
        return process.exitcode

    results = context.SimpleQueue()
    # Undisturbed: the third replaces a champion that replaced one, as all later ones do.
    for seed in (1, 2, 3):
        assert run(count_writes, arguments(seed), results) == 0
        writes = results.get()
    check_settled(own_store, name, champion="3")
    chosen = choose(writes)
    assert len(chosen) >= 3 * PER_STAGE, writes

    for new, number in enumerate(chosen, start=4):
        assert run(die_before_write, number, arguments(new)) == -9, number
        check_registry(own_store, name, champions={str(new - 1), str(new)})
        assert run(register_and_promote, *arguments(new)) == 0, number
        check_settled(own_store, name, champion=str(new))
        assert len(list_versions(own_store, name)) == new


def choose(writes: list[str]) -> list[int]:
    """At least `PER_STAGE` moments of each stage, spread over it; the last writes always."""
    begins = {stage: writes.index(names[0]) for stage, names in STAGES.items()}
    begins["score"] = max(i for i, w in enumerate(writes) if w == "create_model_version") + 1
    begins["promote"] = writes.index("set_registered_model_tag")
    edges = [begins["register"], begins["score"], begins["promote"], len(writes)]
    chosen: set[int] = {len(writes) - 1}
    for begin, end in itertools.pairwise(edges):
        step = max((end - begin) / PER_STAGE, 1.0)
        chosen.update(min(begin + int(step * i), end - 1) for i in range(PER_STAGE))
    counts = collections.Counter(w for w in writes)
    assert counts["set_registered_model_alias"] == 3, "candidate, previous, champion"
    alias = max(i for i, w in enumerate(writes) if w == "set_registered_model_alias")
    return sorted(chosen | {alias + offset for offset in (-1, 0, 1, 2)})
