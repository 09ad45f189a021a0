import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sql_ft.errors import DataError, TrackingError
from sql_ft.tracking import provenance
from sql_ft.tracking.fitting import flatten_params
from sql_ft.tracking.interrupted import find_resumable_run, mark_stale_runs
from sql_ft.tracking.runs import TrackedRun, attach_run, start_run
from sql_ft.tracking.store import Store
from sql_ft.training.metrics_sink import MetricSink

CHILD = """
import sys, time, os
from pathlib import Path
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.runs import start_run
store = prepare_store(sys.argv[1], Path(sys.argv[2]))
with start_run(store, sys.argv[3], name="child", key=sys.argv[4]) as run:
    run.log_metrics({"train/loss": 1.0}, step=1)
    print(run.run_id, flush=True)
    time.sleep(60)
"""


def start_child(store: Store, experiment: str, key: str) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, store.tracking_uri, str(store.state_dir), experiment, key],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    run_id = child.stdout.readline().strip()
    child.stdout.close()
    assert run_id
    return child, run_id


def status(store: Store, run_id: str) -> str:
    return str(store.client().get_run(run_id).info.status)


def tags(store: Store, run_id: str) -> dict[str, str]:
    return dict(store.client().get_run(run_id).data.tags)


def test_a_run_is_a_metric_sink_and_finishes(store: Store):
    with start_run(store, "e", name="n", params={"a": "1"}, tags={"t": "x"}) as run:
        sink: MetricSink = run
        sink.log_metrics({"train/loss": 2.0, "slice/hardness=easy": 0.5}, step=10)
        sink.log_metrics({"train/loss": 1.5}, step=20)
        sink.log_params({"b": "2"})
    logged = store.client().get_run(run.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"a": "1", "b": "2"}
    assert logged.data.metrics["slice/hardness_easy"] == 0.5
    history = store.client().get_metric_history(run.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(10, 2.0), (20, 1.5)]
    assert logged.data.tags["t"] == "x"
    assert json.loads(logged.data.tags["package_versions"])["python"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("no column 'question'", setting="data.question_column"), "FAILED"),
        (ValueError("x"), "FAILED"),
        (KeyboardInterrupt("signal SIGTERM"), "KILLED"),
        (SystemExit(3), "KILLED"),
    ],
)
def test_the_status_says_how_the_block_was_left(store: Store, error, expected):
    with pytest.raises(type(error)), start_run(store, "e", name="n") as run:
        raise error
    assert status(store, run.run_id) == expected
    assert str(error) in tags(store, run.run_id)["error"]
    assert type(error).__name__ in tags(store, run.run_id)["error"]


def test_sigterm_closes_the_run_as_killed(store: Store):
    child, run_id = start_child(store, "sigterm", "k")
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 143
    assert status(store, run_id) == "KILLED"


def test_a_handler_that_somebody_installed_is_left_alone(store: Store):
    def handler(signum, frame):
        raise AssertionError("not called")

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with start_run(store, "e", name="n"):
            assert signal.getsignal(signal.SIGTERM) is handler
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    with start_run(store, "e", name="n"):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_sigkill_left_open_is_marked_by_the_next_start_and_resumed_by_its_key(store: Store):
    child, run_id = start_child(store, "sigkill", "the-key")
    with start_run(store, "sigkill", name="other", key="another-key"):
        assert status(store, run_id) == "RUNNING", "its process is alive"
    child.kill()
    child.wait(30)
    assert status(store, run_id) == "RUNNING"
    with start_run(store, "sigkill", name="other", key="another-key") as other:
        assert not other.resumed
    assert status(store, run_id) == "KILLED"
    assert "died without closing" in tags(store, run_id)["error"]

    with start_run(store, "sigkill", name="again", key="the-key") as again:
        assert (again.run_id, again.resumed) == (run_id, True)
        assert status(store, run_id) == "RUNNING"
        assert tags(store, run_id)[provenance.PID_TAG] == str(os.getpid())
        again.log_metrics({"train/loss": 0.5}, step=2)
    assert status(store, run_id) == "FINISHED"
    assert "error" not in tags(store, run_id)
    assert len(store.client().get_metric_history(run_id, "train/loss")) == 2
    assert find_resumable_run(store, "sigkill", "the-key") is None
    with start_run(store, "sigkill", name="third", key="the-key") as third:
        assert not third.resumed


def test_runs_of_other_hosts_and_reused_process_ids(store: Store):
    mine = provenance.owner_tags()
    assert not provenance.owner_is_dead(mine)
    reused = {**mine, provenance.PID_START_TAG: str(float(mine[provenance.PID_START_TAG]) - 60)}
    assert provenance.owner_is_dead(reused)
    assert not provenance.owner_is_dead({**reused, provenance.HOST_TAG: "elsewhere"})
    assert not provenance.owner_is_dead({provenance.HOST_TAG: mine[provenance.HOST_TAG]})
    run = start_run(store, "hosts", name="n", tags={})
    store.client().set_tag(run.run_id, provenance.HOST_TAG, "elsewhere")
    assert mark_stale_runs(store, "hosts") == []
    run.end("FINISHED")


def test_a_failed_run_is_not_resumed(store: Store):
    with pytest.raises(ValueError), start_run(store, "failed", name="n", key="k") as run:  # noqa: PT011
        raise ValueError
    with start_run(store, "failed", name="n", key="k") as again:
        assert again.run_id != run.run_id


def test_an_attached_run_is_never_ended(store: Store):
    with start_run(store, "e", name="n", params={"a": "1"}) as run:
        with attach_run(store, run.run_id) as same:
            same.log_params({"a": "1"})
        with pytest.raises(RuntimeError), attach_run(store, run.run_id):
            raise RuntimeError
        assert status(store, run.run_id) == "RUNNING"
    assert status(store, run.run_id) == "FINISHED"
    with pytest.raises(TrackingError, match="no-such-run"):
        attach_run(store, "no-such-run")


def test_parameters_are_flat_chunked_hashed_and_never_in_conflict(store: Store, caplog):
    params = flatten_params(
        {"train": {"lora_r": 16, "target_modules": ("q", "k")}, "x": None, "long": "y" * 501}
    )
    assert params["train.lora_r"] == "16"
    assert params["train.target_modules"] == '["q", "k"]'
    params |= {f"p{i}": str(i) for i in range(250)}
    with start_run(store, "e", name="n", params=params) as run:
        run.log_params({"x": "None"})
        run.log_params({"x": "other"})
    logged = store.client().get_run(run.run_id).data
    assert len(logged.params) == 254
    assert logged.params["long"].startswith("sha256:")
    assert logged.params["long"].endswith("(501 characters)")
    assert logged.params["x"] == "None"
    assert logged.tags["changed.x"] == "other"
    assert "x was None, is now other" in caplog.text


def test_datasets_tables_figures_and_files(store: Store, tmp_path: Path):
    from matplotlib.figure import Figure

    (tmp_path / "notes.txt").write_text("hello")
    digest = "a" * 64
    with start_run(store, "e", name="n") as run:
        for _ in range(2):  # a resumed run logs them again
            run.log_dataset(
                "train",
                digest,
                context="training",
                kind="file",
                origin="rows.json",
                profile={"n": 3},
            )
            run.log_table(["question", "correct"], [["q1", True], ["q2", None]], "tables/eval.json")
        run.log_dataset(
            "hub", "b" * 64, context="evaluation", kind="hub", origin="a/b", revision="c"
        )
        figure = Figure()
        figure.subplots().plot([1, 2])
        run.log_figure(figure, "plots/loss.png")
        run.log_artifact(tmp_path / "notes.txt", "files")
        run.log_artifact(tmp_path, "all")
        run.log_json({"ä": [1]}, "values.json")
        assert run.read_json("values.json") == {"ä": [1]}
    logged = store.client().get_run(run.run_id)
    inputs = {i.dataset.name: i for i in logged.inputs.dataset_inputs}
    assert inputs["train"].dataset.digest == digest[:36]
    assert {t.key: t.value for t in inputs["train"].tags} == {
        "mlflow.data.context": "training",
        "digest": digest,
    }
    assert len(logged.inputs.dataset_inputs) == 2
    table = run.read_json("tables/eval.json")
    assert table == {"columns": ["question", "correct"], "data": [["q1", True], ["q2", None]]}
    assert json.loads(logged.data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "tables/eval.json", "type": "table"}
    ]
    names = {a.path for a in store.client().list_artifacts(run.run_id)}
    assert names == {"tables", "plots", "files", "all", "values.json"}
    local = store.state_dir / "artifacts" / "e" / run.run_id / "artifacts"
    assert (local / "plots" / "loss.png").stat().st_size > 1000


def test_figures_about_a_model_stand_on_its_page_with_their_dataset(store: Store):
    client = store.client()
    with start_run(store, "e", name="n") as run:
        model = client.create_logged_model(run.experiment_id, "m", source_run_id=run.run_id)
        run.log_dataset("rows/eval", "c" * 64, context="evaluation", kind="file", origin="rows")
        run.log_metrics(
            {"execution_accuracy": 0.5}, model_id=model.model_id, dataset=("rows/eval", "c" * 64)
        )
        run.log_metrics({"train/loss": 1.0})
    (metric,) = client.get_logged_model(model.model_id).metrics
    assert (metric.key, metric.value, metric.run_id) == ("execution_accuracy", 0.5, run.run_id)
    (found,) = client.get_run(run.run_id).inputs.dataset_inputs
    assert (metric.dataset_name, metric.dataset_digest) == (
        found.dataset.name,
        found.dataset.digest,
    )
    assert client.get_run(run.run_id).data.metrics["execution_accuracy"] == 0.5


def test_a_store_that_fails_at_the_end_does_not_hide_the_error(store: Store, monkeypatch, caplog):
    run = start_run(store, "e", name="n")

    def refuse(self, *args, **kwargs):
        raise TrackingError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(TrackedRun, "end", refuse)
        with pytest.raises(ValueError, match="the real one"), run:
            raise ValueError("the real one")
    assert "could not be marked FAILED" in caplog.text
    run.end("FINISHED")


def test_a_step_of_logging_costs_little(store: Store):
    with start_run(store, "speed", name="n") as run:
        started = time.perf_counter()
        for step in range(20):
            run.log_metrics({f"m{i}": 1.0 for i in range(8)}, step=step)
        per_call_s = (time.perf_counter() - started) / 20
    assert per_call_s < 0.25


@pytest.mark.parametrize(
    ("error", "retries"), [(TrackingError("away"), "1"), (ValueError("ours"), None)]
)
def test_a_store_that_was_given_up_is_not_waited_for_again(store, monkeypatch, error, retries):
    # MLflow's own retries took four minutes after the stage had said that the server is away.
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    seen = []
    end = TrackedRun.end

    def note(self, status, *, error=""):
        seen.append(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES"))
        end(self, status, error=error)

    monkeypatch.setattr(TrackedRun, "end", note)
    with pytest.raises(type(error)), start_run(store, "e", name="n"):
        raise error
    assert seen == [retries]
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
