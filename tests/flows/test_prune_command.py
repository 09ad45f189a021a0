"""`sql-ft prune`: what goes and what stays, and that the registry's commands do not notice."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from registered_versions import QUESTIONS, make_decision, make_verdicts, make_versions
from registered_versions import score_and_promote as promote
from typer.testing import CliRunner

from flows.cli import app
from sql_ft.errors import SqlFtError
from sql_ft.stage_cache import open_stage
from sql_ft.tracking.promotion import record_decision
from sql_ft.tracking.run_files import MODEL_PARAM, PRUNED_TAG
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.scores import record_scores
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import aliases_of, list_versions

NAME = "sql-ft-tiny"
#: A policy that keeps nothing it need not keep.
HARSH = {
    "keep_last_runs": 1,
    "cache_days": 0,
    "cache_max_gb": 0,
    "checkpoint_days": 0,
    "run_files_days": 0,
    "staging_hours": 0,
}
RUN_FILES = ("report/report.html", "plots/loss_curve.png", "decisions/x.json")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    state = tmp_path / "state"
    return prepare_store(f"sqlite:///{state / 'mlflow.db'}", state)


@pytest.fixture
def sql_ft(store: Store) -> Callable[..., str]:
    settings = [f"state_dir={store.state_dir}", *(f"retention.{k}={v}" for k, v in HARSH.items())]
    options = [part for setting in settings for part in ("--set", setting)]

    def run(command: str, *arguments: str) -> str:
        result = CliRunner(env={"COLUMNS": "200", "MLFLOW_TRACKING_URI": ""}).invoke(
            app, [command, *options, *arguments]
        )
        if isinstance(result.exception, SqlFtError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def runs(store: Store) -> dict[str, str]:
    """Version 1 was champion, 2 is, 3 was refused; a run of its own each, and a newer one.

    One more run worked for another model.
    """
    ids = {}
    for version in ("other", "1", "2", "3", "newest"):
        params = {MODEL_PARAM: "sql-ft-large" if version == "other" else NAME}
        with start_run(store, "sql-ft", name=version, params=params) as run:
            for file in RUN_FILES:
                run.log_text("x" * 1000, file)
            ids[version] = run.run_id
            if version == "1":
                make_versions(store, run.run_id, NAME)
            if version in "12":
                promote(
                    store,
                    NAME,
                    version,
                    run.run_id,
                    outcomes="ccww" if version == "1" else "cccw",
                    reason=f"promoted: v{version}",
                    before=None if version == "1" else "1",
                )
            if version == "3":
                record_scores(
                    store,
                    NAME,
                    "3",
                    make_verdicts("cwww"),
                    QUESTIONS,
                    evaluation_set_hash="a" * 64,
                    evaluator_hash="v1",
                    run_id=run.run_id,
                )
                refusal = make_decision(False, "kept v2: no better", against="2")
                record_decision(store, NAME, "3", refusal, run_id=run.run_id)
    return ids


def old_state(state: Path) -> None:
    """Caches, a set that champions were judged on, and what is never touched."""
    for stage, key, result in (
        ("evaluation_sets", "needed", {"hash": "e" * 64}),
        ("evaluation_sets", "other", {"hash": "f" * 64}),
        ("datasets", "old", {"n": 1}),
    ):
        with open_stage(state, stage, key) as folder:
            folder.complete(result)
    for path in (
        "predictions/k.jsonl",
        "verdicts/k.jsonl",
        # An earlier pruning was stopped before it was done.
        "trash/abc-k/weights",
        f"registry/{NAME}/version-1/w",
        f"registry/{NAME}/version-3/w",
        "manifests/m.json",
        "manifests/m.questions-1.json",
    ):
        (state / path).parent.mkdir(parents=True, exist_ok=True)
        (state / path).write_text("x" * 100, encoding="utf-8")
    for path in sorted(state.rglob("*")):
        if path.name not in ("mlflow.db", "artifacts") and "artifacts" not in path.parts:
            os.utime(path, (1e9, 1e9))


def artifact_files(store: Store, run_id: str) -> set[str]:
    client = store.client()
    folders = [f.path for f in client.list_artifacts(run_id) if f.is_dir]
    return {f.path for folder in folders for f in client.list_artifacts(run_id, folder)}


def test_harsh_pruning_takes_nothing_that_anything_needs(store, runs, sql_ft) -> None:
    state = store.state_dir
    old_state(state)
    before = {version: artifact_files(store, run_id) for version, run_id in runs.items()}
    answers = {
        command: sql_ft(*command)
        for command in (
            ("show", "champion", "--json"),
            ("show", "1", "--json"),
            ("diff", "1", "2", "--json"),
            ("diff", "3", "champion", "--json"),
            ("history", "--json", "--sql", "SELECT version, reason FROM decisions ORDER BY ALL"),
        )
    }
    listed = sql_ft("prune", "--dry-run")
    assert {v: artifact_files(store, r) for v, r in runs.items()} == before
    assert (state / "datasets" / "old").is_dir()

    done = json.loads(sql_ft("prune", "--json"))
    paths = {removal["path"] for removal in done["removals"]}
    assert paths == {
        "evaluation_sets/other",
        "datasets/old",
        "predictions/k.jsonl",
        "verdicts/k.jsonl",
        "trash/abc-k",
        f"registry/{NAME}/version-3",
        f"run {runs['3']}: report, plots",
    }
    for path in paths:
        assert path in listed
    assert done["freed_bytes"] == sum(r["size_bytes"] for r in done["removals"])
    assert "would free" in listed

    assert not (state / "trash").exists()
    for kept in ("evaluation_sets/needed", "manifests/m.json", "manifests/m.questions-1.json"):
        assert (state / kept).exists()
    for version in ("other", "1", "2", "newest"):
        assert artifact_files(store, runs[version]) == before[version]
    left = artifact_files(store, runs["3"])
    assert {f.split("/")[0] for f in left} == {"decisions", "verdicts"}
    assert PRUNED_TAG in store.client().get_run(runs["3"]).data.tags
    assert len(list_versions(store, NAME)) == 3

    # Every command of the registry answers as before.
    for command, answer in answers.items():
        assert sql_ft(*command) == answer
    sql_ft("show", "3")
    assert "freed 0.00 MB in 0 items" in sql_ft("prune")
    sql_ft("rollback", "--reason", "worse in production", "--yes")
    assert aliases_of(store, NAME)["champion"] == "1"


def test_nothing_is_pruned_under_a_run(store, sql_ft) -> None:
    old_state(store.state_dir)
    with start_run(store, "sql-ft", name="open"):
        with pytest.raises(SqlFtError, match="a run uses"):
            sql_ft("prune")
        assert (store.state_dir / "datasets" / "old").is_dir()
        # Looking is always allowed.
        assert "datasets/old" in sql_ft("prune", "--dry-run")
    os.utime(store.state_dir / "datasets" / "old" / "result.json", (1e9, 1e9))
    sql_ft("prune")
    assert not (store.state_dir / "datasets" / "old").exists()
