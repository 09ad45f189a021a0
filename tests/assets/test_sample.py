"""The bundled sample: what it promises about every row."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import pytest
import sqlglot

from sql_ft.assets.sample.__main__ import main
from sql_ft.assets.sample.generate import DEFAULT_ROWS, DEFAULT_SEED, generate_rows
from sql_ft.errors import ConfigError

KINDS = {
    "select",
    "filter",
    "order",
    "distinct",
    "aggregate",
    "group",
    "date",
    "join",
    "nested",
    "set",
}
_CREATE = re.compile(r"CREATE TABLE (\w+) \(([^)]*)\)")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return generate_rows()


def _tables(context: str) -> dict[str, dict[str, str]]:
    """Tables of a context, repeated ones merged, and nothing else in it."""
    tables: dict[str, dict[str, str]] = defaultdict(dict)
    assert "; ".join(found.group(0) for found in _CREATE.finditer(context)) == context
    for name, columns in _CREATE.findall(context):
        for column in columns.split(", "):
            column_name, kind = column.split(" ")
            tables[name].setdefault(column_name, kind)
    return tables


def _ddl(tables: dict[str, dict[str, str]]) -> str:
    return ";".join(
        f"CREATE TABLE {name} ({', '.join(f'{c} {k}' for c, k in columns.items())})"
        for name, columns in tables.items()
    )


def test_rows_have_exactly_the_promised_fields(rows: list[dict[str, str]]) -> None:
    fields = {"question", "context", "answer", "db_id", "template", "kind"}
    assert all(set(row) == fields and all(row.values()) for row in rows)


def test_every_answer_runs_on_sqlite_on_its_own_context(rows: list[dict[str, str]]) -> None:
    for row in rows:
        connection = sqlite3.connect(":memory:")
        try:
            connection.executescript(_ddl(_tables(row["context"])))
            connection.execute(row["answer"]).fetchall()
        finally:
            connection.close()


def test_double_quoted_literals_are_read_as_text(rows: list[dict[str, str]]) -> None:
    # SQLite reads "x" as a column where there is one, which would change the answer.
    quoted = 0
    for row in rows:
        tables = _tables(row["context"])
        names = {name.lower() for name in tables} | {c.lower() for t in tables.values() for c in t}
        for literal in re.findall(r'"([^"]*)"', row["answer"]):
            quoted += 1
            assert literal.lower() not in names, row
    assert quoted > 500


def test_every_answer_parses_and_names_only_known_columns(rows: list[dict[str, str]]) -> None:
    for row in rows:
        tree = sqlglot.parse_one(row["answer"], read="sqlite")
        tables = _tables(row["context"])
        known = {column for columns in tables.values() for column in columns}
        literals = set(re.findall(r'"([^"]*)"', row["answer"]))
        for column in tree.find_all(sqlglot.exp.Column):
            assert column.name in known or column.name in literals, row
        for table in tree.find_all(sqlglot.exp.Table):
            assert table.name in tables, row


def test_contexts_are_valid_in_duckdb_too(rows: list[dict[str, str]]) -> None:
    # One merged schema per db_id: a reserved word as a name would break here.
    merged: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for name, columns in _tables(row["context"]).items():
            merged[row["db_id"]][name].update(columns)
    for tables in merged.values():
        with duckdb.connect(":memory:") as connection:
            connection.execute(_ddl(tables))


def test_same_seed_gives_the_same_rows_whatever_the_hash_seed(rows: list[dict[str, str]]) -> None:
    program = (
        "import hashlib, json; from sql_ft.assets.sample.generate import generate_rows;"
        "print(hashlib.sha256(json.dumps(generate_rows(n_rows=1500)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "4711")
    }
    assert len(digests) == 1
    assert generate_rows(n_rows=1500) == rows[:1500]
    assert generate_rows(seed=DEFAULT_SEED + 1, n_rows=50) != rows[:50]


def test_counts(rows: list[dict[str, str]]) -> None:
    assert len(rows) == DEFAULT_ROWS >= 1500
    assert len({row["db_id"] for row in rows}) >= 60
    assert len({row["template"] for row in rows}) >= 500
    kinds = Counter(row["kind"] for row in rows)
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 100
    assert len({row["question"].lower() for row in rows}) == len(rows)


def test_a_template_belongs_to_one_intent_of_one_kind(rows: list[dict[str, str]]) -> None:
    phrasings: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        intent, number = row["template"].split("/p")
        phrasings[intent].add(number)
        kinds[intent].add(row["kind"])
    assert all(len(found) == 1 for found in kinds.values())
    assert min(len(found) for found in phrasings.values()) >= 5


@pytest.mark.parametrize("split_seed", range(5))
def test_split_by_schema_and_template_leaves_enough(
    rows: list[dict[str, str]], split_seed: int
) -> None:
    rng = random.Random(split_seed)
    schemas = sorted({row["db_id"] for row in rows})
    templates = sorted({row["template"] for row in rows})
    held_schemas = set(rng.sample(schemas, len(schemas) // 5))
    held_templates = set(rng.sample(templates, len(templates) * 3 // 10))
    sides = [(row["db_id"] in held_schemas, row["template"] in held_templates) for row in rows]
    train = [row for row, side in zip(rows, sides, strict=True) if side == (False, False)]
    evaluation = [row for row, side in zip(rows, sides, strict=True) if side == (True, True)]
    assert len(train) >= 1000
    assert len(evaluation) >= 250
    assert {row["kind"] for row in evaluation} == KINDS


def test_quirks_of_the_real_data_are_there(rows: list[dict[str, str]]) -> None:
    contexts = [_tables(row["context"]) for row in rows]
    all_varchar = sum({k for t in c.values() for k in t.values()} == {"VARCHAR"} for c in contexts)
    assert 0.2 < all_varchar / len(rows) < 0.8
    repeats = sum(len(_CREATE.findall(r["context"])) > len(_tables(r["context"])) for r in rows)
    assert 0.01 < repeats / len(rows) < 0.05
    with_text = [row["answer"] for row in rows if re.search(r"['\"]", row["answer"])]
    double = sum('"' in answer for answer in with_text)
    assert 0.35 < double / len(with_text) < 0.65
    assert sum("AS T1 JOIN" in row["answer"] for row in rows) > 700


def test_rows_stay_short(rows: list[dict[str, str]]) -> None:
    words = sorted(len(row["context"].split()) for row in rows)
    assert words[len(words) // 2] < 30
    assert words[-1] < 110
    assert max(len(row["question"]) for row in rows) < 260
    assert max(len(row["answer"]) for row in rows) < 400


def test_questions_read_as_finished_sentences(rows: list[dict[str, str]]) -> None:
    for row in rows:
        question = row["question"]
        assert not re.search(r"[{}]|  |\bNone\b", question), question
        assert not re.search(r"(?i)\b([a-z]{2,}) \1\b", question), question
        assert re.match(r"[A-Z0-9'\"]", question), question
        assert question[-1] in ".?!", question
        assert not re.search(r"\ba (?!one)[aeio]", question), question


def test_literals_of_the_answer_stand_in_the_question(rows: list[dict[str, str]]) -> None:
    for row in rows:
        if row["kind"] == "date":
            continue  # years, months and days may be spelled out
        for literal in re.findall(r"[\"']([^\"']*)[\"']", row["answer"]):
            if not re.fullmatch(r"\d{4}-\d\d-\d\d|%[Ym-]+.*", literal):
                assert literal.strip("%") in row["question"], row


@pytest.mark.parametrize("n_rows", [0, -3])
def test_row_count_below_one_is_refused(n_rows: int) -> None:
    with pytest.raises(ConfigError, match="n_rows"):
        generate_rows(n_rows=n_rows)


def test_command_writes_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "sample.jsonl"
    assert main(["--out", str(target), "--seed", "3", "--n-rows", "40"]) == 0
    written = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert written == generate_rows(seed=3, n_rows=40)
    assert "40 rows" in capsys.readouterr().out


def test_command_names_a_path_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "missing" / "sample.jsonl"
    assert main(["--out", str(target), "--n-rows", "5"]) == 2
    assert "--out" in capsys.readouterr().err
