"""``python -m sql_ft.assets.tiny_base_build --data-dir DIR --out DIR [--minutes 7]``."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sql_ft.assets.tiny_base_build import public_rows
from sql_ft.assets.tiny_base_build.overlap import Exclusions


def _say(text: str) -> None:
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build tokenizer and model; return the exit status."""
    parser = argparse.ArgumentParser(prog="tiny_base_build", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="folder with the four public input files")
    parser.add_argument("--no-data", action="store_true", help="the grammar alone (a trial)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--exclusions", type=Path, help="file of overlap.Exclusions.save, e.g. excluded.json.gz"
    )
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer made before")
    parser.add_argument("--tokenizer-documents", type=int, default=40_000)
    parser.add_argument("--tokenizer-only", action="store_true")
    parser.add_argument("--minutes", type=float, default=7.0, help="training time")
    parser.add_argument("--max-steps", type=int, default=0, help="instead of --minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blocks", type=int, default=64)
    parser.add_argument("--block-size", type=int, default=1024)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=max(0, (os.cpu_count() or 1) - 2))
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--init-from", default="", help="folder of a model to go on from")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--probe-rows", type=int, default=256)
    args = parser.parse_args(arguments)
    if args.data_dir is None and not args.no_data:
        parser.error("--data-dir is required (or --no-data)")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"

    started = time.monotonic()
    hashes: dict[str, str] = {}
    if args.no_data:
        data = public_rows.PublicData.empty()
    else:
        missing = [n for n in public_rows.INPUT_FILES if not (args.data_dir / n).is_file()]
        if missing:
            parser.error(f"--data-dir {args.data_dir} has no {', '.join(missing)}")
        for name in public_rows.INPUT_FILES:
            hashes[name] = hashlib.sha256((args.data_dir / name).read_bytes()).hexdigest()
        data = public_rows.load_public_data(args.data_dir)
    exclusions = Exclusions.load(args.exclusions) if args.exclusions else Exclusions()
    _say(f"inputs read in {time.monotonic() - started:.1f} s")

    from sql_ft.assets.tiny_base_build import tokenizer as tokenizer_module

    tokenizer_dir = args.tokenizer or args.out / "tokenizer"
    if args.tokenizer is None:
        stream = tokenizer_module.tokenizer_stream(data, exclusions, args.seed)
        tokenizer_module.train_tokenizer(stream, args.tokenizer_documents, tokenizer_dir)
        _say(f"tokenizer made after {time.monotonic() - started:.1f} s")
    if args.tokenizer_only:
        return 0

    from sql_ft.assets.tiny_base_build import pretrain, probe

    settings = pretrain.PretrainSettings(
        minutes=args.minutes, max_steps=args.max_steps, seed=args.seed, blocks=args.blocks,
        block_size=args.block_size, learning_rate=args.learning_rate, workers=args.workers,
        layers=args.layers, hidden_size=args.hidden_size, compile=not args.no_compile,
        init_from=args.init_from,
    )  # fmt: skip
    model, figures = pretrain.pretrain(data, exclusions, tokenizer_dir, settings, _say)
    figures["input_sha256"] = hashes
    figures["parameters"] = sum(p.numel() for p in model.parameters())
    pretrain.save_model(model, tokenizer_dir, args.out, figures)
    _say(f"saved after {time.monotonic() - started:.1f} s")
    model = model.float()
    figures["validation_answer_loss"] = round(
        pretrain.validation_loss(model, data, exclusions, tokenizer_dir, settings), 4
    )
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
    rows = probe.held_out_rows(data, exclusions, args.probe_rows, args.seed)
    completions = probe.greedy(model, tokenizer, [(r.context, r.question) for r in rows])
    figures["probe"] = probe.summarize(rows, completions)
    path = args.out / "pretraining.json"
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for row, text in random.Random(0).sample(
        list(zip(rows, completions, strict=True)), min(12, len(rows))
    ):
        _say(f"--- {row.kind} | {row.question}\ngold: {row.sql}\nmade: {text}")
    _say(json.dumps({k: v for k, v in figures.items() if k != "settings"}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
