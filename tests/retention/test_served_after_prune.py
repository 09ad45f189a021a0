"""The champion and the version before it are served after the harshest pruning there is."""

import shutil
from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from registered_versions import make_decision
from small_training import make_samples
from tiny_model import make_tiny_model

from sql_ft.config import RunConfig, parse_config
from sql_ft.retention.prune import prune_state
from sql_ft.tracking.fresh_process import answer_in_fresh_process
from sql_ft.tracking.lifecycle import roll_back
from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.registry import download_adapter, register_adapter
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store

ROWS = [{"context": s.context, "question": s.question} for s in make_samples(2)]


def harsh(base: Path, state: Path) -> RunConfig:
    return parse_config(
        {
            "state_dir": str(state),
            "model": {"name_or_path": str(base)},
            "generation": {"max_new_tokens": 8, "batch_size": 2},
            "retention": {
                "keep_last_runs": 1,
                "cache_days": 0,
                "cache_max_gb": 0,
                "checkpoint_days": 0,
                "run_files_days": 0,
                "staging_hours": 0,
            },
        }
    )


@pytest.mark.slow
def test_serving_and_rollback_need_nothing_that_was_pruned(tmp_path: Path) -> None:
    config = harsh(make_tiny_model(tmp_path / "base"), tmp_path / "state")
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    before = None
    for seed in (1, 2):
        with start_run(store, "sql-ft", name=f"run {seed}") as run:
            trained = config.state_path / "training" / f"k{seed}" / "adapter"
            trained.parent.mkdir(parents=True)
            make_lora_folder(trained, tmp_path / "base", seed=seed)
            (trained.parent / "result.json").write_text("{}", encoding="utf-8")
            version = register_adapter(
                store, run.run_id, trained, name, config=config, verify=False
            )
            decision = make_decision(True, f"v{seed}", against=before or "")
            set_champion(
                store,
                name,
                version.version,
                decision,
                expected_champion=before,
                run_id=run.run_id,
            )
            before = version.version
            fetched = config.state_path / "registry" / name / f"version-{version.version}"
            download_adapter(store, name, version.version, fetched)
    judged = answer_in_fresh_process(store, f"models:/{name}@champion", ROWS, completions=True)
    with start_run(store, "sql-ft", name="newest"):
        pass

    pruned = prune_state(store, config)
    assert pruned is not None
    assert {r.item.path for r in pruned.removals} == {"training/k1", "training/k2"}
    # Aliased adapters stay; and were they gone, they would be fetched again.
    for number in ("1", "2"):
        assert (config.state_path / "registry" / name / f"version-{number}").is_dir()
    shutil.rmtree(config.state_path / "registry")

    again = answer_in_fresh_process(store, f"models:/{name}@champion", ROWS, completions=True)
    assert again.completions == judged.completions
    assert again.adapter_hash == judged.adapter_hash
    roll_back(store, name, reason="worse", experiment="sql-ft")
    back = answer_in_fresh_process(store, f"models:/{name}@champion", ROWS, completions=True)
    assert back.completions != judged.completions
    fetched = download_adapter(store, name, "champion", tmp_path / "fetched")
    assert fetched.version.version == "1"
    assert fetched.version.adapter_hash == back.adapter_hash
