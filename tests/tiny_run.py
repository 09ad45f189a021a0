"""A whole deployed run of seconds that a random model wins: it learns one query by heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_model import make_tiny_model

_GROUPS, _QUESTIONS = 24, 3


def write_inputs(folder: Path) -> tuple[Path, Path]:
    """The base and the rows; every row's answer is the same query, over many databases."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "base"
    if not base.exists():
        make_tiny_model(base)
    rows = folder / "rows.jsonl"
    rows.write_text("", encoding="utf-8")
    add_rows(rows, range(_GROUPS))
    return base, rows


def add_rows(file: Path, shops: range) -> None:
    """Append the questions of these shops, each a database of its own: data that grows."""
    with file.open("a", encoding="utf-8") as stream:
        for shop in shops:
            for question in range(_QUESTIONS):
                row = {
                    "db_id": f"shop_{shop}",
                    "question": f"How many items does shop {shop} keep on shelf {question}?",
                    "context": f"CREATE TABLE item (name VARCHAR, shelf_{shop} INTEGER)",
                    "answer": "SELECT COUNT(*) FROM item",
                }
                stream.write(json.dumps(row) + "\n")


def run_settings(base: Path, rows: Path, state: Path, name: str) -> dict[str, Any]:
    """Settings under which the first candidate is promoted and later ones are kept out."""
    attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    return {
        "name": name,
        "state_dir": str(state),
        "data": {
            "source": "file",
            "path": str(rows),
            "train_rows": 32,
            "eval_rows": 24,
            "eval_group_share": 0.45,
            "max_length": 256,
        },
        "model": {"name_or_path": str(base), "device": "cpu"},
        "train": {
            "lora_alpha": 32,
            "lora_dropout": 0.0,
            "target_modules": [*attention, "gate_proj", "up_proj", "down_proj"],
            "num_train_epochs": 15.0,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 1,
            "learning_rate": 1e-2,
            "save_steps": 10,
            "logging_steps": 1,
        },
        "generation": {"max_new_tokens": 12, "few_shot_examples": 0, "batch_size": 32},
        "promotion": {"min_samples": 5, "min_discordant": 5},
        "tracking": {"registered_model_name": name, "experiment": name},
    }
