"""A registered version, taken out of the registry: a PEFT folder, or merged weights.

The PEFT folder holds the adapter as it was judged and registered, value for value. Merged
weights are another model: an adapter trained beside a 4-bit base has learned to correct
that base's rounding, so it is merged into the *dequantized* 4-bit values of a freshly
loaded base, never into the original weights or into 4 bits. How many answers the merging
changes is counted and returned, not assumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sql_ft.base_model import ResolvedModel, dequantize_fresh, load_base, pick_device
from sql_ft.config import ModelConfig, RunConfig, parse_config
from sql_ft.errors import ConfigError
from sql_ft.records import Prediction, Progress, Sample
from sql_ft.tracking.export_card import write_card
from sql_ft.tracking.registry import download_adapter
from sql_ft.tracking.served_base import locate_base
from sql_ft.tracking.staging import TOKENIZER_FILES, folder_bytes
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import RegisteredVersion

logger = logging.getLogger(__name__)

Dtype = Literal["base", "float32", "bfloat16", "float16"]

_SAFETENSORS_DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclasses.dataclass(frozen=True, slots=True)
class Exported:
    """What lies in the folder now.

    Attributes:
        path: The folder.
        version: The version it came from.
        form: What kind of weights these are.
        size_bytes: Of all files.
        n_asked: Questions that the version and the merged weights both answered; 0 for a
            PEFT folder, whose tensors are the version's own.
        n_differing: Of those, the ones whose text differs.
    """

    path: Path
    version: RegisteredVersion
    form: str
    size_bytes: int
    n_asked: int = 0
    n_differing: int = 0


def export_adapter(store: Store, version: RegisteredVersion, out: Path) -> Exported:
    """Write the version's adapter as a PEFT folder with tokenizer and model card.

    Args:
        store: From `prepare_store`.
        version: From `versions.find_version`.
        out: New or empty folder; it appears once everything is written.

    Raises:
        ConfigError: `out` holds something, or cannot be written.
        TrackingError: The files cannot be fetched.
        ModelError: They are not what was registered.
    """
    form = "PEFT folder: the registered LoRA tensors, unchanged"
    with _written_whole(out) as target:
        download_adapter(store, version.name, version.version, target)
        write_card(target, version, form, merged=False)
    return Exported(out, version, form, folder_bytes(out))


def export_merged(
    store: Store,
    version: RegisteredVersion,
    out: Path,
    *,
    questions: Sequence[Sample],
    dtype: Dtype = "base",
    progress: Progress | None = None,
) -> Exported:
    """Merge the version into its base and write a folder that plain transformers loads.

    Args:
        store: From `prepare_store`.
        version: From `versions.find_version`.
        out: New or empty folder; it appears once everything is written.
        questions: Answered by the version as it is served, and by the written folder.
        dtype: Of the written weights; ``base``: that of the base's own files. The sum
            itself is taken in float32.
        progress: Called with answers done and in all.

    Raises:
        ConfigError: `out` holds something, or cannot be written.
        TrackingError: The files cannot be fetched.
        ModelError: The base is not found, the adapter does not fit it, or what was
            written does not load back.
    """
    serving = _serving_file(store, version)
    settings = parse_config({key: serving[key] for key in ("model", "generation")})
    model, base = locate_base(settings.model, serving["base"])
    settings = _on(settings, model)
    with _written_whole(out) as target:
        adapter = target.with_name("adapter")
        download_adapter(store, version.name, version.version, adapter)
        form = _write_merged(model, base, adapter, target, dtype)
        before = _answers(settings, questions, adapter, progress, already=0)
        # The same settings on the written weights: only the weights' difference counts.
        plain = model.model_copy(update={"name_or_path": str(target), "quantization": "none"})
        after = _answers(_on(settings, plain), questions, None, progress, already=len(before))
        differing = sum(a.completion != b.completion for a, b in zip(before, after, strict=True))
        write_card(target, version, form, merged=True, differing=(differing, len(before)))
    return Exported(out, version, form, folder_bytes(out), len(before), differing)


def check_out(out: Path) -> None:
    """Refuse a folder that holds something: an export never overwrites.

    Raises:
        ConfigError: `out` is a file, or a folder with something in it.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    what = "is not empty" if out.is_dir() else "is a file"
    raise ConfigError(f"{out} {what}", setting="--out", expected="a new or empty folder")


@contextlib.contextmanager
def _written_whole(out: Path) -> Iterator[Path]:
    """Yield a folder to be created and filled; it takes its place once the block succeeds."""
    check_out(out)
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}", setting="--out") from (
            error
        )
    with work as folder:
        target = Path(folder, "export")
        yield target
        if out.is_dir():
            out.rmdir()
        target.rename(out)


def _serving_file(store: Store, version: RegisteredVersion) -> dict[str, Any]:
    """With which base and settings the version is served."""
    import mlflow.artifacts

    uri = f"{version.source.rstrip('/')}/artifacts/serving.json"
    with tracking_errors(f"cannot read the settings of version {version.version}", store):
        return dict(json.loads(mlflow.artifacts.load_text(uri)))


def _on(settings: RunConfig, model: ModelConfig) -> RunConfig:
    return settings.model_copy(update={"model": model})


def _write_merged(
    model: ModelConfig, base: ResolvedModel, adapter: Path, target: Path, dtype: Dtype
) -> str:
    """Add the low-rank products to the weights in float32 and save; return the form."""
    import torch

    from sql_ft.generation.apply_adapter import adapter_applied

    written = _stored_dtype(Path(base.path_or_id)) if dtype == "base" else dtype
    quantized = model.quantization == "nf4"
    # Loaded as for training: still in 4 bits, and no forward pass has touched it.
    loaded = load_base(model, purpose="train")
    if quantized:
        loaded = dequantize_fresh(loaded)
    loaded = loaded.float()
    with adapter_applied(loaded, adapter, base=base, merge=True) as merged:
        merged.to(getattr(torch, written)).save_pretrained(target)
    del loaded, merged
    if pick_device(model) == "cuda":
        torch.cuda.empty_cache()
    for name in TOKENIZER_FILES:
        if (adapter / name).is_file():
            shutil.copyfile(adapter / name, target / name)
    kind = "the dequantized NF4 base" if quantized else "the base's own weights"
    return f"merged weights in {written}: LoRA added to {kind} in float32"


def _answers(
    settings: RunConfig,
    questions: Sequence[Sample],
    adapter: Path | None,
    progress: Progress | None,
    *,
    already: int,
) -> list[Prediction]:
    from sql_ft.generation.decode import Arm, generate_predictions

    def report(done: int, _: int) -> None:
        if progress is not None:
            progress(already + done, 2 * len(questions))

    answered = generate_predictions(settings, questions, [Arm("version", adapter)], report)
    return answered.predictions["version"]


def _stored_dtype(folder: Path) -> str:
    """The dtype that most values of a folder of safetensors have."""
    from safetensors import safe_open

    counts = dict.fromkeys(_SAFETENSORS_DTYPES, 0)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - it is no mapping
                part = tensors.get_slice(key)
                if part.get_dtype() in counts:
                    sides = part.get_shape()
                    counts[part.get_dtype()] += sides[0] * (sides[1] if len(sides) > 1 else 1)
    return _SAFETENSORS_DTYPES[max(counts, key=lambda kind: counts[kind])]
