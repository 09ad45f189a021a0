"""What a run's parameters, a model folder and an adapter folder must not be able to do."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from tiny_model import make_tiny_model

from sql_ft.base_model import load_base
from sql_ft.config import ModelConfig, RunConfig, override_config
from sql_ft.errors import ConfigError, SqlFtError
from sql_ft.training.adapter import check_adapter


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("security") / "base")


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "model"))


def test_trust_remote_code_is_no_parameter() -> None:
    assert "trust_remote_code" not in json.dumps(RunConfig.model_json_schema())
    for section in ("model", "train", "generation", "tracking"):
        with pytest.raises(ConfigError, match=f"{section}.trust_remote_code"):
            override_config(RunConfig(), (f"{section}.trust_remote_code=true",))


@pytest.mark.parametrize("model_type", ["qwen2", "custom"])
def test_code_beside_a_model_is_not_run(folder: Path, model_type: str) -> None:
    marker = folder / "ran"
    (folder / "modeling_custom.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).write_text('')\n"
        "from transformers import Qwen2Config as CustomConfig\n"
        "from transformers import Qwen2ForCausalLM as CustomModel\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = model_type
    config["auto_map"] = {
        "AutoConfig": "modeling_custom.CustomConfig",
        "AutoModelForCausalLM": "modeling_custom.CustomModel",
    }
    (folder / "config.json").write_text(json.dumps(config))
    settings = ModelConfig(name_or_path=str(folder), device="cpu", quantization="none")
    if model_type == "qwen2":
        load_base(settings, purpose="generate")
    else:
        with pytest.raises(SqlFtError):
            load_base(settings, purpose="generate")
    assert not marker.exists()


def test_pickled_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    make_lora_folder(adapter, base, seed=0)
    check_adapter(adapter)
    (adapter / "training_args.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(SqlFtError, match=r"pickled files: training_args\.bin"):
        check_adapter(adapter)
