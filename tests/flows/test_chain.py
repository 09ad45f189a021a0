"""The whole chain on a random model: real training, registry, execution and gate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sql_ft.config import RunConfig
from sql_ft.records import Decision
from sql_ft.tracking.budget import read_looks
from sql_ft.tracking.promotion import decisions_of
from sql_ft.tracking.registry import get_alias, list_versions
from sql_ft.tracking.scores import read_scores, scores_of
from sql_ft.tracking.store import prepare_store

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.slow
def test_chain_registers_judges_and_keeps_a_worthless_adapter_out(
    make_config: Callable[..., RunConfig],
) -> None:
    from flows.finetune import run_finetune

    config = make_config(generation={"few_shot_examples": 1})
    outcome = run_finetune(config)
    decision = Decision.from_dict(outcome["decision"])
    assert not decision.promote
    assert decision.reference_arm == "base"
    assert {"base", "base_3shot", "candidate"} == set(outcome["summaries"])
    assert outcome["evaluation_set"]["n_scored"] > 0

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    (version,) = list_versions(store, name)
    assert version.adapter_hash == outcome["adapter"]["adapter_hash"]
    for tag in (
        "base_model",
        "base_revision",
        "dataset_digest",
        "evaluation_set_hash",
        "config_hash",
        "package_versions",
        "git_commit",
    ):
        assert version.tags[tag]
    assert [entry["reason"] for entry in decisions_of(version)] == [decision.reason]
    assert get_alias(store, name, "champion") is None
    candidate = get_alias(store, name, "candidate")
    assert candidate is not None
    assert candidate.version == version.version

    # The decision says what went into it; a look is paid for where the paired test was asked.
    assert decision.hashes["adapter"] == version.adapter_hash
    assert decision.hashes["config"] == config.hash
    assert decision.seeds["train.seed"] == config.train.seed
    assert decision.look is not None
    assert decision.look.number == 1
    spent = read_looks(store, name)
    assert len(spent) == int(decision.spends_look)
    by_name = {check.name: check for check in decision.checks}
    for check in ("unseen_questions", "non_empty_adapter", "error_budget"):
        assert by_name[check].passed, by_name[check].detail
    assert {"beats_few_shot", "max_slice_drop", "max_token_growth"} <= by_name.keys()

    run = store.client().get_run(outcome["run_id"])
    assert run.info.status == "FINISHED"
    for metric in ("base/execution_accuracy", "candidate/tokens_per_second", "train/wall_time_s"):
        assert metric in run.data.metrics
    losses = store.client().get_metric_history(outcome["run_id"], "train/loss")
    assert [point.step for point in losses] == sorted({point.step for point in losses})
    assert len(losses) >= 2
    page = Path(outcome["report"]).read_text(encoding="utf-8")
    assert decision.reason in page.replace("&#39;", "'")

    files = {
        f.path
        for folder in ("report", "plots")
        for f in store.client().list_artifacts(outcome["run_id"], folder)
    }
    assert files == {
        "report/report.html",
        "report/summary.md",
        "report/verdicts.json",
        "plots/accuracy_by_arm.png",
        "plots/gain_per_slice.png",
        "plots/loss_curve.png",
    }
    assert {"time/train_s", "time/generate_s", "gain/execution_accuracy"} <= set(run.data.metrics)
    assert f"runs/{outcome['run_id']}/artifacts/report/report.html" in version.description
    # The candidate's figures stand on the page of the model, with the set they were measured on.
    model = store.client().get_logged_model(version.model_id)
    (accuracy,) = [m for m in model.metrics if m.key == "execution_accuracy"]
    assert accuracy.value == run.data.metrics["candidate/execution_accuracy"]
    inputs = {(i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs}
    assert (accuracy.dataset_name, accuracy.dataset_digest) in inputs

    # An identical second run finds everything done: nothing is trained, registered or moved.
    again = run_finetune(config)
    assert again["version"]["version"] == version.version
    assert not again["version"]["created"]
    assert all(answer["cached"] for answer in again["answers"].values())
    assert len(list_versions(store, name)) == 1
    assert again["decision"]["reason"] == decision.reason
    assert again["decision"]["look"] == outcome["decision"]["look"]
    assert read_looks(store, name) == spent
    # Found again is counted, not repeated; the verdicts are kept for `sql-ft diff`.
    (entry,) = decisions_of(list_versions(store, name)[0])
    assert entry["count"] == 2
    (score,) = scores_of(list_versions(store, name)[0])
    assert score.evaluation_set_hash == again["evaluation_set"]["hash"]
    assert score.n_scored == again["evaluation_set"]["n_scored"]
    questions = read_scores(store, score)
    assert len(questions) == again["evaluation_set"]["n"]
    assert all(row.question for row in questions)
    assert "kept from an earlier run" in Path(again["report"]).read_text(encoding="utf-8")
    assert "Training loss" in Path(again["report"]).read_text(encoding="utf-8")
