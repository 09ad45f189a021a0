"""Power of the gate's paired test: by formula and by simulation, and the questions needed.

    python benchmarks/gate_power.py --draws 4000 --out benchmarks/results/gate_power.json

Over true gain, questions, discordance and design effect, at the level of an epoch's first
look (or `--look K`). Schemas hold ten questions; how often the arms differ, and who wins,
varies from schema to schema (beta distributions with one common intraclass correlation,
solved for the design effect). Where the power is below 80%, the questions needed by the
formula stand beside the power simulated with that many.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from flip_batches import flip_p_batch
from rich.console import Console
from rich.table import Table

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.error_budget import look_alpha
from sql_ft.evaluation.power import POWER, paired_test_power, samples_needed

SCHEMA_SIZE = 10
MAX_SIMULATED = 30_000


def correlation_for(effect: float, gain: float, discordance: float) -> float:
    """Intraclass correlation of discordance and of winning that gives the design effect."""
    share = (1 + gain / discordance) / 2

    def found(rho: float) -> float:
        differ = discordance**2 + rho * discordance * (1 - discordance)
        lean = (2 * share - 1) ** 2 + 4 * rho * share * (1 - share)
        return 1 + (SCHEMA_SIZE - 1) * (differ * lean - gain**2) / (discordance - gain**2)

    low, high = 0.0, 1.0
    if effect <= found(0.0) + 1e-9:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < effect else (low, middle)
    return low


def draw_shares(
    rng: np.random.Generator, mean: float, rho: float, shape: tuple[int, int]
) -> np.ndarray | float:
    if rho == 0.0 or mean in (0.0, 1.0):
        return mean
    weight = 1 / rho - 1
    return rng.beta(mean * weight, (1 - mean) * weight, shape)


def simulate(
    rng: np.random.Generator, gain: float, n: int, discordance: float, effect: float,
    alpha: float, draws: int,
) -> float:  # fmt: skip
    rho = correlation_for(effect, gain, discordance)
    schemas = round(n / SCHEMA_SIZE)
    rejected = done = 0
    while done < draws:
        shape = (min(draws - done, max(100, 2_000_000 // schemas)), schemas)
        differ = rng.binomial(SCHEMA_SIZE, draw_shares(rng, discordance, rho, shape), shape)
        wins = draw_shares(rng, (1 + gain / discordance) / 2, rho, shape)
        sums = 2 * rng.binomial(differ, wins) - differ
        rejected += int((flip_p_batch(sums) <= alpha).sum())
        done += shape[0]
    return rejected / draws


def measure(rng: np.random.Generator, alpha: float, draws: int) -> list[dict[str, Any]]:
    rows = []
    for gain, n, discordance, effect in itertools.product(
        (0.01, 0.02, 0.03, 0.05), (300, 1000, 2000), (0.05, 0.10, 0.20, 0.30), (1, 2, 4)
    ):
        known = {"gain": gain, "discordance": discordance, "design_effect": effect}
        formula = paired_test_power(n=n, alpha=alpha, **known)
        row = {
            **known, "n": n, "formula": formula,
            "simulated": simulate(rng, gain, n, discordance, effect, alpha, draws),
            "needed": None, "simulated_at_needed": None,
        }  # fmt: skip
        if formula < POWER:
            needed = row["needed"] = samples_needed(alpha=alpha, **known)
            if needed is not None and needed <= MAX_SIMULATED:
                row["simulated_at_needed"] = simulate(
                    rng, gain, needed, discordance, effect, alpha, max(500, draws // 4)
                )
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--look", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.monotonic()
    alpha = look_alpha(arguments.look, PromotionConfig())
    rows = measure(np.random.default_rng(arguments.seed), alpha, arguments.draws)
    table = Table("gain", "discordant", "design effect",
                  *(f"n = {n}: formula / simulated" for n in (300, 1000, 2000)),
                  "needed (simulated there)")  # fmt: skip
    by_cell: dict[tuple[float, float, int], list[dict[str, Any]]] = {}
    for row in rows:
        cell = (row["gain"], row["discordance"], row["design_effect"])
        by_cell.setdefault(cell, []).append(row)
    for (gain, discordance, effect), of_n in by_cell.items():
        short = [row for row in of_n if row["needed"]]
        needed = ""
        if short:
            at = [r["simulated_at_needed"] for r in short if r["simulated_at_needed"]]
            needed = f"{short[0]['needed']:,}" + (f" ({np.mean(at):.0%})" if at else "")
        table.add_row(
            f"{gain:+.2f}", f"{discordance:.0%}", str(effect),
            *(f"{row['formula']:.0%} / {row['simulated']:.0%}" for row in of_n), needed,
        )  # fmt: skip
    Console(width=140).print(table)
    errors = np.array([row["formula"] - row["simulated"] for row in rows])
    at_needed = [r["simulated_at_needed"] for r in rows if r["simulated_at_needed"]]
    summary = {
        "alpha": alpha, "look": arguments.look, "draws": arguments.draws, "seed": arguments.seed,
        "formula_minus_simulated": [float(errors.min()), float(errors.max())],
        "power_at_needed": [float(min(at_needed)), float(max(at_needed))],
    }  # fmt: skip
    print(json.dumps(summary), f"{time.monotonic() - started:.0f} s")
    if arguments.out:
        text = json.dumps({**summary, "rows": rows}, indent=None, separators=(",", ":"))
        arguments.out.write_text(text.replace("},{", "},\n{") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
