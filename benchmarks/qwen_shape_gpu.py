"""The write-up's preset through the whole chain, on Qwen2.5-1.5B's exact shape.

Real Qwen weights are not needed to know what a chain costs: the base is built here with
random bfloat16 weights in the exact shape, beside the real tokenizer files. Then rows are
prepared, the base is loaded in NF4, an adapter trained with
`deployments/configs/write_up.yaml`, registered in MLflow (where it is installed), loaded
back from the registry, both arms answer, and their SQL is executed. The registered version
is looked into (LoRA's tensors alone, bounded size) and answers the same questions in a
fresh process that has no path to this checkout. Accuracy means nothing here (the base is
noise); sizes, speeds, memory and identical answers do. Prints one JSON object.

    python benchmarks/qwen_shape_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/
    python benchmarks/qwen_shape_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/ --tiny
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sql_ft.base_model import load_tokenizer
from sql_ft.config import RunConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.metrics import summarize
from sql_ft.generation.decode import Arm, generate_predictions
from sql_ft.records import Prediction, Sample, read_jsonl
from sql_ft.training.adapter import check_adapter, hash_adapter
from sql_ft.training.trainer import train_adapter

PRESET = Path(__file__).parents[1] / "deployments" / "configs" / "write_up.yaml"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
# Qwen/Qwen2.5-1.5B-Instruct, config.json.
QWEN_SHAPE = {
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8960,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "rope_theta": 1_000_000.0,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
EXPECTED_TRAINABLE = 4_358_144
# Enough of the shape to walk the same path on a CPU.
TINY_SHAPE = {
    **QWEN_SHAPE,
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "intermediate_size": 256,
    "max_position_embeddings": 4096,
}


class CurveSink:
    """Keeps the loss curve."""

    def __init__(self) -> None:
        self.loss: list[tuple[int, float]] = []
        self.params: dict[str, str] = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None and "train/loss" in metrics:
            self.loss.append((step, metrics["train/loss"]))

    def log_params(self, params: Mapping[str, str]) -> None:
        self.params.update(params)


def build_base(folder: Path, tokenizer_dir: Path, shape: dict[str, Any], seed: int = 0) -> float:
    """Write a random model of `shape` with the tokenizer's files; return its size in bytes."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (tokenizer_dir / name).exists():
            shutil.copyfile(tokenizer_dir / name, folder / name)
    theta = shape["rope_theta"]
    config = Qwen2Config(
        **{key: value for key, value in shape.items() if key != "rope_theta"},
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        bos_token_id=151643,
        eos_token_id=151645,
        pad_token_id=151643,
    )
    torch.manual_seed(seed)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    return float(sum(file.stat().st_size for file in folder.glob("*.safetensors")))


def write_up_config(arguments: argparse.Namespace, base: Path, state: Path) -> RunConfig:
    """The preset with local rows, the built base, and as many rows as were asked for."""
    overrides = [
        "data.source=file",
        f"data.path={arguments.data}",
        f"data.train_rows={arguments.rows}",
        f"data.eval_rows={arguments.eval_rows}",
        f"model.name_or_path={base}",
        f"state_dir={state}",
        f"generation.max_new_tokens={arguments.max_new_tokens}",
        *arguments.set,
    ]
    return load_config(PRESET, overrides)


def register_and_fetch(
    config: RunConfig, adapter_dir: Path, folder: Path, figures: dict[str, Any]
) -> Path:
    """Put the adapter into MLflow, look at what is stored, and load it back from there.

    Without MLflow the folder itself goes on.
    """
    if importlib.util.find_spec("mlflow") is None:
        return adapter_dir
    from sql_ft.tracking.registry import download_adapter, register_adapter
    from sql_ft.tracking.runs import start_run
    from sql_ft.tracking.store import prepare_store

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    with start_run(store, config.tracking.experiment, name="qwen-shape") as run:
        registered = register_adapter(store, run.run_id, adapter_dir, name, config=config)
    figures["registered_as"] = registered.uri
    figures["registered_version"] = look_into_version(registered.source)
    return download_adapter(store, name, registered.version, folder).path


def look_into_version(source: str) -> dict[str, Any]:
    """Count tensors and bytes of a stored version; stop if it holds more than it may."""
    from safetensors import safe_open

    from sql_ft.tracking.model_package import OVERHEAD_BYTES

    folder = Path(source.removeprefix("file://"))
    files = [file for file in folder.rglob("*") if file.is_file()]
    adapter = folder / "artifacts" / "adapter"
    own = sum(file.stat().st_size for file in files if file.is_relative_to(adapter))
    size = sum(file.stat().st_size for file in files)
    tensors = []
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="numpy") as opened:
                tensors += list(opened.keys())
    foreign = [name for name in tensors if not name.endswith((".lora_A.weight", ".lora_B.weight"))]
    found = {
        "files": len(files),
        "bytes": size,
        "allowed_bytes": own + OVERHEAD_BYTES,
        "adapter_and_tokenizer_bytes": own,
        "tensors": len(tensors),
        "foreign_tensors": foreign,
        "other_weight_files": [
            file.name for file in files if file.suffix in {".bin", ".pt", ".pkl", ".pth", ".gguf"}
        ],
    }
    if foreign or found["other_weight_files"] or size > own + OVERHEAD_BYTES:
        raise SystemExit(f"the registered version holds what it must not: {found}")
    return found


def answer_as_served(
    config: RunConfig, uri: str, samples: list[Sample], judged: list[Prediction]
) -> dict[str, Any]:
    """Ask the registered version in a fresh process; compare with the evaluation's arm."""
    from sql_ft.tracking.fresh_process import answer_in_fresh_process
    from sql_ft.tracking.store import prepare_store

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    rows = [{"context": s.context, "question": s.question} for s in samples]
    started = time.monotonic()
    # An empty PYTHONPATH: the code that travelled with the version is all there is.
    fresh = answer_in_fresh_process(
        store, uri, rows, completions=True, env={"PYTHONPATH": ""}, timeout_s=300
    )
    checkout = Path(__file__).resolve().parents[1]
    return {
        "n": len(rows),
        "identical_completions": sum(
            a == p.completion for a, p in zip(fresh.completions, judged, strict=True)
        ),
        "identical_sql": sum(
            a == p.predicted_sql for a, p in zip(fresh.answers, judged, strict=True)
        ),
        "distinct_completions": len(set(fresh.completions)),
        "sql_ft_from_the_artifact": Path(fresh.code_root) != checkout
        and Path(fresh.code_root).name == "code",
        "adapter_hash": fresh.adapter_hash,
        "seconds": round(time.monotonic() - started, 2),
    }


def merge_and_compare(
    config: RunConfig, uri: str, out: Path, samples: list[Sample]
) -> dict[str, Any]:
    """Export the version as merged weights; how many answers differ."""
    from sql_ft.tracking.export import export_merged
    from sql_ft.tracking.store import prepare_store
    from sql_ft.tracking.versions import find_version

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name, _, number = uri.removeprefix("models:/").rpartition("/")
    exported = export_merged(store, find_version(store, name, number), out, questions=samples)
    return {
        "form": exported.form,
        "bytes": exported.size_bytes,
        "n": exported.n_asked,
        "differing": exported.n_differing,
    }


def run_chain(arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Build, prepare, train, register, load back, generate, evaluate."""
    import torch

    figures: dict[str, Any] = {"shape": "tiny" if arguments.tiny else "Qwen2.5-1.5B"}
    timer = _Timer(figures, arguments.out)
    base = work / "base"
    shape = TINY_SHAPE if arguments.tiny else QWEN_SHAPE
    figures["base_bytes"] = build_base(base, arguments.tokenizer_dir, shape)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    timer.lap("build_base_s")

    config = write_up_config(arguments, base, work / "state")
    prepared = prepare_dataset(config, load_tokenizer(config.model), work / "data")
    figures["profile"] = prepared.profile
    timer.lap("prepare_s")

    runs = []
    for number in range(arguments.trainings):
        sink = CurveSink()
        result = train_adapter(
            config,
            Path(prepared.train_path),
            work / f"training-{number}",
            sink,
            lambda done, total: _say(f"step {done}/{total}") if done % 10 == 0 else None,
        )
        runs.append(result)
        timer.lap(f"training_{number}_s")
        if number == 0:
            figures["loss_curve"] = sink.loss
            figures["effective"] = sink.params
    result = runs[0]
    figures["training"] = result.to_dict()
    figures["adapter_mb"] = result.adapter_bytes / 1e6
    figures["trainable_parameters"] = result.trainable_parameters
    if not arguments.tiny and result.trainable_parameters != EXPECTED_TRAINABLE:
        raise SystemExit(
            f"{result.trainable_parameters} trainable parameters, expected {EXPECTED_TRAINABLE}"
        )
    if len(runs) > 1:
        figures["same_adapter_twice"] = len({run.adapter_hash for run in runs}) == 1

    adapter = register_and_fetch(config, Path(result.adapter_dir), work / "fetched", figures)
    check_adapter(adapter)
    if hash_adapter(adapter) != result.adapter_hash:
        raise SystemExit("the adapter that came back is not the one that was trained")
    uri = figures.get("registered_as")
    timer.lap("register_and_fetch_s")

    samples = read_jsonl(Path(prepared.eval_path), Sample)
    arms = [Arm("base"), Arm("candidate", adapter)]
    generated = generate_predictions(config, samples, arms)
    figures["generation"] = generated.stats
    timer.lap("generate_s")
    if uri:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        judged = generated.predictions["candidate"]
        figures["served"] = answer_as_served(config, uri, samples, judged)
        timer.lap("served_s")
        if arguments.merge:
            figures["merged"] = merge_and_compare(config, uri, work / "merged", samples)
            timer.lap("merge_s")

    evaluation_set = build_evaluation_set(samples, config.evaluation, work / "evalset")
    figures["evaluation"] = {}
    for arm, predictions in generated.predictions.items():
        verdicts = score_predictions(evaluation_set, predictions, config.evaluation)
        summary = summarize(verdicts, predictions)
        figures["evaluation"][arm] = {
            "n_scored": summary.n_scored,
            "n_excluded": summary.n_excluded,
            "metrics": summary.to_metrics(),
        }
    timer.lap("evaluate_s")
    return figures


class _Timer:
    """Times the steps; what is known after each is on disk, should a later one fail."""

    def __init__(self, figures: dict[str, Any], out: Path | None) -> None:
        self._figures = figures
        self._out = out
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self._figures[name] = round(now - self._last, 2)
        self._last = now
        _say(f"{name} {self._figures[name]}")
        if self._out:
            _write(self._out, self._figures)


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=1, default=str) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _machine() -> dict[str, str]:
    import torch

    names = ("torch", "transformers", "trl", "peft", "bitsandbytes", "duckdb", "sqlglot")
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {"python": platform.python_version(), "gpu": gpu} | {n: version(n) for n in names}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="rows: question, context, answer")
    parser.add_argument("--tokenizer-dir", type=Path, required=True, help="Qwen2.5's files")
    parser.add_argument("--rows", type=int, default=1000, help="training rows")
    parser.add_argument("--eval-rows", type=int, default=100)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--trainings", type=int, default=1, help="2: compare the adapters")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    parser.add_argument("--merge", action="store_true", help="export merged weights too")
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--work-dir", type=Path, help="kept; default: a temporary folder")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    for name in ("data", "tokenizer_dir"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    if arguments.work_dir:
        arguments.work_dir.mkdir(parents=True, exist_ok=True)
        figures = run_chain(arguments, arguments.work_dir.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="qwen-shape-") as folder:
            figures = run_chain(arguments, Path(folder))
    figures["machine"] = _machine()
    print(json.dumps(figures, indent=1, default=str))
    if arguments.out:
        _write(arguments.out, figures)


if __name__ == "__main__":
    main()
