"""Finding, pinning and loading the base model; no network anywhere."""

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from tiny_model import make_tiny_model

from sql_ft import base_model
from sql_ft.base_model import (
    compute_dtype,
    load_base,
    load_tokenizer,
    pick_device,
    resolve_model,
    stop_ids,
)
from sql_ft.config import ModelConfig
from sql_ft.errors import ModelError


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base") / "tiny-random")


def local(path: Path | str, **settings: object) -> ModelConfig:
    return ModelConfig.model_validate({"name_or_path": str(path), "device": "cpu", **settings})


def test_local_folder_is_pinned_by_content(base: Path, tmp_path: Path) -> None:
    resolved = resolve_model(local(base))
    assert (resolved.is_local, resolved.label) == (True, "tiny-random")
    copy = tmp_path / "elsewhere"
    shutil.copytree(base, copy)
    assert resolve_model(local(copy)).revision == resolved.revision
    (copy / "README.md").write_text("not part of the model")
    assert resolve_model(local(copy)).revision == resolved.revision
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "rope_theta": 5}))
    assert resolve_model(local(copy)).revision != resolved.revision


def test_hash_is_not_computed_twice(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve_model(local(base)).revision
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("read again"))
    assert resolve_model(local(base)).revision == first


@pytest.mark.parametrize("name", ["/no/such/folder", "./no-such", "~/no-such-folder-of-mine"])
def test_missing_folder(name: str) -> None:
    with pytest.raises(ModelError, match=r"does not exist.*model\.name_or_path"):
        resolve_model(local(name))


def test_folder_without_model(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config\.json and no \*\.safetensors"):
        resolve_model(local(tmp_path))
    shutil.copy(base / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"has no \*\.safetensors"):
        resolve_model(local(tmp_path))
    with pytest.raises(ModelError, match="is not a folder"):
        resolve_model(local(base / "config.json"))


def test_unknown_bundled_name() -> None:
    with pytest.raises(ModelError, match=r"no bundled model 'huge'.*bundled:tiny"):
        resolve_model(local("bundled:huge"))


def test_offline_and_not_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: pytest.fail("network"))
    with pytest.raises(ModelError) as caught:
        resolve_model(local("Qwen/Qwen2.5-1.5B-Instruct"))
    for part in ("HF_HUB_OFFLINE is set", "not in the hub cache", "local folder"):
        assert part in str(caught.value)
    assert caught.value.setting == "model.name_or_path"
    assert caught.value.exit_code == 4


def test_invalid_hub_id() -> None:
    with pytest.raises(ModelError, match="is no hub id"):
        resolve_model(local("two words/!"))


def test_cached_snapshot_is_pinned_by_its_commit(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--acme--tiny"
    shutil.copytree(base, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    config = ModelConfig(name_or_path="acme/tiny")
    resolved = resolve_model(config)
    assert (resolved.revision, resolved.label, resolved.is_local) == (commit, "acme/tiny", False)
    assert load_tokenizer(config).chat_template


def test_nf4_for_training_and_its_values_in_plain_layers_for_generation(base: Path) -> None:
    import bitsandbytes

    train = load_base(local(base), purpose="train")
    plain = load_base(local(base), purpose="generate")
    original = load_base(local(base, quantization="none"), purpose="generate")
    name = "model.layers.1.mlp.up_proj"
    assert isinstance(train.get_submodule(name), bitsandbytes.nn.Linear4bit)
    assert type(plain.get_submodule(name)) is torch.nn.Linear
    assert not any(p.requires_grad for p in train.parameters())
    weight = train.get_submodule(name).weight
    dequantized = bitsandbytes.functional.dequantize_4bit(weight.data, weight.quant_state)
    assert torch.equal(plain.get_submodule(name).weight, dequantized)
    assert not torch.equal(plain.get_submodule(name).weight, original.get_submodule(name).weight)
    assert torch.equal(plain.model.norm.weight, original.model.norm.weight)


def test_dequantized_equals_nf4_within_bfloat16_rounding(base: Path) -> None:
    """What is promised: exact in float32, and one bfloat16 rounding on repacking CPUs."""
    ids = torch.arange(40).reshape(2, 20) % 400 + 5
    nf4 = load_base(local(base), purpose="train")
    plain = load_base(local(base), purpose="generate")
    with torch.no_grad():
        expected = plain(ids).logits
        nf4.train()  # bitsandbytes repacks only in evaluation mode
        torch.testing.assert_close(nf4(ids).logits, expected, atol=1e-4, rtol=1e-4)
        nf4.eval()
        difference = (nf4(ids).logits - expected).abs().max() / expected.abs().max()
    assert difference < 0.08


def test_weights_that_do_not_fit_are_an_error(base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    tensors = load_file(broken / "model.safetensors")
    tensors.pop("model.layers.0.self_attn.q_proj.weight")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"missing_keys: model\.layers\.0\.self_attn\.q_proj"):
        load_base(local(broken, quantization="none"), purpose="generate")


def test_damaged_weights_are_an_error(base: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    data = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="cannot load broken"):
        load_base(local(broken), purpose="generate")


def test_tokenizer_without_chat_template(base: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(base, plain)
    (plain / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="has no chat template"):
        load_tokenizer(local(plain))


def test_stop_ids_begin_with_the_end_of_turn(base: Path) -> None:
    tokenizer = load_tokenizer(local(base))
    assert [tokenizer.decode([i]) for i in stop_ids(tokenizer)] == ["<|im_end|>", "<|endoftext|>"]


def test_device_and_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device(ModelConfig()) == "cpu"
    with pytest.raises(ModelError, match=r"sees no GPU.*model\.device"):
        pick_device(ModelConfig(device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert pick_device(ModelConfig()) == "cuda"
    assert compute_dtype(ModelConfig(), "cuda") is torch.bfloat16
    assert compute_dtype(ModelConfig(), "cpu") is torch.float32
    assert compute_dtype(ModelConfig(compute_dtype="float16"), "cuda") is torch.float16
    assert compute_dtype(ModelConfig(compute_dtype="float16"), "cpu") is torch.float32


def test_import_is_light() -> None:
    import subprocess
    import sys

    code = "import sys, sql_ft.base_model; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert base_model.BUNDLED_FOLDERS


def test_bundled_base_is_named_by_its_label_alone() -> None:
    resolved = resolve_model(local("bundled:tiny"))
    assert (resolved.label, resolved.is_local) == ("bundled:tiny", True)
    assert len(resolved.revision) == 64
    assert load_tokenizer(local("bundled:tiny")).chat_template
