import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from sql_ft.base_model import ResolvedModel, resolve_model
from sql_ft.config import ModelConfig
from sql_ft.errors import ModelError
from sql_ft.tracking import served_base
from sql_ft.tracking.served_base import BASE_MODEL_VARIABLE, locate_base


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def facts(folder: Path, label: str = "some-model") -> dict[str, str]:
    revision = resolve_model(ModelConfig(name_or_path=str(folder))).revision
    return {"label": label, "revision": revision, "content_hash": revision}


def test_the_recorded_folder_is_used(base_folder, monkeypatch):
    monkeypatch.delenv(BASE_MODEL_VARIABLE, raising=False)
    model = ModelConfig(name_or_path=str(base_folder))
    chosen, resolved = locate_base(model, facts(base_folder))
    assert chosen.name_or_path == str(base_folder)
    assert resolved.path_or_id == str(base_folder)


def test_a_moved_base_is_found_through_the_variable_alone(base_folder, monkeypatch, tmp_path):
    known = facts(base_folder)
    model = ModelConfig(name_or_path=str(base_folder))
    moved = base_folder.rename(tmp_path / "moved")
    monkeypatch.delenv(BASE_MODEL_VARIABLE, raising=False)
    with pytest.raises(ModelError, match=BASE_MODEL_VARIABLE):
        locate_base(model, known)
    monkeypatch.setenv(BASE_MODEL_VARIABLE, str(moved))
    assert locate_base(model, known)[1].path_or_id == str(moved)


def test_another_base_is_refused(base_folder, monkeypatch, tmp_path):
    known = facts(base_folder)
    other = tmp_path / "other"
    shutil.copytree(base_folder, other)
    (other / "model.safetensors").write_bytes(b"different")
    monkeypatch.setenv(BASE_MODEL_VARIABLE, str(other))
    with pytest.raises(
        ModelError, match=f"is at revision.*some-model at revision {known['revision'][:16]}"
    ):
        locate_base(ModelConfig(name_or_path=str(base_folder)), known)


def test_a_hub_model_is_asked_for_at_its_commit_or_taken_from_a_copy(base_folder, monkeypatch):
    asked = []

    def resolve(model: ModelConfig) -> ResolvedModel:
        if model.name_or_path == "owner/name":
            asked.append(model.revision)
            return ResolvedModel(str(base_folder), model.revision, False, "owner/name")
        return resolve_model(model)

    monkeypatch.setattr(served_base, "resolve_model", resolve)
    known = {**facts(base_folder), "revision": "c0ffee"}
    model = ModelConfig(name_or_path="owner/name", revision="main")
    monkeypatch.delenv(BASE_MODEL_VARIABLE, raising=False)
    chosen, resolved = locate_base(model, known)
    assert (chosen.revision, resolved.revision, asked) == ("c0ffee", "c0ffee", ["c0ffee"])
    monkeypatch.setenv(BASE_MODEL_VARIABLE, str(base_folder))
    assert locate_base(model, known)[1].path_or_id == str(base_folder)


def test_the_bundled_base_is_found_in_another_installation(base_folder, monkeypatch, tmp_path):
    """The code that travels with a version has no weights; what is installed has them."""
    monkeypatch.delenv(BASE_MODEL_VARIABLE, raising=False)
    known = facts(base_folder, "bundled:tiny")
    monkeypatch.setattr(served_base, "BUNDLED_FOLDERS", {"tiny": "no_such_folder_here"})
    model = ModelConfig(name_or_path="bundled:tiny")
    with pytest.raises(ModelError, match="an environment in which sql-ft is installed"):
        locate_base(model, known)

    installed = tmp_path / "site-packages" / "sql_ft"
    (installed / "assets").mkdir(parents=True)
    (installed / "__init__.py").touch()
    weights = installed / "assets" / "no_such_folder_here"
    shutil.copytree(base_folder, weights)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(installed.parent)])
        assert locate_base(model, known)[1].path_or_id == str(weights)

    spec = types.SimpleNamespace(submodule_search_locations=[str(installed)])
    finder = types.SimpleNamespace(find_spec=lambda name, path: spec if name == "sql_ft" else None)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [*sys.meta_path, finder])
        assert locate_base(model, known)[1].path_or_id == str(weights)
        (weights / "model.safetensors").write_bytes(b"other weights")
        with pytest.raises(ModelError, match="is at revision"):
            locate_base(model, known)


def test_finding_the_base_imports_no_torch():
    code = "import sys, sql_ft.tracking.served_base; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
