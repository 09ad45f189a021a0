"""One loaded base; versions and the base take turns on it."""

from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from tiny_model import make_tiny_model

from sql_ft.config import GenerationConfig, ModelConfig, RunConfig
from sql_ft.errors import AliasNotSetError, ModelError, TrackingError
from sql_ft.generation.decode import Arm, generate_predictions
from sql_ft.records import Sample
from sql_ft.serving.predictor import Predictor, Question
from sql_ft.tracking.registry import register_adapter
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import set_alias

QUESTIONS = [
    Question("How many employees are older than 56?", "CREATE TABLE employee (age INTEGER)"),
    Question("List the name of every department.", "CREATE TABLE department (name TEXT)"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """Two versions of one random base in a registry of their own."""
    folder = tmp_path_factory.mktemp("predictor")
    base = make_tiny_model(folder / "base")
    config = RunConfig(
        state_dir=str(folder / "state"),
        model=ModelConfig(name_or_path=str(base)),
        generation=GenerationConfig(max_new_tokens=12, batch_size=4),
    )
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    with start_run(store, "registry", name="train") as run:
        for seed in (1, 2):
            adapter = make_lora_folder(folder / f"adapter-{seed}", base, seed=seed)
            register_adapter(store, run.run_id, adapter, name, config=config, verify=False)
    set_alias(store, name, "candidate", "1")
    return config


def judged(config: RunConfig, adapter_dir: Path | None) -> list[str]:
    """What evaluation lets the same arm answer."""
    samples = [Sample(str(i), q.question, q.context, "") for i, q in enumerate(QUESTIONS)]
    result = generate_predictions(config, samples, [Arm("arm", adapter_dir)])
    return [p.completion for p in result.predictions["arm"]]


def test_answers_as_evaluation_does_and_switches(config: RunConfig) -> None:
    first = Predictor.from_version(1, config)
    base, second = first.base(), first.version(2)
    folder = config.state_path / "registry" / config.tracking.registered_model_name
    expected = {
        first: judged(config, folder / "version-1"),
        second: judged(config, folder / "version-2"),
        base: judged(config, None),
    }
    assert len({tuple(texts) for texts in expected.values()}) == 3
    for predictor in (first, base, second, first, base):
        texts = [a.completion for a in predictor.predict(QUESTIONS)]
        assert texts == expected[predictor], predictor.label
    assert first.predict([]) == []
    assert (first.version_number, base.version_number) == ("1", "")
    assert base.label == "base"
    assert first.label.endswith("version 1")
    for question, text in zip(QUESTIONS, expected[first], strict=True):
        assert "".join(first.stream(question)) == text


def test_follows_its_alias(config: RunConfig) -> None:
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    predictor = Predictor.from_alias("candidate", config, check_alias_s=0.0)
    before = [a.completion for a in predictor.predict(QUESTIONS)]
    set_alias(store, name, "candidate", "2")
    assert [a.completion for a in predictor.predict(QUESTIONS)] != before
    assert predictor.version_number == "2"
    assert not predictor.refresh()
    store.client().delete_registered_model_alias(name, "candidate")
    with pytest.raises(AliasNotSetError, match="has no alias 'candidate'"):
        predictor.predict(QUESTIONS)
    set_alias(store, name, "candidate", "1")
    assert predictor.refresh()


def test_candidates_begin_with_the_greedy_answer(config: RunConfig) -> None:
    predictor = Predictor.from_base(config)
    (one,) = predictor.predict(QUESTIONS[:1])
    (many,) = predictor.predict(QUESTIONS[:1], n_best=4)
    (again,) = predictor.predict(QUESTIONS[:1], n_best=4)
    assert many == again
    assert (many.sql, many.completion) == (one.sql, one.completion)
    assert len(set(many.candidates)) == len(many.candidates) <= 4
    with pytest.raises(ModelError, match="n_best is 17"):
        predictor.predict(QUESTIONS, n_best=17)


def test_prompts_are_counted_and_bounded(config: RunConfig) -> None:
    predictor = Predictor.from_base(config)
    assert predictor.prompt_room == 2048 - 12
    long = Question("many " * 3000, "CREATE TABLE a (x INTEGER)")
    assert predictor.count_tokens(long) > predictor.prompt_room
    with pytest.raises(ModelError, match="at most 2036"):
        predictor.predict([long])


def test_what_is_not_there(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="has no alias 'champion'"):
        Predictor.from_alias("champion", config)
    with pytest.raises(TrackingError, match="has no version '9'"):
        Predictor.from_version(9, config)
    with pytest.raises(TrackingError, match="there is no registry at"):
        Predictor.from_alias(config=config.model_copy(update={"state_dir": str(tmp_path / "no")}))
    with pytest.raises(TrackingError, match="came from no registry"):
        Predictor.from_base(config).version(1)
