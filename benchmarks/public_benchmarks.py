"""A registered version, its base and the base with examples on published questions: one table.

Each data set is scored by the command that a user types (`sql-ft score … --json`), so what is
measured is what is documented. The version must be registered: run `sql-ft run --config FILE`
first. What is cached is not computed again, and times are then those of a second call.

    python benchmarks/public_benchmarks.py --config deployments/configs/tiny.yaml \
        --spider SPIDER_FOLDER --wikisql rebuilt_wikisql_dev.jsonl.gz \
        --sql-create-context unseen_half.jsonl --rows 500 --agent-rows 300 --out results.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def score(arguments: Sequence[str], common: Sequence[str]) -> dict[str, Any]:
    """Run `sql-ft score` and return its figures with wall and CPU time."""
    command = [sys.executable, "-m", "flows.cli", "score", *common, "--json", *arguments]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Prefect's log goes to stderr; the document is the last thing on stdout.
    found = json.loads(done.stdout[done.stdout.index("{") :])
    return {
        "arguments": [Path(a).name if "/" in a else a for a in arguments],
        "label": found["questions"]["label"],
        "schemas_cut": found["questions"].get("cut", {}).get("questions", 0),
        "summaries": {
            arm: {
                key: summary[key]
                for key in ("n", "n_scored", "excluded", "execution_accuracy", "stderr",
                            "valid_sql_rate", "n_clusters")
            }
            for arm, summary in found["compared"]["summaries"].items()
        },
        "pairs": found["compared"]["pair_texts"],
        "facts": found["facts"],
        "wall_time_s": round(time.monotonic() - started, 1),
        "cpu_time_s": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1
        ),
    }  # fmt: skip


def print_rows(found: dict[str, Any]) -> None:
    """One line an arm, then the pairs."""
    print(f"\n{found['label']}: {found['wall_time_s']} s, {found['cpu_time_s']} s of CPU")
    for arm, summary in found["summaries"].items():
        rate = summary["execution_accuracy"]
        print(
            f"  {arm:<12} {rate['rate']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]  valid SQL "
            f"{summary['valid_sql_rate']:.3f}  {summary['n_scored']} of {summary['n']} scored"
        )
    for name, text in {**found["pairs"], **found["facts"]}.items():
        print(f"  {name}: {text}")
    excluded = next(iter(found["summaries"].values()))["excluded"]
    print(f"  set aside: {excluded or 'none'}; schemas cut: {found['schemas_cut']}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Score what was given, print it, and write it as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", default="champion")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--spider", type=Path)
    parser.add_argument("--bird", type=Path)
    parser.add_argument("--wikisql", type=Path, help="rows in sql-create-context's form")
    parser.add_argument("--sql-create-context", type=Path)
    parser.add_argument("--rows", type=int, default=500, help="sample of the two above")
    parser.add_argument("--agent-rows", type=int, default=0, help="questions of Spider; 0: none")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    common = [options.version, "--config", str(options.config)]
    common += [part for value in options.set for part in ("--set", value)]
    rows = ["--rows", str(options.rows)]
    wanted: list[list[str]] = []
    if options.spider:
        wanted.append(["--data", str(options.spider), "--layout", "spider"])
    if options.bird:
        wanted.append(["--data", str(options.bird), "--layout", "bird"])
    wanted += [
        ["--data", str(p), *rows] for p in (options.wikisql, options.sql_create_context) if p
    ]
    if options.spider and options.agent_rows:
        wanted.append(
            ["--data", str(options.spider), "--layout", "spider", "--rows",
             str(options.agent_rows), "--agent", "3", "--no-base"]
        )  # fmt: skip
    results = []
    for call in wanted:
        results.append(score(call, common))
        print_rows(results[-1])
        if options.out is not None:
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
