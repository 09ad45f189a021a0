"""52 weekly retrains against one holdout: which policy promotes falsely, which finds gains.

    python benchmarks/gate_over_time.py --years 10000 --out benchmarks/results/gate_over_time.json

Every model is a retrain of one base: right on a question with a probability that belongs to
the question, lifted or lowered a little per schema and retrain, so that two retrains differ
on a given share of the questions. Each year draws a new set of questions and a first
champion that was not chosen on it. A promoted candidate becomes the champion; as it was
chosen on this set, it is lucky there, and later candidates look worse beside it.

* **null**: no retrain is better than another. Any promotion is a false one.
* **first**: from the first week on, every candidate is `--gain` better.
* **later**: the same from a week drawn at random (2 to 40) on.
* **two**: one improvement in the first weeks (1 to 12), a second one 1 to 12 weeks later.

The two-stage policy screens on one half of the questions and confirms on the other half,
which it asks only then; every other policy uses all questions.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flip_batches import check_against_the_gate, flip_p_batch, shift_for, spread_for
from rich.console import Console
from rich.table import Table

from sql_ft.config import PromotionConfig
from sql_ft.evaluation.error_budget import look_alpha

WEEKS = 52
POLICY = PromotionConfig()
BUDGET = POLICY.error_budget


class Year:
    """A batch of years: what every model got right, and where a policy stands."""

    def __init__(self, right: np.ndarray, schemas: int) -> None:
        years, models, questions = right.shape
        self.right = right
        self.scores = right.reshape(years, models, schemas, questions // schemas).sum(
            3, dtype=np.int16
        )
        self.rows = np.arange(years)


Decide = Callable[[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]], np.ndarray]
"""(sums by schema, right of the candidate, right of the champion, state) -> promote."""


def point_estimate(sums: np.ndarray, new: Any, old: Any, state: dict[str, Any]) -> np.ndarray:
    return sums.sum(1) >= 0


def ladder(sums: np.ndarray, new: np.ndarray, old: np.ndarray, state: Any) -> np.ndarray:
    """Parameter-free Ladder (Blum and Hardt 2015, figure 2): better by one standard error."""
    loss = new.astype(np.float32) - old
    return loss.mean(1) > loss.std(1, ddof=1) / np.sqrt(new.shape[1])


def at_level(level: Callable[[dict[str, Any]], np.ndarray | float]) -> Decide:
    def decide(sums: np.ndarray, new: Any, old: Any, state: dict[str, Any]) -> np.ndarray:
        return flip_p_batch(sums) <= level(state)

    return decide


def spending(table: np.ndarray, *, earns: bool) -> Decide:
    """Levels by look since the start, or (`earns`) since the last promotion."""
    return at_level(lambda state: table[state["since"] if earns else state["week"]])


def two_stage(screen: float, table: np.ndarray) -> Decide:
    """Screen on the first half; the second half is asked only if that succeeds."""

    def decide(sums: np.ndarray, new: Any, old: Any, state: dict[str, Any]) -> np.ndarray:
        half = sums.shape[1] // 2
        asked = flip_p_batch(sums[:, :half]) <= screen
        level = table[np.minimum(state["confirmations"], len(table) - 1)]
        state["confirmations"] = state["confirmations"] + asked
        return asked & (flip_p_batch(sums[:, half:]) <= level)

    return decide


def lord(sums: np.ndarray, new: Any, old: Any, state: dict[str, Any]) -> np.ndarray:
    """LORD++ (Ramdas et al. 2017) with the usual gamma and w0 = half the level."""
    j = np.arange(1, WEEKS + 1)
    gamma = 0.0722 * np.log(np.maximum(j, 2)) / (j * np.exp(np.sqrt(np.log(j))))
    week, promoted = state["week"], state["promoted"]
    level = np.full(len(sums), 0.5 * BUDGET * gamma[week])
    first_seen = np.cumsum(promoted, 1)
    for earlier in range(week):
        pays = np.where(first_seen[:, earlier] == 1, 0.5 * BUDGET, BUDGET)
        level += promoted[:, earlier] * pays * gamma[week - earlier - 1]
    return flip_p_batch(sums) <= level


def tail(power: float, first_share: float = POLICY.first_look_share) -> np.ndarray:
    weights = np.arange(2, WEEKS + 1) ** -power
    rest = BUDGET * (1 - first_share) * weights / weights.sum()
    return np.concatenate([[BUDGET * first_share], rest])


CHOSEN = np.array([look_alpha(k, POLICY) for k in range(1, WEEKS + 1)])
POLICIES: dict[str, Decide] = {
    "point estimate, ties promote": point_estimate,
    "Ladder, parameter-free": ladder,
    "fixed alpha 0.05": at_level(lambda state: 0.05),
    "fixed alpha 0.01": at_level(lambda state: 0.01),
    "LORD++": lord,
    "two-stage, screen 0.1": two_stage(0.1, tail(0.0)),
    "two-stage, screen 0.3": two_stage(0.3, tail(0.0)),
    "even spending": spending(np.full(WEEKS, BUDGET / WEEKS), earns=False),
    "half first, 1/k": spending(tail(1.0), earns=True),
    "half first, 1/sqrt(k)": spending(tail(0.5), earns=True),
    "half first, rest evenly": spending(CHOSEN, earns=False),
    "the gate: the same, earning": spending(CHOSEN, earns=True),
}


def draw_years(
    rng: np.random.Generator, years: int, n: int, schemas: int, spread: float, noise: float,
    shifts: list[float],
) -> list[np.ndarray]:  # fmt: skip
    """Whether each retrain is right at each level of ability; years × models × questions."""
    ease = rng.standard_normal((years, n), dtype=np.float32) * np.float32(spread)
    levels = [np.empty((years, WEEKS + 1, n), dtype=bool) for _ in shifts]
    for model in range(WEEKS + 1):
        mood = rng.standard_normal((years, schemas), dtype=np.float32) * np.float32(noise)
        luck = rng.standard_normal((years, n), dtype=np.float32)
        luck -= np.repeat(mood, n // schemas, axis=1)
        for right, shift in zip(levels, shifts, strict=True):
            right[:, model] = luck < ease + np.float32(shift)
    return levels


def run_policy(
    decide: Decide, levels: list[Year], ability: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Promotions (years × weeks), and by how many levels each one improved.

    Args:
        decide: The policy.
        levels: The same retrains at each level of ability.
        ability: Level of the candidate, years × weeks; the first champion has level 0.
    """
    rows = levels[0].rows
    years = len(rows)
    champion, level = np.zeros(years, dtype=int), np.zeros(years, dtype=int)
    state: dict[str, Any] = {
        "since": np.zeros(years, dtype=int), "confirmations": np.zeros(years, dtype=int),
        "promoted": np.zeros((years, WEEKS), dtype=bool),
    }  # fmt: skip
    improved = np.zeros((years, WEEKS), dtype=int)

    def pick(arrays: list[np.ndarray], model: Any, of_level: np.ndarray) -> np.ndarray:
        found = arrays[0][rows, model]
        for number, array in enumerate(arrays[1:], start=1):
            if (of_level == number).any():
                found = np.where((of_level == number)[:, None], array[rows, model], found)
        return found

    for week in range(WEEKS):
        state["week"] = week
        new_level = ability[:, week]
        scores = [year.scores for year in levels]
        sums = pick(scores, week + 1, new_level) - pick(scores, champion, level)
        new = old = None
        if decide is ladder:
            right = [year.right for year in levels]
            new, old = pick(right, week + 1, new_level), pick(right, champion, level)
        moved = decide(sums, new, old, state)
        state["promoted"][:, week] = moved
        improved[moved, week] = (new_level - level)[moved]
        champion[moved], level[moved] = week + 1, new_level[moved]
        state["since"] = np.where(moved, 0, state["since"] + 1)
    return state["promoted"], improved


def arrivals(rng: np.random.Generator, years: int) -> dict[str, list[np.ndarray]]:
    """Scenario → week from which each improvement is there."""
    early = rng.integers(0, 12, years)
    return {
        "null": [],
        "first": [np.zeros(years, dtype=int)],
        "later": [rng.integers(1, 40, years)],
        "two": [early, early + rng.integers(1, 13, years)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--years", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--schemas", type=int, default=100)
    parser.add_argument("--discordance", type=float, default=0.10)
    parser.add_argument("--schema-noise", type=float, default=0.3)
    parser.add_argument("--gain", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.monotonic()
    # Moods of the schemas widen the noise, and with it the share on which retrains differ.
    width = float(np.hypot(1.0, arguments.schema_noise))
    spread, rng = spread_for(arguments.discordance) * width, np.random.default_rng(arguments.seed)
    shifts = [shift_for(k * arguments.gain, spread / width) * width for k in range(3)]
    found: dict[str, dict[str, list[float]]] = {name: {} for name in POLICIES}
    facts: dict[str, list[float]] = {}
    weeks = np.arange(WEEKS)
    for begin in range(0, arguments.years, arguments.batch):
        years = min(arguments.batch, arguments.years - begin)
        levels = [
            Year(right, arguments.schemas)
            for right in draw_years(
                rng, years, arguments.questions, arguments.schemas, spread,
                arguments.schema_noise, shifts,
            )
        ]  # fmt: skip
        note_facts(facts, levels, check=not begin)
        for scenario, comes in arrivals(rng, years).items():
            ability = sum((weeks >= at[:, None] for at in comes), np.zeros((years, WEEKS), int))
            for name, decide in POLICIES.items():
                promoted, improved = run_policy(decide, levels, ability)
                note_outcome(found[name], scenario, promoted, improved, comes)
    rows = [
        {"policy": name, **{key: float(np.mean(values)) for key, values in figures.items()}}
        for name, figures in found.items()
    ]
    settings = {key: float(np.mean(values)) for key, values in facts.items()} | {
        key: getattr(arguments, key) for key in ("years", "questions", "schemas", "seed")
    }
    print_rows(settings, rows)
    print(f"{time.monotonic() - started:.0f} s")
    if arguments.out:
        text = json.dumps({**settings, "rows": rows}, indent=1)
        arguments.out.write_text(text + "\n", encoding="utf-8")


def note_facts(facts: dict[str, list[float]], levels: list[Year], *, check: bool) -> None:
    """Discordance and design effect of two retrains, and the true gain of a level."""
    plain = levels[0]
    difference = plain.scores[:, 1] - plain.scores[:, 0]
    if check:
        check_against_the_gate(difference[:20])
    differ = plain.right[:, 1] != plain.right[:, 0]
    facts.setdefault("discordance", []).append(differ.mean())
    facts.setdefault("design_effect", []).append(
        (difference.astype(float) ** 2).sum() / differ.sum()
    )
    facts.setdefault("gain", []).append(levels[1].right.mean() - plain.right.mean())


def note_outcome(
    figures: dict[str, list[float]],
    scenario: str,
    promoted: np.ndarray,
    improved: np.ndarray,
    comes: list[np.ndarray],
) -> None:
    """Add every year's outcome to the lists behind the table's figures."""

    def note(key: str, values: np.ndarray) -> None:
        figures.setdefault(key, []).extend(values.astype(float))

    note(f"{scenario}_any_false", (promoted & (improved <= 0)).any(1))
    if scenario == "null":
        note("false_a_year", promoted.sum(1))
    elif scenario == "two":
        note("two_both_by_end", improved.sum(1) == 2)
    else:
        since = np.arange(WEEKS)[None, :] - comes[0][:, None]
        for weeks in (1, 4, 12, WEEKS):
            note(f"{scenario}_within_{weeks}", ((improved > 0) & (since < weeks)).any(1))


def print_rows(settings: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    columns = {
        "null_any_false": "null: any false", "false_a_year": "false a year",
        "first_within_1": "first: at once", "first_within_12": "in 12 weeks",
        "first_within_52": "in the year", "later_within_1": "later: at once",
        "later_within_4": "in 4 weeks", "later_within_12": "in 12 weeks",
        "later_within_52": "in the year", "two_both_by_end": "two: both in the year",
    }  # fmt: skip
    table = Table("policy", *columns.values())
    for row in rows:
        table.add_row(
            row["policy"],
            *(f"{row[k]:.2f}" if k == "false_a_year" else f"{row[k]:.1%}" for k in columns),
        )
    console = Console(width=160)
    console.print(settings)
    console.print(table)


if __name__ == "__main__":
    main()
