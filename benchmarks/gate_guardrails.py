"""How often the guardrails refuse a candidate that is equal everywhere, and one that is not.

    python benchmarks/gate_guardrails.py --draws 1000 --out benchmarks/results/gate_guardrails.json

A candidate and a champion answer the same questions, ten a schema, with the slices of the
bundled sample's golds (clauses, hardness, kind). Each rate (valid SQL, schema adherence,
strict format) is 92% on both sides and differs on `disagree` of the questions; correctness
differs on `discordant` of them. *equal*: nothing is better or worse. Then: valid SQL falls
by ten points; one slice loses 25 points while the rest gains; answers are twice as long.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.gate_sides import Side, pair_verdicts
from sql_ft.evaluation.guardrails import compare_slices, guardrail_checks
from sql_ft.evaluation.metrics import summarize
from sql_ft.records import Outcome, Sample, Verdict

RATES = ("valid_sql", "schema_adherence", "strict_format")
CONFIG = PromotionConfig()
HURT_SLICE = ("clause", "join")


def read_slices(n: int) -> list[dict[str, tuple[str, ...]]]:
    """Slices of `n` golds of the bundled sample."""
    from sql_ft.config import DataConfig
    from sql_ft.data.sources import load_rows
    from sql_ft.evaluation.sql_features import slice_golds

    rows = load_rows(DataConfig()).rows
    order = np.random.default_rng(0).permutation(len(rows))[:n]
    samples = [
        Sample(f"s{i:05d}", rows[j]["question"], rows[j]["context"], rows[j]["answer"])
        for i, j in enumerate(order)
    ]
    found = slice_golds(samples, "sqlite")
    return [dict(found.get(s.id, {})) for s in samples]


def pair_of(
    rng: np.random.Generator, n: int, rate: float, disagree: float, loss: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of flags that differ on that share, the second one lower by `loss`."""
    first_only, second_only = (disagree + loss) / 2, (disagree - loss) / 2
    u = rng.random(n)
    both = u < rate - first_only
    first = both | ((u >= rate - first_only) & (u < rate))
    second = both | ((u >= rate) & (u < rate + second_only))
    return first, second


def draw(
    rng: np.random.Generator, slices: Sequence[dict[str, tuple[str, ...]]], disagree: float,
    discordant: float, case: str,
) -> tuple[list[Verdict], list[Verdict], dict[str, int], dict[str, int]]:  # fmt: skip
    n = len(slices)
    right_before, right_after = pair_of(rng, n, 0.5, discordant)
    if case == "slice":
        name, value = HURT_SLICE
        hurt = np.array([value in s.get(name, ()) for s in slices])
        worse = pair_of(rng, n, 0.5, max(discordant, 0.25), 0.25)
        better = pair_of(rng, n, 0.5, max(discordant, 0.15), -0.15)
        right_before = np.where(hurt, worse[0], better[0])
        right_after = np.where(hurt, worse[1], better[1])
    flags = {
        field: pair_of(
            rng, n, 0.92, max(disagree, 0.1) if case == field else disagree,
            0.1 if case == field else 0.0,
        )
        for field in RATES
    }  # fmt: skip
    sides = []
    for side, right in enumerate((right_before, right_after)):
        sides.append([
            Verdict(
                sample_id=f"s{i:05d}", arm=("champion", "candidate")[side],
                schema_group=f"g{i // 10}",
                outcome=Outcome.CORRECT if right[i] else Outcome.WRONG_RESULT, status="ok",
                reason="", gold_sql="", predicted_sql="",
                **{field: bool(pair[side][i]) for field, pair in flags.items()},
            )
            for i in range(n)
        ])  # fmt: skip
    tokens = [rng.poisson(30, n) + 1 for _ in sides]
    if case == "tokens":
        tokens[1] *= 2
    counts = [{f"s{i:05d}": int(t) for i, t in enumerate(column)} for column in tokens]
    return sides[0], sides[1], counts[0], counts[1]


def measure(n: int, disagree: float, discordant: float, case: str, draws: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    slices = read_slices(n)
    by_id = {f"s{i:05d}": values for i, values in enumerate(slices)}
    summary = summarize(draw(rng, slices, disagree, discordant, case)[0])  # not looked at
    refused: dict[str, int] = {}
    anything = 0
    for _ in range(draws):
        before, after, tokens_before, tokens_after = draw(rng, slices, disagree, discordant, case)
        sides = [
            Side(verdicts, summary, "a", "1", "set", "rules", False, tokens)
            for verdicts, tokens in ((before, tokens_before), (after, tokens_after))
        ]
        pairs = pair_verdicts(before, after)
        compared = compare_slices(pairs, by_id, CONFIG)
        checks = guardrail_checks(pairs, *sides, compared, CONFIG)
        failed = [check.name for check in checks if not check.passed]
        anything += bool(failed)
        for name in failed:
            refused[name] = refused.get(name, 0) + 1
    return {
        "case": case, "n": n, "disagree": disagree, "discordant": discordant,
        "slices": sum(r.tested for r in compared), "refused": anything / draws,
        **{name: count / draws for name, count in sorted(refused.items())},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.monotonic()
    cases = [
        (n, disagree, discordant, "equal")
        for n in (300, 1000)
        for disagree, discordant in ((0.02, 0.1), (0.05, 0.1), (0.1, 0.2))
    ]
    cases += [
        (n, 0.05, 0.1, case) for n in (300, 1000) for case in ("valid_sql", "slice", "tokens")
    ]
    rows = [measure(*case, arguments.draws) for case in cases]
    names = ("refused", "max_valid_sql_drop", "max_schema_adherence_drop",
             "max_strict_format_drop", "max_token_growth", "max_slice_drop")  # fmt: skip
    table = Table("case", "n", "rates differ", "discordant", "slices",
                  *(name.replace("_", " ") for name in names))  # fmt: skip
    for row in rows:
        table.add_row(
            row["case"], str(row["n"]), f"{row['disagree']:.0%}", f"{row['discordant']:.0%}",
            str(row["slices"]), *(f"{row.get(name, 0.0):.1%}" for name in names),
        )  # fmt: skip
    Console(width=150).print(table)
    print(f"{arguments.draws} draws a row, seed 7, {time.monotonic() - started:.0f} s")
    if arguments.out:
        text = json.dumps({"draws": arguments.draws, "seed": 7, "rows": rows}, indent=1)
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
