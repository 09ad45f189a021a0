"""From `sql-ft run` to the decision with `fast.yaml`, on Qwen2.5-1.5B's exact shape.

Builds the base (random weights beside the real tokenizer) once, then runs the command as a
user would and times it from its start to its end; the stages' own times are read from its
log. Random weights answer noise of full length: the generation is the longest it can be.

    python benchmarks/full_run_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/ --out run.json
    python benchmarks/full_run_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/ --tiny  # CPU
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from qwen_shape_gpu import QWEN_SHAPE, TINY_SHAPE, _machine, build_base

ROOT = Path(__file__).parents[1]
PRESET = ROOT / "deployments" / "configs" / "fast.yaml"
COMMAND = "import sys; from flows.cli import main; sys.argv[0] = 'sql-ft'; main()"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="rows: question, context, answer")
    parser.add_argument("--tokenizer-dir", type=Path, required=True, help="Qwen2.5's files")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--eval-rows", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    work = arguments.work_dir.resolve()
    base = work / "base"
    if not (base / "config.json").exists():
        build_base(base, arguments.tokenizer_dir, TINY_SHAPE if arguments.tiny else QWEN_SHAPE)
    figures: dict[str, Any] = {"machine": _machine(), "runs": []}
    for number in range(arguments.repeats):
        settings = [
            "data.source=file",
            f"data.path={arguments.data.resolve()}",
            "data.sampling=split_then_sample",
            f"data.train_rows={arguments.rows}",
            f"data.eval_rows={arguments.eval_rows}",
            f"model.name_or_path={base}",
            f"state_dir={work / f'state-{number}'}",
            *arguments.set,
        ]
        started = time.monotonic()
        log = work / f"run-{number}.log"
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with log.open("w", encoding="utf-8") as stream:
            code = subprocess.run(
                [
                    *(sys.executable, "-c", COMMAND, "run", "--config", str(PRESET)),
                    *(part for setting in settings for part in ("--set", setting)),
                ],
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
                check=False,
            ).returncode
        seconds = time.monotonic() - started
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
        row = {"seconds": seconds, "exit_code": code, "log": text.splitlines()[-200:]}
        figures["runs"].append(row)
        print(text[-6000:])
        print(f"exit code {code}, {seconds:.1f} s")
        if arguments.out:
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
