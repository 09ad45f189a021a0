import json
import shutil
from pathlib import Path

import pytest
from lora_folder import make_lora_folder
from safetensors import safe_open

from sql_ft.base_model import ResolvedModel, resolve_model
from sql_ft.config import ModelConfig, RunConfig
from sql_ft.errors import ModelError, TrackingError
from sql_ft.tracking import registry
from sql_ft.tracking.model_package import OVERHEAD_BYTES, identify_base, pip_requirements
from sql_ft.tracking.registry import (
    download_adapter,
    get_alias,
    list_versions,
    register_adapter,
    set_alias,
)
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store, prepare_store


@pytest.fixture
def adapter(tmp_path: Path, tiny_base: Path) -> Path:
    return make_lora_folder(tmp_path / "adapter", tiny_base, seed=1)


def stored_folder(version: registry.RegisteredVersion) -> Path:
    return Path(version.source.removeprefix("file://"))


def test_a_version_holds_the_adapter_and_says_what_it_is(
    store: Store, config: RunConfig, run_id: str, adapter: Path
):
    # Leftovers of training are not the adapter's.
    (adapter / "checkpoints").mkdir()
    (adapter / "checkpoints" / "optimizer.pt").write_bytes(b"0" * 10_000)
    (adapter / "README.md").write_text("made by PEFT")
    version = register_adapter(
        store,
        run_id,
        adapter,
        "holds",
        config=config,
        tags={"dataset_digest": "d" * 64, "train_hash": "t" * 64},
        verify=False,
    )
    assert (version.version, version.created, version.uri) == ("1", True, "models:/holds/1")
    again = registry.get_version(store, "holds", "1")
    assert again.tags == version.tags
    assert again.tags.keys() >= {
        "adapter_hash", "base_model", "base_revision", "dataset_digest", "train_hash",
        "config_hash", "git_commit", "package_versions",
    }  # fmt: skip
    assert again.tags["base_model"] == "tiny-random"
    assert again.tags["config_hash"] == config.hash
    assert "torch" in json.loads(again.tags["package_versions"])
    assert again.run_id == run_id

    folder = stored_folder(version)
    adapter_files = {f.name for f in (folder / "artifacts" / "adapter").iterdir()}
    assert "tokenizer.json" in adapter_files
    assert not adapter_files & {"README.md", "checkpoints", "config.json", "model.safetensors"}
    weights = [f for f in folder.rglob("*") if f.suffix in {".safetensors", ".bin", ".pt", ".pkl"}]
    assert [f.name for f in weights] == ["adapter_model.safetensors"]
    with safe_open(weights[0], framework="numpy") as stream:
        assert all(".lora_" in name for name in stream.keys())  # noqa: SIM118
    total = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    own = sum(f.stat().st_size for f in (folder / "artifacts" / "adapter").iterdir())
    assert total <= own + OVERHEAD_BYTES
    # No path of this machine in what travels, the settings of the base apart.
    settings = json.loads((folder / "artifacts/adapter/adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "tiny-random"

    code = folder / "code" / "sql_ft"
    assert (code / "tracking" / "pyfunc_model.py").is_file()
    assert {f.suffix for f in code.rglob("*") if f.is_file()} <= {".py", ".typed"}
    assert [f.name for f in (code / "assets").iterdir()] == ["__init__.py"]
    requirements = (folder / "requirements.txt").read_text().split()
    assert requirements == pip_requirements()
    assert all("==" in line and "+" not in line for line in requirements)
    example = json.loads((folder / "input_example.json").read_text())
    assert example["columns"] == ["context", "question"]
    outputs = store.client().get_run(run_id).outputs.model_outputs
    assert [o.model_id for o in outputs] == [version.model_id]


def test_one_version_for_one_adapter_hash(
    store: Store, config: RunConfig, run_id: str, adapter: Path, tmp_path: Path, tiny_base: Path
):
    import torch
    from safetensors.torch import load_file, save_file

    first = register_adapter(store, run_id, adapter, "once", config=config, verify=False)
    second = register_adapter(store, run_id, adapter, "once", config=config, verify=False)
    assert (second.version, second.created) == ("1", False)

    half = tmp_path / "half"
    shutil.copytree(adapter, half)
    tensors = load_file(adapter / "adapter_model.safetensors")
    for name in tensors:
        tensors[name] = tensors[name].to(torch.bfloat16).float()
    save_file(tensors, adapter / "adapter_model.safetensors")
    save_file(
        {name: tensor.bfloat16() for name, tensor in tensors.items()},
        half / "adapter_model.safetensors",
    )
    third = register_adapter(store, run_id, adapter, "once", config=config, verify=False)
    fourth = register_adapter(store, run_id, half, "once", config=config, verify=False)
    assert (third.version, fourth.version, fourth.created) == ("2", "2", False)

    other = make_lora_folder(tmp_path / "other", tiny_base, seed=2)
    assert register_adapter(store, run_id, other, "once", config=config, verify=False).created
    assert [v.version for v in list_versions(store, "once")] == ["3", "2", "1"]
    assert list_versions(store, "once")[-1].adapter_hash == first.adapter_hash
    assert list_versions(store, "never") == []


@pytest.mark.parametrize(
    "write", ["create_logged_model", "log_model_artifacts", "log_outputs", "create_model_version"]
)
def test_a_crash_while_registering_leaves_no_version_and_the_next_try_makes_one(
    store: Store, config: RunConfig, run_id: str, adapter: Path, monkeypatch, write: str
):
    def crash(self, *args, **kwargs):
        raise KeyboardInterrupt

    name = f"crash-{write}"
    with monkeypatch.context() as patch:
        patch.setattr(type(store.client()), write, crash)
        with pytest.raises(KeyboardInterrupt):
            register_adapter(store, run_id, adapter, name, config=config, verify=False)
    assert list_versions(store, name) == []
    register_adapter(store, run_id, adapter, name, config=config, verify=False)
    register_adapter(store, run_id, adapter, name, config=config, verify=False)
    assert [v.version for v in list_versions(store, name)] == ["1"]


def test_what_is_not_a_lora_adapter_is_refused_and_registers_nothing(
    store: Store, config: RunConfig, run_id: str, adapter: Path, tiny_base: Path
):
    from safetensors.torch import load_file, save_file

    def refused(match: str) -> None:
        with pytest.raises(ModelError, match=match):
            register_adapter(store, run_id, adapter, "refused", config=config, verify=False)
        assert list_versions(store, "refused") == []

    weights = adapter / "adapter_model.safetensors"
    lora = load_file(weights)
    base = load_file(tiny_base / "model.safetensors")
    stowaway = {"base_model.model.model.embed_tokens.weight": base["model.embed_tokens.weight"]}
    save_file(lora | stowaway, weights)
    refused("embed_tokens")
    # What mlflow.transformers stores for a PEFT model: base weights under adapter names.
    save_file({f"base_model.model.{name}": tensor for name, tensor in base.items()}, weights)
    refused("more than LoRA")
    save_file(lora, weights)
    shutil.copy(tiny_base / "model.safetensors", adapter / "model.safetensors")
    refused(r"also holds model\.safetensors")
    (adapter / "model.safetensors").unlink()
    (adapter / "adapter_model.bin").write_bytes(b"pickle")
    refused(r"adapter_model\.bin")
    (adapter / "adapter_model.bin").unlink()
    (adapter / "tokenizer_config.json").unlink()
    refused("has no tokenizer")
    weights.write_bytes(b"garbage")
    refused("cannot read")
    shutil.rmtree(adapter)
    refused("no adapter folder")
    statuses = {m.status for m in store.client().search_logged_models(
        [store.experiment_id("registry")], filter_string="name = 'refused'"
    )}  # fmt: skip
    assert {str(s) for s in statuses} <= {"LoggedModelStatus.FAILED", "FAILED"}


def test_a_version_that_is_too_large_is_refused(
    store: Store, config: RunConfig, run_id: str, adapter: Path, monkeypatch
):
    monkeypatch.setattr("sql_ft.tracking.model_package.OVERHEAD_BYTES", 1000)
    with pytest.raises(ModelError, match="the version would take"):
        register_adapter(store, run_id, adapter, "large", config=config, verify=False)
    assert list_versions(store, "large") == []


def test_the_base_must_be_the_one_that_was_trained_on(
    store: Store, config: RunConfig, run_id: str, adapter: Path
):
    with pytest.raises(ModelError, match="has changed since training"):
        register_adapter(
            store, run_id, adapter, "base", config=config, base_revision="0" * 64, verify=False
        )
    found = identify_base(config.model)
    assert found.revision == found.content_hash
    assert identify_base(config.model, revision=found.revision) == found


def test_aliases_and_downloads(
    store: Store, config: RunConfig, run_id: str, adapter: Path, tmp_path: Path
):
    assert get_alias(store, "aliased", "candidate") is None
    version = register_adapter(store, run_id, adapter, "aliased", config=config, verify=False)
    assert get_alias(store, "aliased", "candidate") is None
    set_alias(store, "aliased", "candidate", version.version)
    found = get_alias(store, "aliased", "candidate")
    assert found is not None
    assert found.aliases == ("candidate",)
    with pytest.raises(ValueError, match="set_champion"):
        set_alias(store, "aliased", "champion", version.version)

    got = download_adapter(store, "aliased", "candidate", tmp_path / "got")
    assert got.version.version == "1"
    assert (got.path / "adapter_model.safetensors").read_bytes() == (
        adapter / "adapter_model.safetensors"
    ).read_bytes()
    assert (got.path / "tokenizer.json").is_file()
    marker = got.path / "kept"
    marker.touch()
    assert download_adapter(store, "aliased", "1", tmp_path / "got").path == got.path
    assert marker.exists(), "the right adapter is not fetched twice"
    with pytest.raises(TrackingError, match="no alias 'champion'"):
        download_adapter(store, "aliased", "champion", tmp_path / "x")
    with pytest.raises(TrackingError, match="version 99"):
        download_adapter(store, "aliased", "99", tmp_path / "x")


def test_a_state_folder_that_was_moved_still_serves(
    tmp_path: Path, config: RunConfig, adapter: Path
):
    old, new = tmp_path / "old", tmp_path / "new"
    store = prepare_store(f"sqlite:///{old}/mlflow.db", old)
    with start_run(store, "moved", name="train") as run:
        version = register_adapter(store, run.run_id, adapter, "m", config=config, verify=False)
    old.rename(new)
    moved = prepare_store(f"sqlite:///{new}/mlflow.db", new)
    found = registry.get_version(moved, "m", "1")
    assert stored_folder(found).is_relative_to(new)
    got = download_adapter(moved, "m", "1", tmp_path / "fetched")
    assert got.version.adapter_hash == version.adapter_hash
    shutil.rmtree(new / "artifacts")
    # Nothing there either: the error names what was recorded.
    assert registry.get_version(moved, "m", "1").source == version.source


def test_files_that_were_exchanged_in_the_store_are_noticed(
    store: Store, config: RunConfig, run_id: str, adapter: Path, tmp_path: Path, tiny_base: Path
):
    version = register_adapter(store, run_id, adapter, "exchanged", config=config, verify=False)
    other = make_lora_folder(tmp_path / "other", tiny_base, seed=3)
    shutil.copy(
        other / "adapter_model.safetensors",
        stored_folder(version) / "artifacts" / "adapter" / "adapter_model.safetensors",
    )
    with pytest.raises(ModelError, match="holds adapter"):
        download_adapter(store, "exchanged", "1", tmp_path / "got")
    assert not (tmp_path / "got").exists()
    assert not list(tmp_path.glob("got.*"))


def test_a_hub_model_is_looked_up_at_its_commit(monkeypatch, tiny_base: Path):
    asked = []

    def resolve(model: ModelConfig) -> ResolvedModel:
        if model.name_or_path != "owner/name":
            return resolve_model(model)
        asked.append(model.revision)
        return ResolvedModel(str(tiny_base), model.revision, False, "owner/name")

    monkeypatch.setattr("sql_ft.tracking.model_package.resolve_model", resolve)
    base = identify_base(ModelConfig(name_or_path="owner/name"), revision="c0ffee")
    assert (base.label, base.revision, asked) == ("owner/name", "c0ffee", ["c0ffee"])
    assert base.content_hash == resolve_model(ModelConfig(name_or_path=str(tiny_base))).revision
