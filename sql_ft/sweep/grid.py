"""From the lists of the `sweep` section to one configuration a child."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

from sql_ft.config import RunConfig, override_config
from sql_ft.config_sweep import TargetSet
from sql_ft.errors import ConfigError

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
TARGET_MODULES: dict[TargetSet, tuple[str, ...]] = {
    "attention": _ATTENTION,
    "attention_mlp": _ATTENTION + _MLP,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """One combination of the grid.

    Attributes:
        number: Place in the grid, from 1.
        lora_r: Rank.
        target_modules: Name of the set of layers; the layers' own names if it has none.
        learning_rate: Peak learning rate.
        train_rows: Training rows asked for.
        config: Everything a run of these settings needs.
    """

    number: int
    lora_r: int
    target_modules: str
    learning_rate: float
    train_rows: int
    config: RunConfig

    @property
    def label(self) -> str:
        """The settings in one line, e.g. ``r=8 attention lr=0.003 rows=1000``."""
        return (
            f"r={self.lora_r} {self.target_modules} lr={self.learning_rate:g} "
            f"rows={self.train_rows}"
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What distinguishes the child, as values of a table."""
        return {
            "lora_r": self.lora_r,
            "target_modules": self.target_modules,
            "learning_rate": self.learning_rate,
            "train_rows": self.train_rows,
        }


def expand_grid(config: RunConfig) -> list[Child]:
    """Every combination of the lists, ranks changing slowest.

    Raises:
        ConfigError: More than `sweep.max_children`, or a list that cannot be compared on the
            same validation rows.
    """
    ranks, targets, rates, rows = _axes(config)
    if len(rows) > 1 and config.data.sampling == "sample_then_split":
        raise ConfigError(
            "sweep.train_rows has several values, and data.sampling is sample_then_split: there "
            "the number of training rows decides which rows may be asked, so that no two "
            "children would answer the same questions",
            setting="sweep.train_rows, data.sampling",
            expected="one number of rows, or split_then_sample",
        )
    if (count := grid_size(config)) > config.sweep.max_children:
        raise ConfigError(
            f"the grid has {count} children: {_product(config)}",
            setting="sweep.max_children",
            expected=f"at most {config.sweep.max_children}, or a higher limit",
        )
    grid = itertools.product(ranks, targets, rates, rows)
    return [_child(config, number, *values) for number, values in enumerate(grid, start=1)]


def grid_size(config: RunConfig) -> int:
    """Number of combinations, whether or not they are too many."""
    return math.prod(len(axis) for axis in _axes(config))


def describe_grid(config: RunConfig, children: Sequence[Child]) -> str:
    """What is about to run, in one line."""
    sweep = config.sweep
    where = {"thread": "on this host", "dask": "on Dask", "ray": "on Ray"}[sweep.runner]
    return (
        f"{len(children)} {'child' if len(children) == 1 else 'children'} ({_product(config)}; at "
        f"most {sweep.max_children}), {sweep.max_parallel} at once {where}; the best by "
        f"{sweep.validation_rows} validation questions "
        + ("goes to the gate" if sweep.hand_to_gate else "is reported, not registered")
    )


def _axes(
    config: RunConfig,
) -> tuple[Sequence[int], Sequence[TargetSet | None], Sequence[float], Sequence[int]]:
    """Ranks, sets of layers (None: those of `train`), learning rates, training rows."""
    sweep = config.sweep
    return (
        sweep.lora_r or (config.train.lora_r,),
        sweep.target_modules or (None,),
        sweep.learning_rate or (config.train.learning_rate,),
        sweep.train_rows or (config.data.train_rows,),
    )


def _product(config: RunConfig) -> str:
    lists = {
        "lora_r": config.sweep.lora_r,
        "target_modules": config.sweep.target_modules,
        "learning_rate": config.sweep.learning_rate,
        "train_rows": config.sweep.train_rows,
    }
    varied = [f"{len(values)} {name}" for name, values in lists.items() if len(values) > 1]
    return " × ".join(varied) or "one setting"


def _child(
    config: RunConfig,
    number: int,
    lora_r: int,
    targets: TargetSet | None,
    learning_rate: float,
    train_rows: int,
) -> Child:
    modules = TARGET_MODULES[targets] if targets else config.train.target_modules
    alpha = config.train.lora_alpha
    if config.sweep.lora_alpha_per_r is not None:
        alpha = max(1, round(config.sweep.lora_alpha_per_r * lora_r))
    settings = {
        "train.lora_r": lora_r,
        "train.lora_alpha": alpha,
        "train.target_modules": f"[{', '.join(modules)}]",
        "train.learning_rate": repr(learning_rate),
        "data.train_rows": train_rows,
    }
    # Through the parser, so that a combination is held to the bounds of a single run.
    child = override_config(config, [f"{key}={value}" for key, value in settings.items()])
    return Child(number, lora_r, _name_of(modules), learning_rate, train_rows, child)


def _name_of(modules: Sequence[str]) -> str:
    for name, known in TARGET_MODULES.items():
        if set(known) == set(modules):
            return name
    return "+".join(modules)
