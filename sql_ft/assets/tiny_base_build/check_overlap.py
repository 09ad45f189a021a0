"""Count bundled templates and schemas in what pretraining draws: the card's overlap figure.

``python -m sql_ft.assets.tiny_base_build.check_overlap --data-dir DIR [--rows 200000]``
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from sql_ft.assets.sample.generate import generate_rows
from sql_ft.assets.tiny_base_build import documents, public_rows
from sql_ft.assets.tiny_base_build.overlap import Exclusions, mask_question, schema_signatures
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.stream import Stream

EXCLUDED = Path(__file__).with_name("excluded.json.gz")


def count_overlap(
    data: public_rows.PublicData, exclusions: Exclusions, rows: int, seed: int
) -> dict[str, int]:
    """Draw `rows` rows as a training worker does and compare them with the bundled sample.

    Returns:
        How many drawn rows share a masked question or a schema with a bundled row, how
        many were dropped for it before, and how many distinct masked questions occurred.
    """
    bundled = Exclusions.from_rows(generate_rows())
    stream = Stream(random.Random(f"train-{seed}-0"), data, exclusions)
    shared_questions = shared_schemas = 0
    masks: set[str] = set()
    for _ in range(rows):
        style = Style.draw(stream.rng, stream.rng.random() < documents.CHATTY_SHARE)
        row = stream.row(style)
        mask = mask_question(row.question, row.context, row.sql)
        masks.add(mask)
        shared_questions += mask in bundled.questions
        shared_schemas += bool(schema_signatures(row.context) & bundled.schemas)
    return {
        "rows": rows,
        "distinct_masked_questions": len(masks),
        "bundled_masked_questions": len(bundled.questions),
        "bundled_schemas": len(bundled.schemas),
        "rows_sharing_a_question": shared_questions,
        "rows_sharing_a_schema": shared_schemas,
        "rows_dropped_for_a_question": stream.dropped["question"],
        "rows_dropped_for_a_schema": stream.dropped["schema"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts as JSON; exit status 1 if anything is shared."""
    parser = argparse.ArgumentParser(prog="check_overlap", description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="folder with the four public input files")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    data = public_rows.PublicData.empty()
    if args.data_dir is not None:
        data = public_rows.load_public_data(args.data_dir)
    counts = count_overlap(data, Exclusions.load(EXCLUDED), args.rows, args.seed)
    print(json.dumps(counts, indent=1))
    return int(bool(counts["rows_sharing_a_question"] or counts["rows_sharing_a_schema"]))


if __name__ == "__main__":
    sys.exit(main())
