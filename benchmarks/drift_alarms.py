"""How often the nightly check calls an unchanged champion drifted, and finds one that fell.

Databases differ in difficulty, and the promotion's and tonight's questions are drawn over the
same databases, over other ones, or over both. No model runs.

    python benchmarks/drift_alarms.py --draws 2000
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sql_ft.evaluation.two_samples import sample_difference


def share_of_alarms(
    generator: Generator,
    *,
    draws: int,
    databases: int,
    shared: bool,
    spread: float,
    fall: float,
    n_before: int,
    n_after: int,
    confidence: float,
) -> float:
    """Share of nights on which the interval's upper end lies below zero.

    Args:
        generator: Of everything random.
        draws: Nights.
        databases: Databases of each sample.
        shared: Tonight asks about the promotion's databases; else about others.
        spread: Sum of the beta distribution's parameters; smaller: databases differ more.
        fall: Points that the champion has lost on every question, in [0, 0.5].
        n_before: Questions of the promotion.
        n_after: Questions of tonight.
        confidence: Of the interval.
    """
    alarms = 0
    for _ in range(draws):
        rates = generator.beta(0.5 * spread, 0.5 * spread, size=2 * databases)
        old = generator.integers(0, databases, size=n_before)
        new = generator.integers(0, databases, size=n_after) + (0 if shared else databases)
        before = generator.random(n_before) < rates[old]
        after = generator.random(n_after) < np.clip(rates[new] - fall, 0.0, 1.0)
        found = sample_difference(
            [bool(v) for v in before],
            [int(g) for g in old],
            [bool(v) for v in after],
            [int(g) for g in new],
            confidence,
        )
        alarms += found.high < 0.0
    return alarms / draws


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one row a case; write them as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--confidence", type=float, default=0.99)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    generator = np.random.default_rng(options.seed)
    rows = []
    print("databases  shared  spread  fall  n before  n after  drifted")
    for databases, shared, spread, fall, n_after in (
        (20, True, 4.0, 0.0, 300),
        (20, False, 4.0, 0.0, 300),
        (20, True, 4.0, 0.0, 136),
        (60, False, 4.0, 0.0, 300),
        (10, True, 2.0, 0.0, 300),
        (20, True, 4.0, 0.1, 300),
        (20, True, 4.0, 0.2, 300),
        (60, False, 4.0, 0.2, 300),
    ):
        share = share_of_alarms(
            generator,
            draws=options.draws,
            databases=databases,
            shared=shared,
            spread=spread,
            fall=fall,
            n_before=300,
            n_after=n_after,
            confidence=options.confidence,
        )
        rows.append(
            {
                "databases": databases,
                "shared": shared,
                "spread": spread,
                "fall": fall,
                "n_before": 300,
                "n_after": n_after,
                "confidence": options.confidence,
                "draws": options.draws,
                "drifted": share,
            }
        )
        print(
            f"{databases:>9}  {'yes' if shared else 'no':>6}  {spread:>6}  {fall:>4}  {300:>8}  "
            f"{n_after:>7}  {share:>7.2%}"
        )
    if options.out is not None:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
