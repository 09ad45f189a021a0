"""A version outside the registry: what it holds, that others can load it, and bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_hub import running_hub
from lora_folder import make_lora_folder
from safetensors import safe_open
from small_training import make_samples

from sql_ft.config import RunConfig
from sql_ft.data.chat import build_messages
from sql_ft.errors import ConfigError, SqlFtError, TrackingError
from sql_ft.tracking.export import check_out, export_adapter, export_merged
from sql_ft.tracking.registry import register_adapter
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import Store
from sql_ft.tracking.versions import RegisteredVersion, find_version, set_alias
from sql_ft.training.adapter import check_adapter, hash_adapter

NAME = "exported"


@pytest.fixture(scope="module")
def version(
    store: Store, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> RegisteredVersion:
    from transformers import AutoTokenizer

    adapter = make_lora_folder(tmp_path_factory.mktemp("lora") / "adapter", tiny_base, seed=21)
    # As training writes it: the class by name, which a folder without config.json needs.
    AutoTokenizer.from_pretrained(tiny_base).save_pretrained(adapter)
    config = serving(tiny_base)
    with start_run(store, "export", name="train") as run:
        made = register_adapter(store, run.run_id, adapter, NAME, config=config, verify=False)
    set_alias(store, NAME, "candidate", made.version)
    return find_version(store, NAME, "candidate")


def serving(base: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "model": {"name_or_path": str(base), "device": "cpu"},
            "generation": {"max_new_tokens": 12, "batch_size": 4},
        }
    )


@pytest.mark.slow
def test_both_forms_answer_with_plain_peft_and_transformers(
    store: Store, version: RegisteredVersion, tiny_base: Path, tmp_path: Path
) -> None:
    from sql_ft.generation.decode import Arm, generate_predictions

    samples = make_samples(6)
    adapter = export_adapter(store, version, tmp_path / "adapter")
    merged = export_merged(store, version, tmp_path / "merged", questions=samples, dtype="float32")
    assert hash_adapter(adapter.path) == version.adapter_hash
    check_adapter(adapter.path)
    assert (merged.n_asked, merged.n_differing) == (6, 0)
    assert merged.form == (
        "merged weights in float32: LoRA added to the dequantized NF4 base in float32"
    )
    card = (merged.path / "README.md").read_text()
    assert "differ from the registered version's | 0 of 6" in card
    assert version.adapter_hash in card
    assert list(tmp_path.glob(".*")) == []  # no working folder is left behind

    judged = generate_predictions(
        serving(tiny_base), samples, [Arm("base"), Arm("candidate", adapter.path)]
    ).predictions
    request = {
        "base": str(tiny_base),
        "adapter": str(adapter.path),
        "merged": str(merged.path),
        "chats": [build_messages(s.question, s.context) for s in samples],
        "max_new_tokens": 12,
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    subprocess.run(
        # -I: neither the working directory nor PYTHONPATH.
        [
            *(sys.executable, "-I", str(Path(__file__).with_name("plain_answers.py"))),
            *(str(tmp_path / "request.json"), str(tmp_path / "reply.json")),
        ],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
    )
    reply = json.loads((tmp_path / "reply.json").read_text())
    assert reply["project"] == []
    expected = [p.completion for p in judged["candidate"]]
    assert reply["adapter"] == expected
    assert reply["merged"] == expected
    assert expected != [p.completion for p in judged["base"]]


def test_merged_weights_have_the_dtype_asked_for(
    store: Store, version: RegisteredVersion, tmp_path: Path
) -> None:
    for dtype, expected in (("base", "F32"), ("float16", "F16")):
        exported = export_merged(
            store, version, tmp_path / dtype, questions=make_samples(2), dtype=dtype
        )
        with safe_open(exported.path / "model.safetensors", framework="numpy") as tensors:
            names = list(tensors.keys())
            assert {tensors.get_slice(name).get_dtype() for name in names} == {expected}
            assert not [name for name in names if "lora" in name]


def test_a_version_is_found_by_number_and_alias(store: Store, version: RegisteredVersion) -> None:
    for reference in (version.version, f"v{version.version}", "candidate"):
        assert find_version(store, NAME, reference).adapter_hash == version.adapter_hash


@pytest.mark.parametrize(
    ("name", "reference", "message"),
    [
        (NAME, "champion", "has no alias 'champion' .*alias: candidate"),
        (NAME, "99", "has no version '99' .*versions 1"),
        ("never-made", "champion", "no version of 'never-made' is registered"),
    ],
)
def test_what_is_not_there_is_named(
    store: Store, version: RegisteredVersion, name: str, reference: str, message: str
) -> None:
    with pytest.raises(TrackingError, match=message):
        find_version(store, name, reference)


def test_an_export_never_overwrites(
    store: Store, version: RegisteredVersion, tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    for export in (
        lambda out: export_adapter(store, version, out),
        lambda out: export_merged(store, version, out, questions=[]),
    ):
        with pytest.raises(ConfigError, match=r"is not empty.*--out"):
            export(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["kept.txt"]
    with pytest.raises(ConfigError, match="is a file"):
        check_out(tmp_path / "kept.txt")
    with pytest.raises(ConfigError, match="cannot write"):
        export_adapter(store, version, tmp_path / "kept.txt" / "below")


def test_a_base_that_is_gone_leaves_nothing_behind(
    store: Store, version: RegisteredVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_FT_BASE_MODEL", str(tmp_path / "no-such-folder"))
    with pytest.raises(SqlFtError, match="SQL_FT_BASE_MODEL"):
        export_merged(store, version, tmp_path / "out", questions=make_samples(1))
    assert list(tmp_path.iterdir()) == []


def run_export(store: Store, *arguments: str, **environment: str) -> "subprocess.CompletedProcess":
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "export", *arguments],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": store.tracking_uri,
            "COLUMNS": "200",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_pushing_to_a_hub(store: Store, version: RegisteredVersion, tmp_path: Path) -> None:
    settings = ("--set", f"tracking.registered_model_name={NAME}", "--set", f"state_dir={tmp_path}")
    with running_hub() as hub:
        online = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.endpoint}
        done = run_export(
            store,
            *("candidate", "--out", str(tmp_path / "out"), "--push", "team/adapter", *settings),
            **online,
            HF_TOKEN=hub.token,
        )
        assert done.returncode == 0, done.stderr
        assert f"{hub.endpoint}/team/adapter/commit/" in done.stdout
        assert "PEFT folder: the registered LoRA tensors, unchanged" in done.stdout
        (created,) = hub.created
        assert created["visibility"] == "private"
        pushed = tmp_path / "pushed"
        pushed.mkdir()
        for name, data in hub.files["team/adapter"].items():
            (pushed / name).write_bytes(data)
        assert hash_adapter(pushed) == version.adapter_hash
        assert {f.name for f in pushed.iterdir()} == {f.name for f in (tmp_path / "out").iterdir()}
        assert hub.messages == [f"{NAME} version 1, adapter {version.adapter_hash[:12]}"]

        refused = run_export(
            store,
            *("candidate", "--out", str(tmp_path / "out-2"), "--push", "team/adapter", *settings),
            **online,
            HF_TOKEN="wrong",
        )
    assert refused.returncode != 0
    assert "HF_TOKEN" in refused.stderr
    assert (tmp_path / "out-2" / "adapter_model.safetensors").is_file()


def test_pushing_while_offline_says_so(tmp_path: Path) -> None:
    from sql_ft.tracking.hub_push import push_folder

    with pytest.raises(TrackingError, match="HF_HUB_OFFLINE is set"):
        push_folder(tmp_path, "team/adapter", message="m")
    with pytest.raises(SqlFtError, match="expected: owner/name"):
        push_folder(tmp_path, "not a name", message="m")


def test_no_registry_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    from flows.export_command import export

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with pytest.raises(TrackingError, match=r"there is no registry at .*mistyped"):
            export("champion", tmp_path / "out", set_=[f"state_dir={tmp_path / 'mistyped'}"])
    assert list(tmp_path.iterdir()) == []
