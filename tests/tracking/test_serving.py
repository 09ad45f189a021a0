"""What a server answers is what evaluation judged, where this checkout is not at hand."""

import os
import urllib.error
from pathlib import Path

import pytest
from bare_environment import make_bare_environment
from lora_folder import BUNDLED_MODULES, make_lora_folder
from model_server import ask, serving
from small_training import make_samples

from sql_ft.config import GenerationConfig, ModelConfig, RunConfig
from sql_ft.tracking.fresh_process import answer_in_fresh_process
from sql_ft.tracking.registry import register_adapter
from sql_ft.tracking.served_base import BASE_MODEL_VARIABLE
from sql_ft.tracking.store import Store

NAME = "served"


@pytest.mark.slow
def test_champion_over_http_and_as_pyfunc_without_the_checkout(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    from sql_ft.base_model import resolve_model
    from sql_ft.generation.decode import Arm, generate_predictions

    # The bundled base answers with SQL; a random one would answer nothing, identically.
    config = RunConfig(
        model=ModelConfig(name_or_path="bundled:tiny"),
        generation=GenerationConfig(max_new_tokens=48, batch_size=4),
    )
    base = Path(resolve_model(config.model).path_or_id)
    adapter = make_lora_folder(
        tmp_path / "adapter", base, seed=31, layers=10, scale=0.003, modules=BUNDLED_MODULES
    )
    version = register_adapter(store, run_id, adapter, NAME, config=config, verify=False)
    store.client().set_registered_model_alias(NAME, "champion", version.version)
    samples = make_samples(6)
    judged = generate_predictions(config, samples, [Arm("base"), Arm("candidate", adapter)])
    completions = [p.completion for p in judged.predictions["candidate"]]
    expected = [p.predicted_sql for p in judged.predictions["candidate"]]
    assert all(expected)
    assert expected != [p.predicted_sql for p in judged.predictions["base"]]
    rows = [{"context": s.context, "question": s.question} for s in samples]

    python = make_bare_environment(tmp_path / "bare")
    # The code that travels brings no weights, and nothing else here has the bundled ones.
    located = {BASE_MODEL_VARIABLE: str(base), "PYTHONPATH": ""}
    fresh = answer_in_fresh_process(
        store,
        f"models:/{NAME}@champion",
        rows,
        completions=True,
        python=python,
        env=located,
    )
    assert Path(fresh.code_root).name == "code"
    assert not Path(fresh.code_root).is_relative_to(Path(__file__).parents[2])
    assert list(fresh.completions) == completions
    assert list(fresh.answers) == expected

    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": store.tracking_uri,
        "HF_HUB_OFFLINE": "1",
        **located,
    }
    with serving(python, f"models:/{NAME}@champion", tmp_path, environment) as address:
        assert ask(address, {"dataframe_records": rows}) == {"predictions": expected}
        one = {
            "dataframe_split": {
                "columns": ["context", "question"],
                "data": [[rows[2]["context"], rows[2]["question"]]],
            }
        }
        assert ask(address, one) == {"predictions": expected[2:3]}
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(address, {"dataframe_records": [{"question": "no context"}]})
        assert refused.value.code == 400
        assert "context" in refused.value.read().decode()
