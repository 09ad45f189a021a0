"""What is served, held against what was judged: the champion of an earlier run, offline.

The answers that the run's evaluation kept are read back from its state, and the same
questions put to `models:/<name>@champion`

- through `mlflow.pyfunc` in a fresh process,
- over HTTP (`mlflow models serve`), all rows in one request,
- over HTTP, one row a request, with the time of each,

all of them in a Python environment that has this project's dependencies and not this
project. Prints one table; exits with an error if one answer differs.

    python benchmarks/served_identity.py --config deployments/configs/tiny.yaml \\
        --set state_dir=state --rows 50
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

from bare_environment import make_bare_environment
from model_server import ask, serving
from rich.console import Console
from rich.table import Table

from sql_ft.base_model import load_tokenizer, resolve_model
from sql_ft.config import RunConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.evaluation.examples import EXAMPLES
from sql_ft.generation.prediction_cache import prediction_key, predictions_path, read_predictions
from sql_ft.records import Prediction, Sample, read_jsonl
from sql_ft.tracking.fresh_process import answer_in_fresh_process
from sql_ft.tracking.served_base import BASE_MODEL_VARIABLE
from sql_ft.tracking.store import Store, prepare_store
from sql_ft.tracking.versions import RegisteredVersion, get_alias


def judged_answers(
    config: RunConfig, champion: RegisteredVersion, folder: Path
) -> list[tuple[Sample, Prediction]]:
    """Every question of the run's evaluation, with the answer that was judged."""
    prepared = prepare_dataset(config, load_tokenizer(config.model), folder)
    questions = [*read_jsonl(Path(prepared.eval_path), Sample), *EXAMPLES]
    resolved = resolve_model(config.model)
    key = prediction_key(
        config,
        {"label": resolved.label, "revision": resolved.revision},
        questions,
        arm="candidate",
        adapter_hash=champion.adapter_hash,
    )
    kept = read_predictions(predictions_path(config.state_path, key))
    if kept is None:
        raise SystemExit(f"{config.state_path} keeps no answers of {champion.uri}: run it again")
    by_id = {p.sample_id: p for p in kept[0]}
    return [(sample, by_id[sample.id]) for sample in questions]


def measure(
    store: Store, uri: str, rows: list[dict[str, str]], expected: list[str], base: str, work: Path
) -> list[dict[str, Any]]:
    """Ask in the three ways; one line of the table each."""
    python = make_bare_environment(work / "environment")
    located = {BASE_MODEL_VARIABLE: base, "PYTHONPATH": ""}
    started = time.monotonic()
    fresh = answer_in_fresh_process(store, uri, rows, python=python, env=located)
    lines = [
        {
            "asked": "pyfunc, fresh process",
            "identical": count_same(list(fresh.answers), expected),
            "seconds": time.monotonic() - started,
            "sql_ft": "artifact" if Path(fresh.code_root).name == "code" else fresh.code_root,
        }
    ]
    environment = {**os.environ, **located, "MLFLOW_TRACKING_URI": store.tracking_uri}
    started = time.monotonic()
    with serving(python, uri, work, environment) as address:
        start_s = time.monotonic() - started
        started = time.monotonic()
        answers = ask(address, {"dataframe_records": rows})["predictions"]
        lines.append(
            {
                "asked": f"HTTP, one request (server up after {start_s:.1f} s)",
                "identical": count_same(answers, expected),
                "seconds": time.monotonic() - started,
            }
        )
        singles, times = [], []
        for row in rows:
            started = time.monotonic()
            singles += ask(address, {"dataframe_records": [row]})["predictions"]
            times.append(time.monotonic() - started)
    lines.append(
        {
            "asked": f"HTTP, one row a request (median {statistics.median(times) * 1e3:.0f} ms, "
            f"longest {max(times) * 1e3:.0f} ms)",
            "identical": count_same(singles, expected),
            "seconds": sum(times),
        }
    )
    return lines


def count_same(answers: list[str], expected: list[str]) -> int:
    return sum(a == b for a, b in zip(answers, expected, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--out", type=Path, help="also write the table as JSON")
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.set)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    champion = get_alias(store, name, "champion")
    if champion is None:
        raise SystemExit(f"{name} has no champion in {store.label}")
    with tempfile.TemporaryDirectory(prefix="served-identity-") as folder:
        work = Path(folder)
        asked = judged_answers(config, champion, work / "data")[: arguments.rows]
        rows = [{"context": s.context, "question": s.question} for s, _ in asked]
        expected = [p.predicted_sql for _, p in asked]
        base = resolve_model(config.model).path_or_id
        lines = measure(store, f"models:/{name}@champion", rows, expected, base, work)
    table = Table(title=f"{name}@champion: version {champion.version}, {len(rows)} rows judged")
    for column in ("asked", "identical", "seconds", "sql_ft from"):
        table.add_column(column)
    for line in lines:
        same = f"{line['identical']} of {len(rows)}"
        table.add_row(line["asked"], same, f"{line['seconds']:.1f}", line.get("sql_ft", ""))
    Console(width=110).print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    if any(line["identical"] < len(rows) for line in lines):
        raise SystemExit("what is served is not what was judged")


if __name__ == "__main__":
    main()
