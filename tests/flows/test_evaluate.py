"""The flow `evaluate`: versions and bases on published questions, and the drift check."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_folder import make_bird, make_spider

from sql_ft.config import RunConfig, parse_config
from sql_ft.config_questions import AgentConfig, BenchmarkConfig, FreshConfig
from sql_ft.data.manifest import manifest_path
from sql_ft.errors import ConfigError, DataError, TrackingError
from sql_ft.records import Decision, Prediction, Sample, read_jsonl
from sql_ft.tracking.budget import read_looks
from sql_ft.tracking.history import query_history, refresh_history
from sql_ft.tracking.promotion import set_champion
from sql_ft.tracking.registry import get_version
from sql_ft.tracking.scores import scores_of
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import aliases_of

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]


@dataclasses.dataclass(frozen=True)
class Trained:
    """One version, registered by the chain and judged by its gate."""

    config: RunConfig
    store: Store
    name: str
    outcome: dict[str, Any]


@pytest.fixture(scope="module")
def trained(
    random_base: Path,
    chain_settings: Callable[[Path, Path], dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,
) -> Trained:
    from flows.finetune import run_finetune

    settings = chain_settings(random_base, tmp_path_factory.mktemp("evaluate") / "state")
    settings["train"] |= {"max_steps": 2}
    settings["data"] |= {"eval_rows": 12}
    settings["evaluation"] = {"databases_per_sample": 2}
    config = parse_config(settings)
    outcome = run_finetune(config)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    return Trained(config, store, config.tracking.registered_model_name, outcome)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "tasks.drift.emit_event", lambda event, **values: sent.append((event, values))
    )
    return sent


def test_bird_beside_the_base_with_evidence_difficulty_and_its_own_figures(
    trained: Trained, tmp_path: Path
) -> None:
    from flows.evaluate import run_evaluate

    config = trained.config.model_copy(
        update={"generation": trained.config.generation.model_copy(update={"few_shot_examples": 1})}
    )
    outcome = run_evaluate(
        config, ["1"], benchmark=BenchmarkConfig(path=str(make_bird(tmp_path)), layout="bird")
    )
    assert list(outcome["answers"]) == ["base", "base_3shot", "v1"]
    shown = read_jsonl(Path(outcome["questions"]["prompts_path"]), Sample)
    assert [s.id for s in shown] == ["40", "41", "42"]
    assert shown[1].tags["evidence"] == "long means pages > 250"
    compared = outcome["compared"]
    assert compared["summaries"]["v1"]["slices"]["difficulty"]["simple"]["n"] == 3
    assert set(compared["bird"]["v1"]) == {"", "simple"}
    assert compared["bird"]["v1"][""]["n"] == 3
    assert [(p["reference"], p["arm"]) for p in compared["pairs"]] == [
        ("base", "base_3shot"),
        ("base", "v1"),
        ("base_3shot", "v1"),
    ]
    page = Path(outcome["report"]).read_text(encoding="utf-8")
    assert "soft F1" in page
    assert compared["pair_texts"]["v1 − base"].split(" (")[0] in page
    # The registry's page, the history and the model's page know of it.
    version = get_version(trained.store, trained.name, "1")
    (score,) = [s for s in scores_of(version) if s.benchmark]
    assert score.benchmark == f"{tmp_path.name}/dev.json"
    assert score.n_scored == outcome["evaluation_set"]["n_scored"] == 3
    assert score.benchmark in version.description
    assert trained.outcome["decision"]["reason"].split(":")[0] in version.description
    model = trained.store.client().get_logged_model(version.model_id)
    assert outcome["questions"]["label"] in {m.dataset_name for m in model.metrics}
    refresh_history(trained.store, trained.name, config.tracking.experiment)
    rows = query_history(
        trained.store, "SELECT n_scored FROM scores WHERE benchmark LIKE '%dev.json'"
    ).rows
    assert rows == ((3,),)
    assert read_looks(trained.store, trained.name) == []


def test_spider_again_costs_nothing_and_a_sample_is_another_set(
    trained: Trained, tmp_path: Path
) -> None:
    from flows.evaluate import run_evaluate

    benchmark = BenchmarkConfig(path=str(make_spider(tmp_path)), layout="spider")
    first = run_evaluate(trained.config, ["v1", "1"], benchmark=benchmark)
    assert list(first["answers"]) == ["base", "v1"]  # no examples are configured
    again = run_evaluate(trained.config, ["1"], benchmark=benchmark)
    assert all(answer["cached"] for answer in again["answers"].values())
    assert again["verdicts"] == first["verdicts"]
    # Rows of a file need none of the columns that the configuration's own split needs.
    assert trained.config.data.disjoint_columns == ("template",)
    rows = [s.to_dict() for s in read_jsonl(Path(first["questions"]["eval_path"]), Sample)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({**row, "answer": row["gold_sql"]}) + "\n" for row in rows))
    part = run_evaluate(
        trained.config,
        ["1"],
        benchmark=BenchmarkConfig(path=str(file), rows=2, seed=1),
        with_base=False,
    )
    assert list(part["answers"]) == ["v1"]
    assert part["questions"]["label"] == "rows.jsonl, 2 of 3, seed 1"
    assert part["evaluation_set"]["hash"] != first["evaluation_set"]["hash"]


def test_the_agent_is_one_arm_for_each_number_of_attempts(trained: Trained, tmp_path: Path) -> None:
    from flows.evaluate import run_evaluate

    benchmark = BenchmarkConfig(path=str(make_spider(tmp_path)), layout="spider")
    plain = run_evaluate(trained.config, ["1"], benchmark=benchmark, with_base=False)
    outcome = run_evaluate(
        trained.config, ["1"], benchmark=benchmark, agent=AgentConfig(attempts=2), with_base=False
    )
    assert list(outcome["answers"]) == ["v1_1", "v1_2"]
    # With one attempt it is the version itself.
    wrote = {
        arm: [p.predicted_sql for p in read_jsonl(Path(a["path"]), Prediction)][:3]
        for arm, a in {**plain["answers"], **outcome["answers"]}.items()
    }
    assert wrote["v1_1"] == wrote["v1"]
    stats = [outcome["answers"][arm]["stats"] for arm in ("v1_1", "v1_2")]
    assert 0.0 < stats[0]["latency_mean_s"] <= stats[1]["latency_mean_s"]
    summary = outcome["compared"]["summaries"]["v1_2"]
    assert (summary["mean_completion_tokens"], summary["format_consistency"]) == (None, None)
    assert "v1_2: time per question" in Path(outcome["report"]).read_text(encoding="utf-8")
    # It is no score of the version.
    runs = {score.run_id for score in scores_of(get_version(trained.store, trained.name, "1"))}
    assert plain["run_id"] in runs
    assert outcome["run_id"] not in runs
    with pytest.raises(ConfigError, match="no databases as files"):
        run_evaluate(trained.config, ["1"], agent=AgentConfig())


def test_a_version_that_is_not_there_or_two_kinds_of_questions(
    trained: Trained, tmp_path: Path
) -> None:
    from flows.evaluate import evaluate, run_evaluate

    with pytest.raises(TrackingError, match="no version has the alias 'nobody'"):
        run_evaluate(trained.config, ["nobody"])
    with pytest.raises(ConfigError, match="champion alone"):
        evaluate(trained.config, versions=("1",), fresh=FreshConfig())
    with pytest.raises(DataError, match="no questions file"):
        run_evaluate(
            trained.config, ["1"], benchmark=BenchmarkConfig(path=str(tmp_path), layout="bird")
        )


def test_drift_check(
    trained: Trained, events: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.evaluate import evaluate

    config, store, name = trained.config, trained.store, trained.name
    fresh = FreshConfig(rows=20, min_rows=10)
    state = evaluate(config, fresh=fresh, return_state=True)
    assert state.is_completed()
    assert "no champion yet" in (state.message or "")
    assert events == []

    decision = dataclasses.replace(
        Decision.from_dict(trained.outcome["decision"]), promote=True, look=None
    )
    set_champion(
        store, name, "1", decision, expected_champion=None, run_id=trained.outcome["run_id"]
    )
    folder = manifest_path(config).parent
    before = {path: path.read_bytes() for path in folder.glob("*.json")}
    tags = get_version(store, name, "1").tags
    outcome = evaluate(config, fresh=fresh)
    assert isinstance(outcome, dict)

    # Nothing that was asked or trained on is asked again; a new day asks others.
    asked = {s.id for s in read_jsonl(Path(outcome["questions"]["eval_path"]), Sample)}
    old = trained.outcome["dataset"]
    seen = {
        s.id for part in ("train_path", "eval_path") for s in read_jsonl(Path(old[part]), Sample)
    }
    assert len(asked) == 20
    assert not asked & seen
    # A random model is as bad as it was.
    ((event, values),) = events
    assert event == "sql_ft.champion.steady"
    assert values["payload"]["version"] == "1"
    assert values["payload"]["reason"].startswith("champion v1 is steady: execution accuracy 0.")
    assert outcome["drift"]["change"]["n_before"] == trained.outcome["evaluation_set"]["n_scored"]
    assert outcome["drift"]["base"]["n_after"] == outcome["evaluation_set"]["n_scored"]
    run = store.client().get_run(trained.outcome["run_id"])
    points = store.client().get_metric_history(run.info.run_id, "fresh/champion/execution_accuracy")
    assert [len(str(point.step)) for point in points] == [8]
    assert run.data.metrics["fresh/since_promotion/drifted"] == 0.0
    assert "champion on fresh questions" in Path(outcome["report"]).read_text(encoding="utf-8")

    # Gate, budget, sides, frozen questions and the version's own record are as they were.
    assert read_looks(store, name) == []
    assert aliases_of(store, name)["champion"] == "1"
    assert {path: path.read_bytes() for path in folder.glob("*.json")} == before
    assert get_version(store, name, "1").tags == tags

    # A champion that answered everything at its promotion has drifted.
    monkeypatch.setattr(
        "sql_ft.tracking.promotion_score.promotion_score", _perfect_promotion(store, name)
    )
    events.clear()
    again = evaluate(config, fresh=fresh)
    assert isinstance(again, dict)
    assert all(answer["cached"] for answer in again["answers"].values())
    ((event, values),) = events
    assert event == "sql_ft.champion.drifted"
    assert values["payload"]["high"] < 0
    assert "has drifted" in values["payload"]["reason"]

    few = evaluate(config, fresh=FreshConfig(rows=10, min_rows=100_000), return_state=True)
    assert few.is_completed()
    assert "nothing was asked" in (few.message or "")


def _perfect_promotion(store: Store, name: str) -> Callable[..., Any]:
    from sql_ft.tracking.promotion_score import promotion_score

    def perfect(*arguments: Any) -> Any:
        found = promotion_score(*arguments)
        assert found is not None
        many = tuple((True, f"{group}-{n}") for n in range(5) for _, group in found.answered)
        return dataclasses.replace(found, answered=many)

    return perfect


def test_score_command_prints_arms_pairs_and_what_was_set_aside(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from flows.cli import app

    make_spider(tmp_path)
    rows = json.loads((tmp_path / "dev.json").read_text())
    rows.append({"question": "q", "query": "SELECT wage FROM book", "db_id": "shop"})
    (tmp_path / "dev.json").write_text(json.dumps(rows))
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps(trained.config.model_dump(mode="json")))
    call = ["score", "1", "--config", str(settings), "--layout", "spider"]
    result = CliRunner().invoke(app, [*call, "--data", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for words in ("execution accuracy", "v1 − base", "gold:unknown_column 1", "report"):
        assert words in result.output
    again = CliRunner().invoke(app, [*call, "--data", str(tmp_path), "--no-base", "--json"])
    found = json.loads(again.stdout[again.stdout.index("{") :])
    assert found["evaluation_set"]["excluded"] == {"gold:unknown_column": 1}
    assert list(found["compared"]["summaries"]) == ["v1"]
    missing = CliRunner().invoke(app, [*call, "--data", str(tmp_path / "gone")])
    assert isinstance(missing.exception, ConfigError)
    assert isinstance(CliRunner().invoke(app, call).exception, ConfigError)
