"""A training of seconds: a few rows, the random tiny model, the real code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sql_ft.config import RunConfig, parse_config
from sql_ft.records import Sample, write_jsonl


def make_samples(count: int) -> list[Sample]:
    return [
        Sample(
            id=f"s{number}",
            question=f"How many employees of team {number} are older than {20 + number}?"
            + " Count each only once." * (number % 3),
            context=f"CREATE TABLE team_{number % 5} (name VARCHAR, age INTEGER)",
            gold_sql=f"SELECT COUNT(*) FROM team_{number % 5} WHERE age > {20 + number}",
        )
        for number in range(count)
    ]


def write_rows(path: Path, count: int = 16) -> Path:
    write_jsonl(path, make_samples(count))
    return path


def small_config(base: Path, **sections: dict[str, Any]) -> RunConfig:
    values: dict[str, dict[str, Any]] = {
        "model": {"name_or_path": str(base), "device": "cpu"},
        "train": {
            "lora_r": 4,
            "learning_rate": 5e-3,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 1,
            "num_train_epochs": 2.0,
            "logging_steps": 1,
            "save_steps": 2,
        },
        "generation": {"max_new_tokens": 16, "batch_size": 4},
    }
    for name, change in sections.items():
        values[name] = {**values.get(name, {}), **change}
    return parse_config(values)


class MemorySink:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.metrics: list[tuple[int | None, dict[str, float]]] = []
        self.params: dict[str, str] = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.metrics.append((step, dict(metrics)))

    def log_params(self, params: Mapping[str, str]) -> None:
        self.params.update(params)

    def curve(self, name: str) -> list[tuple[int, float]]:
        return [(s, m[name]) for s, m in self.metrics if s is not None and name in m]

    @property
    def summary(self) -> dict[str, float]:
        return {k: v for step, m in self.metrics if step is None for k, v in m.items()}
