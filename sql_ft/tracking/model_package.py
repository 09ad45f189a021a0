"""The folder that MLflow stores for one version: adapter, tokenizer, code, requirements.

```
MLmodel  pyfunc_model.py  requirements.txt  input_example.json
artifacts/adapter/        LoRA tensors, their settings, the tokenizer
artifacts/serving.json    which base at which revision, how it is held, how it decodes
code/sql_ft/              this library's Python files; no weights, no sample data
```
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from sql_ft.base_model import resolve_model
from sql_ft.config import ModelConfig, RunConfig
from sql_ft.errors import ModelError
from sql_ft.tracking.staging import StagedAdapter, folder_bytes, stage_adapter

#: What MLflow's files, the code and the example may add to adapter and tokenizer.
OVERHEAD_BYTES = 2_000_000
SERVING_FORMAT = 1
INPUT_COLUMNS = ("context", "question")

# What `load_context` and `predict` import, directly or through transformers.
_SERVED_PACKAGES = (
    "accelerate",
    "bitsandbytes",
    "numpy",
    "pandas",
    "peft",
    "psutil",
    "pydantic",
    "pyyaml",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """The base model a version belongs to.

    Attributes:
        label: `ResolvedModel.label`.
        revision: Hub commit, or content hash of a local folder.
        content_hash: SHA-256 over the model's files wherever they came from, so that a
            local copy of a hub model can be recognised offline.
    """

    label: str
    revision: str
    content_hash: str


def identify_base(config: ModelConfig, *, revision: str | None = None) -> Base:
    """Find the base again and make sure it is the one that was trained on.

    Args:
        config: The run's model section.
        revision: What `resolve_model` said before training; a hub model is looked up at
            exactly that commit.

    Raises:
        ModelError: The base is gone or is not at that revision.
    """
    if revision is not None:
        config = config.model_copy(update={"revision": revision})
    resolved = resolve_model(config)
    if revision is not None and resolved.revision != revision:
        raise ModelError(
            f"base model {resolved.label} has changed since training: "
            f"revision {resolved.revision[:16]}",
            setting="model.name_or_path",
            expected=f"revision {revision[:16]}",
        )
    if resolved.is_local:
        return Base(resolved.label, resolved.revision, resolved.revision)
    folder = resolve_model(config.model_copy(update={"name_or_path": resolved.path_or_id}))
    return Base(resolved.label, resolved.revision, folder.revision)


def save_package(
    target: Path,
    adapter_dir: Path,
    *,
    config: RunConfig,
    base: Base,
    adapter_hash: str,
    input_example: Mapping[str, str],
    run_id: str,
    model: Any,
) -> StagedAdapter:
    """Write the model folder to `target`, which must not exist.

    Args:
        target: New folder.
        adapter_dir: As the training room wrote it.
        config: Its model and generation sections are what is served.
        base: See `identify_base`.
        adapter_hash: Compared with the loaded weights by `load_context`.
        input_example: One row with context and question.
        run_id: Run that made it.
        model: `mlflow.entities.LoggedModel` it becomes.

    Raises:
        ModelError: The adapter folder holds more than LoRA, or the result is too large.
    """
    import pandas as pd

    # mlflow warns about the type hints of its own classes while it is imported, and
    # about ours having none: with a type hint, serving would refuse tables.
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="sql-ft-package-") as name:
        warnings.simplefilter("ignore")
        from mlflow.models import Model, ModelSignature
        from mlflow.pyfunc import save_model
        from mlflow.types.schema import ColSpec, DataType, Schema

        work = Path(name)
        staged = stage_adapter(adapter_dir, work / "adapter", base_label=base.label)
        serving = work / "serving.json"
        serving.write_text(
            json.dumps(serving_settings(config, base, adapter_hash), indent=2), encoding="utf-8"
        )
        save_model(
            path=str(target),
            mlflow_model=Model(
                artifact_path=model.artifact_location,
                run_id=run_id,
                model_uuid=model.model_id,
                model_id=model.model_id,
            ),
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"adapter": str(staged.path), "serving": str(serving)},
            code_paths=[str(_copy_library(work / "sql_ft"))],
            signature=ModelSignature(
                inputs=Schema([ColSpec(DataType.string, column) for column in INPUT_COLUMNS]),
                outputs=Schema([ColSpec(DataType.string, "sql")]),
            ),
            input_example=pd.DataFrame([dict(input_example)], columns=list(INPUT_COLUMNS)),
            pip_requirements=pip_requirements(),
        )
    for cache in target.rglob("__pycache__"):
        shutil.rmtree(cache)
    allowed = staged.adapter_bytes + staged.tokenizer_bytes + OVERHEAD_BYTES
    size = folder_bytes(target)
    if size > allowed:
        raise ModelError(
            f"the version would take {size:,} bytes",
            expected=f"at most {allowed:,}: adapter, tokenizer and {OVERHEAD_BYTES:,} bytes",
        )
    return dataclasses.replace(staged, path=target / "artifacts" / "adapter")


def serving_settings(config: RunConfig, base: Base, adapter_hash: str) -> dict[str, Any]:
    """Everything `pyfunc_model.py` needs besides the adapter."""
    return {
        "format": SERVING_FORMAT,
        "adapter_hash": adapter_hash,
        "base": dataclasses.asdict(base),
        "model": config.model.model_dump(mode="json"),
        "generation": config.generation.model_dump(mode="json"),
    }


def pip_requirements() -> list[str]:
    """Exact versions of what serving imports, as installed here.

    A local version label (``2.13.0+cpu``) is dropped: no index offers it.
    """
    lines = []
    for name in ("mlflow", *_SERVED_PACKAGES):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        lines.append(f"{name}=={version.partition('+')[0]}")
    return lines


def _copy_library(target: Path) -> Path:
    """Copy this library's Python files; what `assets` holds or generates stays behind."""
    source = Path(__file__).resolve().parents[1]
    for file in source.rglob("*"):
        relative = file.relative_to(source)
        generator = relative.parts[0] == "assets" and len(relative.parts) > 2
        if generator or (file.suffix != ".py" and file.name != "py.typed"):
            continue
        copy = target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return target
