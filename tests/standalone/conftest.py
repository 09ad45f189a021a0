"""Makes the builders beside the tests importable without a package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shop import ANSWERS, ROWS, SHOP, write_lines


@pytest.fixture
def data(tmp_path):
    rows = [{"question": q, "context": SHOP, "answer": sql} for q, sql in ROWS]
    return write_lines(tmp_path / "rows.jsonl", rows)


@pytest.fixture
def predictions(tmp_path):
    rows = [{"id": i, "predicted_sql": sql} for i, sql in enumerate(ANSWERS)]
    return write_lines(tmp_path / "mine.jsonl", rows)
