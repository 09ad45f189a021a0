"""A sweep on a random model: real training, validation, registry and gate."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lora_folder import make_lora_folder

from sql_ft.config import RunConfig
from sql_ft.errors import TrainingError
from sql_ft.records import Sample, read_jsonl
from sql_ft.sweep.comparison import ChildOutcome
from sql_ft.tracking.budget import read_looks
from sql_ft.tracking.registry import list_versions
from sql_ft.tracking.runs import PARENT_TAG
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.training.adapter import hash_adapter

pytestmark = pytest.mark.usefixtures("prefect_server")

MakeConfig = Callable[..., RunConfig]
SWEEP = {"validation_rows": 16, "validation_group_share": 0.3, "hand_to_gate": False}


class Trainings:
    """Stands in for training: an adapter without PEFT's seconds, and who asked for one."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.ranks: list[int] = []
        #: Rank → what training it raises.
        self.errors: dict[int, BaseException] = {}

    def __call__(self, child: Any, base: Any, dataset: Any, run_id: str) -> dict[str, Any]:
        self.ranks.append(child.lora_r)
        if error := self.errors.get(child.lora_r):
            raise error
        path = make_lora_folder(
            self.folder / uuid.uuid4().hex, self.base, seed=child.lora_r, rank=child.lora_r
        )
        return {
            "adapter_dir": str(path),
            "adapter_hash": hash_adapter(path),
            **dict.fromkeys(
                ("adapter_bytes", "total_parameters", "train_rows", "steps", "total_tokens"), 1
            ),
            "trainable_parameters": 100 * child.lora_r,
            **dict.fromkeys(("resumed_from_step", "supervised_tokens", "peak_memory_bytes"), 0),
            **dict.fromkeys(
                ("train_loss", "final_loss", "tokens_per_second", "wall_time_s", "train_time_s"),
                1.0,
            ),
            "base_label": base["label"],
            "base_revision": base["revision"],
        }


@pytest.fixture
def trainings(random_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    stand_in = Trainings(random_base, tmp_path / "adapters")
    monkeypatch.setattr("tasks.sweep._train", stand_in)
    return stand_in


def store_of(config: RunConfig) -> Store:
    return prepare_store(config.resolved_tracking_uri, config.state_path)


def runs_of(config: RunConfig) -> tuple[list[Any], list[Any]]:
    """Sweeps and their children, oldest first."""
    store = store_of(config)
    experiment = store.experiment_id(config.tracking.experiment)
    runs = store.client().search_runs([experiment], order_by=["attributes.start_time ASC"])
    children = [run for run in runs if PARENT_TAG in run.data.tags]
    return [run for run in runs if run not in children], children


@pytest.mark.slow
def test_children_are_compared_and_the_best_is_judged_once(make_config: MakeConfig) -> None:
    from flows.sweep import run_sweep

    config = make_config(sweep={**SWEEP, "lora_r": [2, 4], "hand_to_gate": True})
    found = run_sweep(config)
    outcomes = [ChildOutcome.from_dict(values) for values in found["children"]]
    best = ChildOutcome.from_dict(found["best"])
    assert [o.settings["lora_r"] for o in outcomes] == [2, 4]
    # Neither can do anything: the smaller adapter wins.
    assert [o.accuracy for o in outcomes] == [0.0, 0.0]
    assert best.number == 1

    (sweep,), children = runs_of(config)
    assert {c.data.tags[PARENT_TAG] for c in children} == {sweep.info.run_id} == {found["run_id"]}
    assert [c.data.params["train.lora_r"] for c in children] == ["2", "4"]
    assert {c.info.status for c in children} | {sweep.info.status} == {"FINISHED"}
    for child in children:
        assert {"train/final_loss", "validation/execution_accuracy"} <= set(child.data.metrics)
    client = store_of(config).client()
    files = {
        f.path
        for folder in ("sweep", "plots")
        for f in client.list_artifacts(sweep.info.run_id, folder)
    }
    assert files == {"sweep/children.json", "sweep/comparison.md", "plots/validation_accuracy.png"}
    assert sweep.data.tags["sql_ft.best_run"] == best.run_id

    # One version, one decision, at most one look, whatever the number of children.
    name = config.tracking.registered_model_name
    (version,) = list_versions(store_of(config), name)
    assert version.run_id == best.run_id
    assert version.adapter_hash == best.adapter["adapter_hash"]
    decision = found["outcome"]["decision"]
    assert not decision["promote"]
    assert sweep.data.tags["promoted"] == "false"
    assert len(read_looks(store_of(config), name)) == int(decision["spends_look"]) <= 1
    assert decision["hashes"]["evaluation"] == found["outcome"]["dataset"]["eval_hash"]

    # What chose the best shares nothing with what trained it, nor with what judged it.
    dataset = found["outcome"]["dataset"]
    train, judged, chosen = (
        read_jsonl(Path(dataset[f"{part}_path"]), Sample)
        for part in ("train", "eval", "validation")
    )
    for other in (train, judged):
        for value in (lambda s: s.schema_group, lambda s: s.tags["template"]):
            assert not {value(s) for s in other} & {value(s) for s in chosen}


def test_a_failed_child_is_a_row_and_a_stopped_sweep_goes_on(
    make_config: MakeConfig, trainings: Trainings
) -> None:
    from flows.sweep import run_sweep

    config = make_config(sweep={**SWEEP, "lora_r": [2, 3, 4]})
    trainings.errors = {2: TrainingError("out of memory"), 4: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        run_sweep(config)
    (sweep,), children = runs_of(config)
    assert sweep.info.status == "KILLED"
    assert [c.info.status for c in children] == ["FAILED", "FINISHED", "KILLED"]

    # The same command again: the same sweep, the finished child kept, the others trained.
    trainings.errors = {2: TrainingError("out of\nmemory")}
    trainings.ranks = []
    found = run_sweep(config)
    assert trainings.ranks == [2, 4]
    outcomes = [ChildOutcome.from_dict(values) for values in found["children"]]
    assert [(o.status, o.reason, o.kept) for o in outcomes] == [
        ("failed", "out of memory", False),
        ("done", "", True),
        ("done", "", False),
    ]
    assert "out of memory" in found["table"]
    (again,), children = runs_of(config)
    assert again.info.run_id == sweep.info.run_id == found["run_id"]
    assert again.info.status == "FINISHED"
    assert again.data.metrics["sweep/failed"] == 1.0
    # The interrupted child was continued in its own run, the failed one has a new one.
    assert sorted(c.info.status for c in children) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert found["outcome"] is None
    assert list_versions(store_of(config), config.tracking.registered_model_name) == []

    # A larger grid is another sweep, which trains only what no sweep has.
    trainings.errors, trainings.ranks = {}, []
    larger = make_config(sweep={**SWEEP, "lora_r": [4, 5, 3], "max_parallel": 3})
    found = run_sweep(larger)
    assert trainings.ranks == [5]
    outcomes = [ChildOutcome.from_dict(values) for values in found["children"]]
    assert [(o.number, o.settings["lora_r"], o.kept) for o in outcomes] == [
        (1, 4, True),
        (2, 5, False),
        (3, 3, True),
    ]
    _, children = runs_of(config)
    under = [c for c in children if c.data.tags[PARENT_TAG] == found["run_id"]]
    assert {c.data.params["train.lora_r"] for c in under} == {"3", "4", "5"}

    # An adapter that was pruned is trained again, not believed.
    shutil.rmtree(outcomes[1].adapter["adapter_dir"])
    trainings.ranks = []
    run_sweep(larger)
    assert trainings.ranks == [5]


def test_all_failed_is_a_failed_run(make_config: MakeConfig, trainings: Trainings) -> None:
    from flows.sweep import run_sweep

    config = make_config(sweep={**SWEEP, "lora_r": [2, 4]})
    trainings.errors = {2: TrainingError("disk full"), 4: RuntimeError("bug")}
    with pytest.raises(TrainingError, match="all 2 children of the sweep failed: bug"):
        run_sweep(config)
    (sweep,), _ = runs_of(config)
    assert sweep.info.status == "FAILED"
    # The table is there all the same, with both reasons.
    page = store_of(config).client().download_artifacts(sweep.info.run_id, "sweep/comparison.md")
    text = Path(page).read_text(encoding="utf-8")
    assert "disk full" in text
    assert "bug" in text
