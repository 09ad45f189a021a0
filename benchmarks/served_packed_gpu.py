"""Served is judged, with the packed decoder in bfloat16: the same rows in another process.

Every question is answered as evaluation does (one process, all rows), then by a fresh process
that does what a server does: loads the base, puts the adapter on and is asked the rows of the
promotion's probe set (`served_check.probe_positions`), and, for comparison, all rows one at a
time. On the bundled trained base, and on Qwen2.5-1.5B's shape with random weights, where every
token is a near-tie. Prints one table and writes JSON.

    python benchmarks/served_packed_gpu.py --data rows.jsonl --tokenizer-dir tokenizer/
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from qwen_shape_gpu import QWEN_SHAPE, TINY_SHAPE, _machine, build_base

from sql_ft.base_model import load_tokenizer, resolve_model
from sql_ft.config import RunConfig, load_config
from sql_ft.data.chat import encode_prompt
from sql_ft.data.prepare import prepare_dataset
from sql_ft.generation.apply_adapter import adapter_applied, merges
from sql_ft.generation.engine import Engine
from sql_ft.records import Prediction, Sample, read_jsonl
from sql_ft.training.metrics_sink import NullSink
from sql_ft.training.trainer import train_adapter

PRESET = Path(__file__).parents[1] / "deployments" / "configs" / "fast.yaml"


def answer(
    config: RunConfig, adapter: Path, samples: list[Sample], ways: list[list[list[int]]]
) -> Any:
    """Answer with one loaded base: each way is a list of calls, each a list of positions."""
    tokenizer = load_tokenizer(config.model)
    base = resolve_model(config.model)
    prompts = [encode_prompt(tokenizer, sample) for sample in samples]
    engine = Engine(config.model, config.generation)
    found = []
    with adapter_applied(
        engine.base_model, adapter, base=base, merge=merges(config.model)
    ) as armed:
        for calls in ways:
            rows = []
            for positions in calls:
                decoded = engine.decode(
                    armed, tokenizer, [prompts[i] for i in positions], with_adapter=True
                )
                rows += [row.token_ids for row in decoded]
            found.append(rows)
    return found, engine.packed, list(map(len, prompts))


def measure(name: str, config: RunConfig, work: Path, count: int, singles: int) -> dict[str, Any]:
    from sql_ft.tracking.served_check import probe_positions

    prepared = prepare_dataset(config, load_tokenizer(config.model), work / "data")
    result = train_adapter(config, Path(prepared.train_path), work / "training", NullSink())
    samples = read_jsonl(Path(prepared.eval_path), Sample)[:count]
    everything = list(range(len(samples)))
    (judged,), packed, lengths = answer(config, Path(result.adapter_dir), samples, [[everything]])
    asked = [
        Prediction(s.id, "candidate", "", "", True, n, 0, "stop")
        for s, n in zip(samples, lengths, strict=True)
    ]
    probe = probe_positions(asked, config.generation.batch_size)
    ways = [[probe], [[position] for position in everything[:singles]]]
    rows: dict[str, Any] = {"base": name, "packed": packed, "judged": len(samples)}
    # A row that comes alone: with its own kernels, and with those that judged it.
    for kernels, what in ((True, "one row a request"), (False, "the same, kernels of many rows")):
        served = ask_fresh_process(
            work,
            {
                "config": config.model_copy(
                    update={
                        "generation": config.generation.model_copy(
                            update={"one_row_kernels": kernels}
                        )
                    }
                ).model_dump(mode="json"),
                "adapter": str(result.adapter_dir),
                "samples": str(prepared.eval_path),
                "count": count,
                "ways": ways,
            },
        )
        for title, positions, answers in (
            ("probe set in one request", probe, served[0]),
            (what, everything[:singles], served[1]),
        ):
            rows[title] = {
                "n": len(positions),
                "identical": sum(judged[i] == a for i, a in zip(positions, answers, strict=True)),
            }
    rows["distinct_answers"] = len({tuple(ids) for ids in judged})
    return rows


def ask_fresh_process(work: Path, job: dict[str, Any]) -> Any:
    path = work / "job.json"
    path.write_text(json.dumps(job))
    out = subprocess.run(
        [sys.executable, __file__, "--serve", str(path)], check=True, capture_output=True, text=True
    )
    return json.loads(out.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="rows: question, context, answer")
    parser.add_argument("--tokenizer-dir", type=Path, help="Qwen2.5's files")
    parser.add_argument("--rows", type=int, default=200, help="judged")
    parser.add_argument("--singles", type=int, default=64, help="also asked one a request")
    parser.add_argument("--train-rows", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--tiny", action="store_true", help="the same path in a small shape")
    parser.add_argument("--only", help="part of a base's name")
    parser.add_argument("--serve", type=Path, help="(the fresh process)")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        job = json.loads(arguments.serve.read_text())
        samples = read_jsonl(Path(job["samples"]), Sample)[: job["count"]]
        config = RunConfig.model_validate(job["config"])
        found, _, _ = answer(config, Path(job["adapter"]), samples, job["ways"])
        print(json.dumps(found))
        return
    figures: dict[str, Any] = {
        "machine": _machine(),
        "batch_size": arguments.batch_size,
        "rows": [],
    }
    with tempfile.TemporaryDirectory(prefix="served-") as folder:
        work = Path(folder)
        build_base(
            work / "base", arguments.tokenizer_dir, TINY_SHAPE if arguments.tiny else QWEN_SHAPE
        )
        bases = {
            "bundled tiny, trained": [
                "model.name_or_path=bundled:tiny",
                "data.source=bundled",
                "data.disjoint_columns=[template]",
                "train.learning_rate=3e-3",
                "generation.max_new_tokens=128",
            ],
            "Qwen2.5-1.5B's shape": [
                f"model.name_or_path={work / 'base'}",
                "data.source=file",
                f"data.path={arguments.data.resolve()}",
                "generation.max_new_tokens=48",
            ],
        }
        for name, settings in bases.items():
            if arguments.only and arguments.only not in name:
                continue
            config = load_config(
                PRESET,
                [
                    "data.sampling=split_then_sample",
                    f"state_dir={work / 'state'}",
                    f"data.train_rows={200 if arguments.tiny else arguments.train_rows}",
                    f"data.eval_rows={arguments.rows}",
                    f"generation.batch_size={arguments.batch_size}",
                    "generation.decoder=packed",
                    "train.num_processes=1",
                    *settings,
                ],
            )
            row = measure(
                name, config, work / name.replace(" ", "-"), arguments.rows, arguments.singles
            )
            figures["rows"].append(row)
            print(json.dumps(row), flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
