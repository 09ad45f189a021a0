"""Write the bundled sample to a file: ``python -m sql_ft.assets.sample --out FILE.jsonl``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sql_ft.assets.sample.generate import DEFAULT_ROWS, DEFAULT_SEED, generate_rows
from sql_ft.errors import ConfigError, SqlFtError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sql_ft.assets.sample", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON-lines file to write")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of all choices")
    parser.add_argument("--n-rows", type=int, default=DEFAULT_ROWS, help="rows to write")
    options = parser.parse_args(arguments)
    try:
        rows = generate_rows(options.seed, options.n_rows)
        _write(options.out, rows)
    except SqlFtError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{len(rows)} rows written to {options.out}")
    return 0


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    try:
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", setting="--out", expected="a writable path"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
