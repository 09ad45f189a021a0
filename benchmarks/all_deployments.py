"""Every deployment of `deployments/prefect.yaml`, by the printed commands, on one stack.

    python benchmarks/all_deployments.py [--postgresql] [--out result.json]

`sql-ft up`; `prefect deployment run FLOW/NAME --watch` for each deployment with the small
configuration of `tests/tiny_run.py`, weekly first and once more at the end, when nothing is new;
`sql-ft status`; `sql-ft down`. What a flow takes beside the configuration stays as deployed,
except what would take minutes and the files of batch-predict: --param. Before evaluate-champion
questions over new databases are appended to the data, of which the nightly check then asks those
on the evaluation side. Shown beside how each ended: what its artifacts say, the registry's versions
and aliases after it, and what the check found. With --out, the file keeps one entry a backend.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from deployed_stack import ROOT, DeployedStack
from private_postgres import PrivatePostgres, missing
from tiny_run import add_rows, run_settings, write_inputs

from sql_ft.stack.api import post_json
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import list_versions

MODEL = "all"
NIGHT = "evaluate-champion"
#: Databases that arrive before the nightly check, beside the 24 of the start.
NEW_SHOPS = range(24, 64)
#: Beside `config`, by deployment: small enough for a minute.
SMALL: dict[str, dict[str, object]] = {
    NIGHT: {"fresh": {"rows": 48, "min_rows": 24, "confidence": 0.99}},
}
#: Added to the configuration, by deployment.
SECTIONS: dict[str, dict[str, object]] = {
    "sweep": {"sweep": {"lora_r": [4, 8], "validation_rows": 8, "max_children": 2}},
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--postgresql", action="store_true", help="a private cluster for both")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if options.postgresql and (reason := missing()):
        sys.exit(reason)
    content = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))
    backend = "postgresql" if options.postgresql else "sqlite"
    rows = []
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        urls = ("", "")
        if options.postgresql:
            cluster = held.enter_context(PrivatePostgres())
            urls = (
                cluster.url("postgresql+asyncpg", "prefect"),
                cluster.url("postgresql+psycopg", "mlflow"),
            )
        base, data = write_inputs(folder)
        stack = held.enter_context(DeployedStack(folder / "state", *urls))
        answers = folder / "answers.jsonl"
        files = {"input_file": str(data), "output_file": str(answers)}
        by_deployment = {**SMALL, "batch-predict": files}
        deployments = content["deployments"]
        for deployment in [*deployments, deployments[0]]:
            name = deployment["name"]
            flow = flow_name(deployment["entrypoint"])
            config = run_settings(base, data, stack.state_dir, MODEL) | SECTIONS.get(name, {})
            parameters = {"config": config, **by_deployment.get(name, {})}
            command = ["prefect", "deployment", "run", f"{flow}/{name}", "--watch"]
            for key, value in parameters.items():
                command += ["--param", f"{key}={json.dumps(value)}"]
            if name == NIGHT:
                add_rows(data, NEW_SHOPS)
            began = time.monotonic()
            done = stack.call(*command, timeout_s=3600)
            last = [line for line in done.stdout.splitlines() if " state " in line.lower()]
            row = {
                "deployment": f"{flow}/{name}",
                "exit": done.returncode,
                "seconds": round(time.monotonic() - began, 1),
                "versions": registered(stack, folder / "checks"),
                "told": told(stack, done.stdout),
                "said": (last or (done.stderr + done.stdout).splitlines() or ["nothing"])[
                    -1
                ].strip()[:200],
            }
            if name == NIGHT:
                row["drift"] = drift(stack, folder / "checks")
            rows.append(row)
            print(json.dumps(row), flush=True)
        expected = len(data.read_text(encoding="utf-8").splitlines())
        answered = len(answers.read_text(encoding="utf-8").splitlines()) if answers.exists() else 0
        status = stack.call(
            "flows.cli", "status", "--set", f"tracking.registered_model_name={MODEL}"
        )
    print(status.stdout, f"{answered} of {expected} rows answered", sep="")
    table = Table(title="every deployment on one stack")
    columns = ("deployment", "exit", "seconds", "versions", "told", "said")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console().print(table)
    if options.out:
        kept = json.loads(options.out.read_text()) if options.out.exists() else {}
        kept[backend] = {
            "load_average": [round(v, 1) for v in os.getloadavg()],
            "rows_answered": f"{answered} of {expected}",
            "deployments": rows,
        }
        options.out.write_text(json.dumps(kept, indent=1) + "\n")
    failed = status.returncode != 0 or any(row["exit"] for row in rows)
    failed |= any(not row["drift"] for row in rows if "drift" in row)
    return int(failed or answered != expected or not rows[-1]["versions"])


def flow_name(entrypoint: str) -> str:
    """The name under which Prefect knows the flow: that of its decorator, not of its file."""
    file, _, function = entrypoint.partition(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    return str(getattr(module, function).name)


def registered(stack: DeployedStack, folder: Path) -> str:
    """Every version with its aliases, newest first, as the registry's server shows them."""
    store = prepare_store(stack.mlflow_url, folder)
    found = list_versions(store, MODEL)
    return ", ".join(f"v{v.version} {'/'.join(sorted(v.aliases))}".strip() for v in found)


def told(stack: DeployedStack, output: str) -> str:
    """Descriptions of the artifacts that the run of this output has written."""
    found = re.search(r"UUID: ([0-9a-f-]{36})", output)
    if found is None:
        return ""
    wanted = {"artifacts": {"flow_run_id": {"any_": [found[1]]}}, "sort": "CREATED_DESC"}
    artifacts = stack.ask(lambda: post_json(f"{stack.api_url}/artifacts/filter", wanted))
    return "; ".join(a["description"] for a in reversed(artifacts) if a["description"])[:600]


def drift(stack: DeployedStack, folder: Path) -> dict[str, Any]:
    """What the nightly check has written to the champion's run; empty if it asked nothing."""
    store = prepare_store(stack.mlflow_url, folder)
    (champion,) = [v for v in list_versions(store, MODEL) if "champion" in v.aliases]
    metrics = store.client().get_run(champion.run_id).data.metrics
    return {k: round(v, 4) for k, v in sorted(metrics.items()) if k.startswith("fresh/")}


if __name__ == "__main__":
    sys.exit(main())
