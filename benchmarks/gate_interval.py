"""Level of the paired test and coverage of its interval, clustered data included.

    python benchmarks/gate_interval.py --draws 4000 --out benchmarks/results/gate_interval.json

Each draw is one comparison: G schemas of equal or very unequal size, a share of discordant
questions, and schemas that lean to one side or the other (``lean`` 0.5: not at all). Beside
the sign-flip test and its inversion stands the t interval with the cluster sandwich and
G - 1 degrees of freedom, which was the alternative. "Rejects" is one-sided at 0.025 and, for
a true difference of zero, the level.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from sql_ft.evaluation.sign_flip import ClusterTotals, shifted_p

LEVEL = 0.025


def draw_totals(
    rng: np.random.Generator, sizes: np.ndarray, discordance: float, gain: float, lean: float
) -> ClusterTotals:
    """One comparison; the mean difference is `gain` in expectation."""
    share = 0.5 + gain / (2.0 * discordance)
    # Two kinds of schemas, half of each; the candidate wins `lean` more or less than share.
    wins = np.clip(share + rng.choice((-lean, lean), len(sizes)), 0.0, 1.0)
    differ = rng.binomial(sizes, discordance)
    sums = 2 * rng.binomial(differ, wins) - differ
    return ClusterTotals(tuple(map(int, sums)), tuple(map(int, sizes)))


def t_test(totals: ClusterTotals, truth: float) -> tuple[bool, float]:
    """Whether the t interval covers `truth`, and the one-sided p of a zero difference."""
    sums, sizes = np.array(totals.sums), np.array(totals.sizes)
    groups, n = len(sums), sizes.sum()
    mean = sums.sum() / n
    centred = sums - mean * sizes
    error = math.sqrt(groups / (groups - 1) * float(centred @ centred)) / n
    half = float(stats.t.isf(LEVEL, groups - 1)) * error
    p_zero = float(stats.t.sf(mean / error, groups - 1)) if error else float(mean <= 0)
    return bool(mean - half <= truth <= mean + half), p_zero


def measure(
    groups: int, mean_size: int, unequal: bool, discordance: float, gain: float, lean: float,
    draws: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    rng = np.random.default_rng(seed)
    truth = Fraction(gain).limit_denominator(1000)
    covered = covered_t = rejected = rejected_t = 0
    for _ in range(draws):
        sizes = rng.geometric(1 / mean_size, groups) if unequal else np.full(groups, mean_size)
        totals = draw_totals(rng, sizes, discordance, gain, lean)
        below = shifted_p(totals, truth, "greater")
        above = shifted_p(totals, truth, "less")
        covered += min(below, above) > LEVEL
        rejected += (below if gain == 0.0 else shifted_p(totals, Fraction(0))) <= LEVEL
        covers, p_zero = t_test(totals, gain)
        covered_t += covers
        rejected_t += p_zero <= LEVEL
    return {
        "groups": groups, "n": groups * mean_size, "unequal": unequal,
        "discordance": discordance, "gain": gain, "lean": lean,
        "flip_rejects": rejected / draws, "flip_covers": covered / draws,
        "t_rejects": rejected_t / draws, "t_covers": covered_t / draws,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.monotonic()
    rows = [
        measure(groups, size, unequal, discordance, gain, lean, arguments.draws, arguments.seed)
        for (groups, size), unequal, (discordance, lean), gain in itertools.product(
            ((10, 30), (20, 15), (60, 5), (300, 1), (100, 10), (300, 4)),
            (False, True),
            ((0.1, 0.0), (0.3, 0.2)),
            (0.0, 0.06),
        )
        if not (unequal and size == 1)
    ]
    table = Table("schemas", "n", "sizes", "discordant", "lean", "gain",
                  "flip rejects", "flip covers", "t rejects", "t covers")  # fmt: skip
    for row in rows:
        table.add_row(
            str(row["groups"]), str(row["n"]), "unequal" if row["unequal"] else "equal",
            f"{row['discordance']:.0%}", f"{row['lean']:.1f}", f"{row['gain']:+.2f}",
            *(f"{row[k]:.1%}" for k in ("flip_rejects", "flip_covers", "t_rejects", "t_covers")),
        )  # fmt: skip
    Console(width=120).print(table)
    seconds = time.monotonic() - started
    print(f"{arguments.draws} draws a row, seed {arguments.seed}, {seconds:.0f} s")
    if arguments.out:
        result = {"draws": arguments.draws, "seed": arguments.seed, "level": LEVEL, "rows": rows}
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
