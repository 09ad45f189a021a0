"""Rows of the real data from databases that pretraining of the tiny base never saw.

Joins genuine sql-create-context rows with the `db_id` of their reconstruction (same
questions in the same order, which is checked), keeps the databases whose SHA-256 is odd
(pretraining may only use the even ones), and drops what follows the joined rows: those
are Spider dev questions, without a `db_id`.

    python benchmarks/prepare_unseen_half.py --real real_4000.jsonl \
        --with-db-id rebuilt_spider_train.jsonl --out unseen_half.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sql_ft.data.local_files import read_file
from sql_ft.errors import DataError, SqlFtError


def is_unseen(db_id: str) -> bool:
    """True for the half of all databases that is kept out of pretraining."""
    return int(hashlib.sha256(db_id.encode()).hexdigest(), 16) % 2 == 1


def join_unseen(
    real: Sequence[dict[str, Any]], with_db_id: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return question, context, answer, db_id of the unseen half, in the given order.

    Raises:
        DataError: The two files do not hold the same questions in the same order.
    """
    if len(real) < len(with_db_id):
        raise DataError(
            f"{len(with_db_id)} rows with a db_id, but only {len(real)} real rows",
            setting="--real",
            expected="at least as many real rows",
        )
    rows = []
    for number, (row, named) in enumerate(zip(real, with_db_id, strict=False), start=1):
        if row["question"] != named["question"]:
            raise DataError(
                f"row {number} asks {row['question']!r} in one file and "
                f"{named['question']!r} in the other",
                setting="--with-db-id",
                expected="the same questions in the same order",
            )
        if is_unseen(named["db_id"]):
            kept = {key: row[key] for key in ("question", "context", "answer")}
            rows.append({**kept, "db_id": named["db_id"]})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--with-db-id", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        real, named = read_file(options.real), read_file(options.with_db_id)
        rows = join_unseen(real, named)
    except SqlFtError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    print(
        f"{len(rows)} rows of {len({row['db_id'] for row in rows})} databases written; "
        f"of {len(real)} rows {len(named) - len(rows)} belong to the other half "
        f"({len({row['db_id'] for row in named if not is_unseen(row['db_id'])})} databases), "
        f"{len(real) - len(named)} have no db_id"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
