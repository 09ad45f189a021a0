"""What is registered, loaded by a new interpreter that shares nothing with this one."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from lora_folder import make_lora_folder

from sql_ft.config import RunConfig
from sql_ft.errors import ModelError
from sql_ft.records import Sample
from sql_ft.tracking.fresh_process import answer_in_fresh_process
from sql_ft.tracking.registry import list_versions, register_adapter, set_alias
from sql_ft.tracking.store import Store

ROWS = [
    {"context": "CREATE TABLE employee (name VARCHAR, age INTEGER)", "question": question}
    for question in (
        "How many employees are older than 56?",
        "List the name of every employee.",
        "What is the average age, by name, of all employees that are older than 20?",
    )
]


@pytest.mark.slow
def test_a_verified_version_answers_by_alias_as_evaluation_does(
    store: Store, config: RunConfig, run_id: str, tmp_path: Path, tiny_base: Path
):
    from sql_ft.generation.decode import Arm, generate_predictions

    adapter = make_lora_folder(tmp_path / "adapter", tiny_base, seed=5)
    version = register_adapter(store, run_id, adapter, "fresh", config=config)
    set_alias(store, "fresh", "candidate", version.version)
    fresh = answer_in_fresh_process(store, "models:/fresh@candidate", ROWS, completions=True)
    assert fresh.adapter_hash == version.adapter_hash
    assert fresh.base_revision == version.tags["base_revision"]
    # The library that answered is the one that travelled, not this checkout.
    assert Path(fresh.code_root).name == "code"
    assert not Path(fresh.code_root, "sql_ft", "assets", "tiny_base").exists()

    samples = [Sample(str(i), row["question"], row["context"], "") for i, row in enumerate(ROWS)]
    result = generate_predictions(config, samples, [Arm("base"), Arm("candidate", adapter)])
    judged = result.predictions["candidate"]
    # A random model writes no SQL, so the whole texts are compared too.
    assert list(fresh.completions) == [p.completion for p in judged]
    assert list(fresh.completions) != [p.completion for p in result.predictions["base"]]
    assert list(fresh.answers) == [p.predicted_sql for p in judged]


@pytest.mark.slow
def test_a_model_that_does_not_load_is_never_registered(
    store: Store, config: RunConfig, run_id: str, tmp_path: Path, tiny_base: Path
):
    # Three layers of LoRA for a model of two: PEFT alone would only warn.
    adapter = make_lora_folder(tmp_path / "adapter", tiny_base, seed=6, layers=3)
    with pytest.raises(ModelError, match="does not fit"):
        register_adapter(store, run_id, adapter, "broken", config=config)
    assert list_versions(store, "broken") == []
    models = store.client().search_logged_models(
        [store.experiment_id("registry")], filter_string="name = 'broken'"
    )
    assert [str(model.status) for model in models] == ["FAILED"]


def test_an_exchanged_adapter_does_not_load(config: RunConfig, tmp_path: Path, tiny_base: Path):
    from sql_ft.tracking.model_package import identify_base, serving_settings
    from sql_ft.tracking.pyfunc_model import SqlAnswers
    from sql_ft.training.adapter import hash_adapter

    adapter = make_lora_folder(tmp_path / "adapter", tiny_base, seed=7)
    settings = serving_settings(config, identify_base(config.model), hash_adapter(adapter))
    (tmp_path / "serving.json").write_text(json.dumps(settings))
    other = make_lora_folder(tmp_path / "other", tiny_base, seed=8)
    artifacts = {"adapter": str(other), "serving": str(tmp_path / "serving.json")}
    with pytest.raises(ModelError, match="as registered"):
        SqlAnswers().load_context(SimpleNamespace(artifacts=artifacts))

    artifacts["adapter"] = str(adapter)
    model = SqlAnswers()
    model.load_context(SimpleNamespace(artifacts=artifacts))
    assert model.predict(None, []) == []
    assert len(model.predict(None, ROWS)) == len(ROWS)
    endless = {**ROWS[0], "question": "How many? " * 1000}
    with pytest.raises(ModelError, match=r"the prompt of row 1 has \d+ tokens"):
        model.predict(None, [ROWS[0], endless])
