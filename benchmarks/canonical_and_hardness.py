"""Canonical match and hardness against Spider's official tools.

    python benchmarks/canonical_and_hardness.py --spider PATH [--verdicts official_verdicts.csv]

Prints how many questions of dev.json have each hardness (published by the official
evaluator: easy 248, medium 446, hard 174, extra 166), how many pairs match canonically,
and every pair that matches although the official test suite tells the two apart: there
must be none that is not explained by a convention.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from pathlib import Path

from sql_ft.data.layouts import read_spider
from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.sql_features import HARDNESS_ORDER, spider_hardness
from sql_ft.execution.canonical import CanonicalGold
from sql_ft.execution.dialect import translate
from sql_ft.execution.guard import parse_one

PUBLISHED = {"easy": 248, "medium": 446, "hard": 174, "extra": 166}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--spider", type=Path, required=True)
    options.add_argument("--verdicts", type=Path)
    arguments = options.parse_args()
    questions = json.loads((arguments.spider / "dev.json").read_text(encoding="utf-8"))
    counts = Counter(spider_hardness(parse_one(q["query"], "sqlite")) for q in questions)
    print("hardness     here  published")
    for name in HARDNESS_ORDER:
        print(f"{name:8} {counts[name]:8} {PUBLISHED[name]:10}")
    compare_pairs(
        arguments.spider, arguments.verdicts or arguments.spider / "official_verdicts.csv"
    )


def compare_pairs(spider: Path, verdicts: Path) -> None:
    schemas = {name: real.schema for name, real in read_spider(spider).databases.items()}
    with verdicts.open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    seen: Counter[str] = Counter()
    told_apart = []
    seconds = 0.0
    for pair in pairs:
        schema = schemas[pair["db_id"]]
        try:
            gold = translate(pair["gold_sql"], schema)
            predicted = translate(pair["predicted_sql"], schema)
        except SqlTranslationError:
            seen["does not parse"] += 1
            continue
        start = time.perf_counter()
        same = CanonicalGold(gold.sql, schema).equals(predicted.sql, predicted.tree)
        seconds += time.perf_counter() - start
        seen["match" if same else "no match"] += 1
        if same and pair["ts"] == "false":
            told_apart.append(pair)
    milliseconds = 1000 * seconds / len(pairs)
    print(f"\npairs {len(pairs)}, {milliseconds:.1f} ms each beside translation")
    for name, count in sorted(seen.items()):
        print(f"{name:18} {count:6}")
    print(f"{'matches that the test suite tells apart':40} {len(told_apart)}")
    for pair in told_apart:
        print(
            f"  {pair['system']} {pair['idx']}\n    {pair['gold_sql']}\n    {pair['predicted_sql']}"
        )


if __name__ == "__main__":
    main()
