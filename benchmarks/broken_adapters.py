"""Deliberately broken adapters: does our gate refuse each, and what would others have done?

Adapters of the bundled tiny base on the bundled rows: one honest (the demo's recipe), two
made from its weights (zeroed, shuffled), six trained on spoiled rows (answers permuted
among the questions; the commonest query for every question; DELETE; SELECT * from the
gold's table; nothing; the evaluation rows themselves). Each goes through the chain's own
steps: registration with its check in a fresh process, evaluation, gate. Beside our
decision stands what a point-estimate gate (`naive_gates`, ties promote) would have done
with the same answers.

    python benchmarks/broken_adapters.py --work-dir /tmp/broken --out broken_adapters.json

Trainings and answers found in --work-dir are used again. Needs no data, hub or GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from naive_gates import SCORES, mean_score, point_estimate_promotes
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sql_ft.base_model import load_tokenizer
from sql_ft.config import RunConfig, load_config
from sql_ft.data.prepare import prepare_dataset
from sql_ft.errors import SqlFtError
from sql_ft.evaluation.evalset import build_evaluation_set
from sql_ft.evaluation.evaluator import score_arms
from sql_ft.generation.decode import Arm, generate_predictions
from sql_ft.generation.prediction_cache import read_predictions, write_predictions
from sql_ft.records import Decision, Sample, Verdict, read_jsonl, write_jsonl
from sql_ft.tracking.registry import register_adapter
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from sql_ft.tracking.versions import RegisteredVersion
from sql_ft.training.adapter import hash_adapter, is_empty_adapter
from sql_ft.training.trainer import train_adapter
from tasks import promote
from tasks.evaluate import FEW_SHOT, few_shot_examples

PRESET = Path(__file__).parents[1] / "deployments" / "configs" / "tiny.yaml"
HONEST, AGAIN = "honest (control)", "the champion again"
OURS_WITH_TIES = "execution here, ties"
Spoil = Callable[[Sequence[Sample], Sequence[Sample]], list[Sample]]


def permuted(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    answers = [s.gold_sql for s in train]
    random.Random(0).shuffle(answers)
    return [replace(s, gold_sql=a) for s, a in zip(train, answers, strict=True)]


def commonest(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    """The commonest query of the training rows, for every question."""
    (query, _), *_ = Counter(s.gold_sql for s in train).most_common(1)
    return [replace(s, gold_sql=query) for s in train]


def delete(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    return [replace(s, gold_sql=f"DELETE FROM {gold_table(s)}") for s in train]


def select_star(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    return [replace(s, gold_sql=f"SELECT * FROM {gold_table(s)}") for s in train]


def nothing(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    return [replace(s, gold_sql="") for s in train]


def leaked(train: Sequence[Sample], held: Sequence[Sample]) -> list[Sample]:
    return [*held, *train[: len(train) - len(held)]]


def gold_table(sample: Sample) -> str:
    found = re.search(r"\bFROM\s+([\w\"]+)", sample.gold_sql, re.IGNORECASE)
    return found.group(1) if found else "t"


# Name → rows, optimizer steps (-1: the demo's epochs).
TRAINED: dict[str, tuple[Spoil, int]] = {
    HONEST: (lambda train, held: list(train), -1),
    "answers permuted": (permuted, 40),
    "commonest query": (commonest, 20),
    "DELETE": (delete, 25),
    "SELECT * of gold's table": (select_star, 30),
    "empty output": (nothing, 12),
    "evaluation rows leaked": (leaked, 90),
}


def zeroed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor * 0 for name, tensor in tensors.items()}


def shuffled(tensors: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    generator = torch.Generator().manual_seed(0)
    return {
        name: tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].reshape(
            tensor.shape
        )
        for name, tensor in tensors.items()
    }


CHANGED: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "weights zeroed": zeroed,
    "weights shuffled": shuffled,
    AGAIN: dict,
}


def change_weights(
    adapter: Path, target: Path, change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> Path:
    """Copy an adapter folder with its tensors changed."""
    from safetensors.torch import load_file, save_file

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(adapter, target)
    weights = target / "adapter_model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})
    return target


class Chain:
    """The demo's rows, frozen set and registry; adapters go in, decisions come out."""

    def __init__(self, config: RunConfig, work: Path) -> None:
        self.config, self.work = config, work
        self.prepared = prepare_dataset(config, load_tokenizer(config.model), work / "data")
        self.train = read_jsonl(Path(self.prepared.train_path), Sample)
        self.held = read_jsonl(Path(self.prepared.eval_path), Sample)
        self.evalset = build_evaluation_set(self.held, config.evaluation, work / "evalset")
        self.store = prepare_store(config.resolved_tracking_uri, config.state_path)
        self.accuracy: dict[str, float] = {}

    def folder(self, name: str) -> Path:
        return self.work / "arms" / re.sub(r"\W+", "-", name).strip("-")

    def adapter(self, name: str) -> Path:
        """Train it, or make it from the honest one's weights."""
        folder = self.folder(name)
        if name in CHANGED:
            return change_weights(self.adapter(HONEST), folder / "adapter", CHANGED[name])
        if not (folder / "adapter" / "adapter_config.json").is_file():
            spoil, steps = TRAINED[name]
            train = self.config.train.model_copy(update={"max_steps": steps})
            folder.mkdir(parents=True, exist_ok=True)
            write_jsonl(folder / "train.jsonl", spoil(self.train, self.held))
            config = self.config.model_copy(update={"train": train})
            train_adapter(config, folder / "train.jsonl", folder, _Silent())
        return folder / "adapter"

    def register(self, name: str) -> RegisteredVersion | str:
        """Register as the flow does; what was wrong if that was refused.

        What was just trained loads: it is loaded to answer. Only changed weights are put
        through the fresh process.
        """
        adapter = self.adapter(name)
        try:
            with start_run(self.store, "broken-adapters", name=name) as run:
                return register_adapter(
                    self.store,
                    run.run_id,
                    adapter,
                    "broken-adapters",
                    config=self.config,
                    verify=name in CHANGED,
                )
        except SqlFtError as error:
            # The last line is the message of the process that could not load it.
            return re.sub(r"^\S+Error: |/\S+/adapter ", "", error.message.splitlines()[-1])

    def answer(self, name: str, adapter: Path | None) -> None:
        """Let one arm answer and have its answers executed; both are kept."""
        path = self.folder(name) / "predictions.jsonl"
        if not path.is_file():
            data = {"train_path": self.prepared.train_path}
            examples = few_shot_examples(self.config, data) if name == FEW_SHOT else ()
            arm = Arm(name, adapter, examples)
            made = generate_predictions(self.config, self.held, [arm])
            write_predictions(path, made.predictions[name], made.stats[name])
        if not self.verdicts(name).is_file():
            kept = read_predictions(path)
            assert kept is not None
            (scored,) = score_arms(self.evalset, [kept[0]], self.config.evaluation)
            write_jsonl(self.verdicts(name), scored)
        right = [
            v.correct for v in read_jsonl(self.verdicts(name), Verdict) if v.outcome != "excluded"
        ]
        self.accuracy[name] = sum(right) / len(right)

    def verdicts(self, name: str) -> Path:
        return self.folder(name) / "verdicts.jsonl"

    def decide(self, name: str, live: str | None) -> Decision:
        """The flow's own decision about `name` while `live` (None: nothing) is champion."""
        reference = "champion" if live else "base"
        arms = {"base": "base", "base_3shot": "base_3shot", "candidate": name}
        if live:
            arms[reference] = live
        train_path = self.folder(name) / "train.jsonl"
        if not train_path.is_file():
            train_path = Path(self.prepared.train_path)
        train_hash = hash_file(train_path)
        dataset = dataclasses.asdict(self.prepared)
        dataset |= {"train_path": str(train_path), "train_hash": train_hash}
        decided = promote.decide.fn(
            self.config,
            {
                "path": str(self.work / "evalset"),
                "hash": self.evalset.hash,
                "n_scored": len(self.evalset.items),
            },
            dataset,
            {arm: self._answers(of) for arm, of in arms.items()},
            {arm: str(self.verdicts(of)) for arm, of in arms.items()},
            {**self._facts(name), "train_hash": train_hash},
            self._facts(live) if live else None,
        )
        return Decision.from_dict(decided["decision"])

    def _answers(self, name: str) -> dict[str, Any]:
        path = self.folder(name) / "predictions.jsonl"
        kept = read_predictions(path)
        assert kept is not None
        return {"path": str(path), "cached": True, "stats": kept[1]}

    def _facts(self, name: str) -> dict[str, Any]:
        adapter = self.adapter(name)
        return {
            "path": str(adapter),
            "version": str(1 + [*TRAINED, *CHANGED].index(name)),
            "adapter_hash": hash_adapter(adapter),
            "empty": is_empty_adapter(adapter),
        }

    def others(self, name: str, live: str) -> dict[str, dict[str, Any]]:
        """What each point-estimate gate makes of the same answers."""
        found: dict[str, dict[str, Any]] = {}
        for label, score in SCORES.items():
            means = []
            for arm in (live, name):
                kept = read_predictions(self.folder(arm) / "predictions.jsonl")
                assert kept is not None
                means.append(mean_score(score, self.evalset.items, kept[0]))
            found[label] = _point(*means)
        return {**found, OURS_WITH_TIES: _point(self.accuracy[live], self.accuracy[name])}


def _point(live: float, candidate: float) -> dict[str, Any]:
    promotes = point_estimate_promotes(live, candidate)
    return {"live": round(live, 4), "candidate": round(candidate, 4), "promotes": promotes}


def hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Silent:
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        pass

    def log_params(self, params: Mapping[str, str]) -> None:
        pass


def judge(chain: Chain, name: str) -> Iterator[dict[str, Any]]:
    """One row for each of two situations: nothing is live; the honest adapter is champion."""
    registered = chain.register(name)
    refused = registered if isinstance(registered, str) else ""
    adapter = chain.adapter(name)
    # What cannot be loaded answers as the base does: other gates have no such check.
    answered = "base" if refused else name
    chain.answer(answered, None if refused else adapter)
    for live in (None, HONEST):
        # The champion is not held against itself, nor is its repetition against nothing.
        if name == (HONEST if live else AGAIN):
            continue
        row: dict[str, Any] = {"adapter": name, "live": live or "nothing (base)"}
        if refused:
            row |= {"promoted": False, "first_failed": "registration", "reason": refused}
            row["failed"] = ["registration"]
        else:
            decision = chain.decide(name, live)
            failed = [check.name for check in decision.checks if not check.passed]
            row |= {
                "promoted": decision.promote,
                "first_failed": failed[0] if failed else "",
                "reason": decision.reason,
                "failed": failed,
            }
        yield {**row, "others": chain.others(answered, live or "base")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-dir", type=Path, required=True, help="kept and used again")
    parser.add_argument("--out", type=Path, help="also write the table as JSON")
    parser.add_argument("--only", action="append", help="names of adapters; default: all")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    arguments = parser.parse_args()
    work = arguments.work_dir.resolve()
    config = load_config(PRESET, [f"state_dir={work / 'state'}", *arguments.set])
    chain = Chain(config, work)
    # Outside of a flow run there is no run's logger.
    promote.get_run_logger = lambda: logging.getLogger("broken_adapters")  # type: ignore[assignment]
    for arm in ("base", FEW_SHOT):
        chain.answer(arm, None)
    chain.answer(HONEST, chain.adapter(HONEST))
    rows = []
    for name in arguments.only or [*TRAINED, *CHANGED]:
        print(name, flush=True)
        rows += judge(chain, name)
        if arguments.out:
            text = json.dumps(rows, indent=1, ensure_ascii=False)
            arguments.out.write_text(text + "\n", encoding="utf-8")
    print_rows(rows)
    wrong = [row["adapter"] for row in rows if row["promoted"] != (row["adapter"] == HONEST)]
    if wrong:
        raise SystemExit(f"decided wrongly: {', '.join(wrong)}")


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Our decision, then each other gate's two scores, marked where it promotes."""
    table = Table(title="P: would be promoted; candidate/live", title_justify="left")
    labels = [*SCORES, OURS_WITH_TIES]
    for column in ("adapter", "live", "here", *labels):
        table.add_column(column, overflow="fold")
    for row in rows:
        ours = "PROMOTED" if row["promoted"] else f"refused: {row['first_failed']}"
        cells = [
            ("P " if found["promotes"] else "- ") + f"{found['candidate']:.3f}/{found['live']:.3f}"
            for found in (row["others"][label] for label in labels)
        ]
        table.add_row(*(Text(text) for text in (row["adapter"], row["live"], ours, *cells)))
    console = Console(width=180)
    console.print(table)
    for row in rows:
        console.print(f"{row['adapter']} | {row['live']} | {row['reason']}", markup=False)


if __name__ == "__main__":
    main()
