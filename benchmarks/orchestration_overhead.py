"""What Prefect, MLflow, hashing and files cost on a chain, beside the bare library calls.

    python benchmarks/orchestration_overhead.py --config deployments/configs/tiny.yaml
        [--set NAME=VALUE ...] [--repeats 1] [--out FILE.json]

Each repeat runs two new processes, one after the other, with empty folders of their own:

- *library*: the same stages called one after the other in one process: rows, evaluation set,
  training, generation, scoring, summaries. Nothing is hashed for a cache, registered,
  tracked or checked, and training is no child process.
- *flow*: what `sql-ft run` does, with Prefect's temporary server and MLflow on SQLite.
  Functions are timed where the flow calls them; a part has the time in which none of its own
  calls to other parts ran (self time), so that parts add up.

Wall time means something on an idle machine alone; CPU time (user and system, children
included) is given beside it. Printed as one table; JSON with ``--out``.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARY = ("rows", "evaluation set", "training", "generation", "scoring", "deciding")
ENGINE = "Prefect: flow and task engine, logs, artifacts"

#: Part → where its functions are; a name that other modules imported is replaced there too.
PARTS: dict[str, tuple[str, ...]] = {
    "rows": ("sql_ft.data.prepare:prepare_dataset", "sql_ft.base_model:load_tokenizer"),
    "evaluation set": ("sql_ft.evaluation.evalset:build_evaluation_set",),
    "training": ("sql_ft.training.trainer:train_adapter",),
    "generation": ("sql_ft.generation.decode:generate_predictions",),
    "scoring": ("sql_ft.evaluation.evaluator:score_arms",),
    "deciding": (
        "sql_ft.evaluation.gate:decide",
        "sql_ft.evaluation.gate:planned_power",
        "sql_ft.evaluation.metrics:summarize",
        "sql_ft.evaluation.sql_features:slice_golds",
        "sql_ft.data.overlap:measure_overlap",
    ),
    "MLflow: store, runs, metrics": (
        "sql_ft.tracking.store:prepare_store",
        "sql_ft.tracking.runs:start_run",
        "sql_ft.tracking.runs:TrackedRun.log_metrics",
        "sql_ft.tracking.runs:TrackedRun.log_params",
        "sql_ft.tracking.runs:TrackedRun.log_dataset",
        "sql_ft.tracking.runs:TrackedRun.log_text",
        "sql_ft.tracking.runs:TrackedRun.log_json",
        "sql_ft.tracking.runs:TrackedRun.log_table",
        "sql_ft.tracking.runs:TrackedRun.log_figure",
        "sql_ft.tracking.runs:TrackedRun.set_tags",
        "sql_ft.tracking.runs:attach_run",
    ),
    "MLflow: versions, aliases, decisions": (
        "sql_ft.tracking.registry:register_adapter",
        "sql_ft.tracking.registry:download_adapter",
        "sql_ft.tracking.registry:list_versions",
        "sql_ft.tracking.versions:get_alias",
        "sql_ft.tracking.versions:set_alias",
        "sql_ft.tracking.versions:set_version_tags",
        "sql_ft.tracking.scores:record_scores",
        "sql_ft.tracking.budget:read_looks",
        "sql_ft.tracking.promotion:set_champion",
        "sql_ft.tracking.promotion:record_decision",
    ),
    "writing the version": ("sql_ft.tracking.model_package:save_package",),
    "loading it back in a process of its own": (
        "sql_ft.tracking.fresh_process:verify_loads",
        "sql_ft.tracking.fresh_process:kept_process",
    ),
    "served answers, before and after the move": (
        "sql_ft.tracking.served_check:check_served",
        "sql_ft.tracking.fresh_process:end_kept_process",
    ),
    "report": (
        "tasks.report:build_report",
        "sql_ft.evaluation.report:render_html",
        "sql_ft.evaluation.report:render_markdown",
        "sql_ft.evaluation.report_table:verdict_table",
        "sql_ft.evaluation.figures:draw_figures",
    ),
    "hashing": (
        "sql_ft.inputs:hash_inputs",
        "sql_ft.stage_cache:code_digest",
        "sql_ft.stage_cache:stage_key",
        "sql_ft.data.fingerprint:source_fingerprint",
        "sql_ft.data.fingerprint:manifest_digest",
        "sql_ft.base_model:resolve_model",
        "sql_ft.training.adapter:hash_adapter",
        "sql_ft.evaluation.rules:evaluator_hash",
    ),
    "files": (
        "sql_ft.records:read_jsonl",
        "sql_ft.records:write_jsonl",
        "sql_ft.generation.prediction_cache:read_predictions",
        "sql_ft.generation.prediction_cache:write_predictions",
        "sql_ft.stage_cache:StageFolder.complete",
    ),
}


class Parts:
    """Self times of parts, by a stack of what is running."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Give the time of the block to `name`, less what its own blocks took."""
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            own = spent - self._inner.pop()
            self._inner[-1] += spent
            self.seconds[name] = self.seconds.get(name, 0.0) + own

    def time_functions(self) -> None:
        """Replace the functions of `PARTS`, wherever the project's modules hold them."""
        for name, places in PARTS.items():
            for place in places:
                module_name, _, attribute = place.partition(":")
                owner: Any = importlib.import_module(module_name)
                *outer, last = attribute.split(".")
                for step in outer:
                    owner = getattr(owner, step)
                function = getattr(owner, last)
                wrapped = self._timed(name, function)
                setattr(owner, last, wrapped)
                for module in list(sys.modules.values()):
                    if not outer and module.__name__.startswith(("sql_ft.", "tasks.", "flows.")):
                        for key, value in list(vars(module).items()):
                            if value is function:
                                setattr(module, key, wrapped)

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return timed


def run_library(config_path: Path, overrides: list[str], state: Path) -> dict[str, float]:
    """Call the stages one after the other; seconds of each."""
    parts = Parts()
    with parts.part("imports"):
        from sql_ft.base_model import load_tokenizer
        from sql_ft.config import load_config
        from sql_ft.data.prepare import prepare_dataset
        from sql_ft.evaluation.evalset import build_evaluation_set, load_evaluation_set
        from sql_ft.evaluation.evaluator import score_arms
        from sql_ft.evaluation.examples import EXAMPLES
        from sql_ft.evaluation.gate import Side, decide
        from sql_ft.evaluation.metrics import summarize
        from sql_ft.evaluation.sql_features import slice_golds
        from sql_ft.generation.decode import Arm, generate_predictions
        from sql_ft.model_libraries import import_ahead
        from sql_ft.records import Sample, read_jsonl
        from sql_ft.training.core import run_training
        from sql_ft.training.metrics_sink import NullSink

        import_ahead()
    config = load_config(config_path, [*overrides, f"state_dir={state}"])
    with parts.part("rows"):
        dataset = prepare_dataset(config, load_tokenizer(config.model), state / "dataset")
        samples = read_jsonl(Path(dataset.eval_path), Sample)
        train = read_jsonl(Path(dataset.train_path), Sample)
    with parts.part("evaluation set"):
        build_evaluation_set(samples, config.evaluation, state / "set")
        frozen = load_evaluation_set(state / "set")
    with parts.part("training"):
        trained = run_training(config, Path(dataset.train_path), state / "training", NullSink())
    shots: dict[str, Sample] = {}
    for sample in train:
        if len(shots) < config.generation.few_shot_examples:
            shots.setdefault(sample.schema_group, sample)
    arms = [
        Arm("base"),
        Arm("base_3shot", None, tuple(shots.values())),
        Arm("candidate", Path(trained.adapter_dir)),
    ]
    with parts.part("generation"):
        generated = generate_predictions(config, [*samples, *EXAMPLES], arms)
    asked = {sample.id for sample in samples}
    predictions = {
        arm: [p for p in rows if p.sample_id in asked]
        for arm, rows in generated.predictions.items()
    }
    with parts.part("scoring"):
        verdicts = dict(
            zip(
                predictions,
                score_arms(frozen, list(predictions.values()), config.evaluation),
                strict=True,
            )
        )
    with parts.part("deciding"):
        slices = slice_golds(samples, config.evaluation.dialect)
        sides = {
            arm: Side(
                verdicts=rows,
                summary=summarize(rows, predictions[arm], samples, gold_slices=slices),
                adapter_hash=trained.adapter_hash if arm == "candidate" else "",
                version="1" if arm == "candidate" else "",
                evaluation_set_hash=frozen.hash,
                evaluator_hash="",
                completion_tokens={p.sample_id: p.completion_tokens for p in predictions[arm]},
            )
            for arm, rows in verdicts.items()
        }
        decide(
            reference=sides["base"],
            candidate=sides["candidate"],
            reference_arm="base",
            config=config.promotion,
            base=sides["base"],
            few_shot=sides["base_3shot"],
            slices=slices,
        )
    return parts.seconds


def run_flow(config_path: Path, overrides: list[str], state: Path) -> dict[str, float]:
    """Do what ``sql-ft run`` does; seconds of each part."""
    parts = Parts()
    with parts.part("imports: Prefect and the flow's own"):
        from flows.logging_setup import configure_process, shield_temporary_server

        configure_process()
        from flows.start_up import prepare_ahead, temporary_server_ahead
        from sql_ft.config import load_config

        config = load_config(config_path, [*overrides, f"state_dir={state}"])
        shield_temporary_server()
    ahead = temporary_server_ahead()
    ahead.__enter__()
    with parts.part("imports: torch, transformers, MLflow; its store (server starts beside)"):
        prepare_ahead(config)
    with parts.part("imports: Prefect and the flow's own"):
        from flows.finetune import run_finetune
        from flows.summary import print_outcome
    with parts.part("Prefect: rest of the wait for the temporary server"):
        ahead.__exit__(None, None, None)
    parts.time_functions()
    with parts.part(ENGINE):
        outcome = run_finetune(config)
    from rich.console import Console

    with parts.part("report"):
        print_outcome(outcome, config, Console(file=sys.stderr))
    return parts.seconds


def measure_side(side: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one side in a new process with folders of its own."""
    from sql_ft.hardware import THREADING

    with tempfile.TemporaryDirectory(prefix="sql-ft-overhead-") as folder:
        out = Path(folder, "parts.json")
        command = [sys.executable, __file__, "--config", str(options.config), "--out", str(out)]
        command += ["--side", side, "--state", str(Path(folder, "state"))]
        command += [word for value in options.set for word in ("--set", value)]
        environment = {
            **{k: v for k, v in os.environ.items() if k not in _ELSEWHERE},
            **THREADING,
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PREFECT_HOME": str(Path(folder, "prefect")),
        }
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with Path(folder, "log").open("w+") as log:
            done = subprocess.run(command, env=environment, stderr=log, stdout=log, check=False)
            if done.returncode:
                log.seek(0)
                raise SystemExit(f"{side} ended with {done.returncode}:\n{log.read()[-3000:]}")
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        parts = json.loads(out.read_text(encoding="utf-8"))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    parts["interpreter: start and end"] = wall - sum(parts.values())
    return {"wall_s": wall, "cpu_s": cpu, "parts_s": parts}


#: A server of the user's would take the place of the temporary one.
_ELSEWHERE = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_HOME")


def overhead_rows(library: dict[str, float], flow: dict[str, float]) -> list[tuple[str, float]]:
    """(part, seconds more than in the bare library calls), in the order of the table."""
    rows = [(f"{name}: beyond the bare call", flow[name] - library[name]) for name in LIBRARY]
    rows += [(name, seconds) for name, seconds in flow.items() if name not in LIBRARY]
    same = {"imports", "interpreter: start and end"}
    spent = sum(seconds for name, seconds in library.items() if name in same)
    rows.append(("what the bare calls need of imports and interpreter", -spent))
    return rows


def print_table(results: list[dict[str, Any]]) -> None:
    """Medians over the repeats, and what they add up to."""

    def median(side: str, key: str) -> float:
        return statistics.median(float(r[side][key]) for r in results)

    def parts(side: str) -> dict[str, float]:
        names = {name: None for r in results for name in r[side]["parts_s"]}
        return {
            name: statistics.median(r[side]["parts_s"].get(name, 0.0) for r in results)
            for name in names
        }

    library, flow = parts("library"), parts("flow")
    print(f"\n{'stage of the bare library calls':68} seconds")
    for name, seconds in library.items():
        print(f"  {name:66} {seconds:7.2f}")
    print(f"\n{'part of the overhead':68} seconds")
    rows = overhead_rows(library, flow)
    for name, seconds in sorted(rows, key=lambda row: -row[1]):
        print(f"  {name:66} {seconds:7.2f}")
    print(f"  {'sum':66} {sum(seconds for _, seconds in rows):7.2f}\n")
    print(f"{'':20} {'wall s':>8} {'CPU s':>8}")
    for side in ("library", "flow"):
        print(f"{side:20} {median(side, 'wall_s'):8.1f} {median(side, 'cpu_s'):8.1f}")
    more = [median("flow", key) - median("library", key) for key in ("wall_s", "cpu_s")]
    print(f"{'overhead':20} {more[0]:8.1f} {more[1]:8.1f}")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", choices=("library", "flow"), help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run = run_library if options.side == "library" else run_flow
        seconds = run(options.config, options.set, options.state)
        options.out.write_text(json.dumps(seconds), encoding="utf-8")
        if options.side == "flow":
            from flows.leaving import leave

            # As `sql-ft run` ends.
            leave(0)
        return
    results = []
    for _ in range(options.repeats):
        results.append({side: measure_side(side, options) for side in ("library", "flow")})
    print_table(results)
    if options.out:
        about = {
            "config": options.config.name,
            "set": options.set,
            "cores": len(os.sched_getaffinity(0)),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "versions": {n: metadata.version(n) for n in ("torch", "mlflow", "prefect")},
            "load_average": os.getloadavg(),
        }
        text = json.dumps({"about": about, "results": results}, indent=1)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
