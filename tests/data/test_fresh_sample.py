"""Fresh questions: of the evaluation side, never seen, and nothing is written."""

from __future__ import annotations

import json

import pytest

from sql_ft.config import parse_config
from sql_ft.data.fresh_sample import draw_fresh
from sql_ft.data.manifest import load_manifest, manifest_path, split_settings
from sql_ft.data.prepare import prepare_dataset
from sql_ft.errors import DataError
from sql_ft.records import Sample, read_jsonl


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from tiny_model import make_tiny_tokenizer

    return make_tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def write_rows(path, databases=20, per_database=10):
    rows = [
        {
            "question": f"How many of kind {n} in {d}?",
            "context": f"CREATE TABLE t{d} (kind INTEGER)",
            "answer": f"SELECT COUNT(*) FROM t{d} WHERE kind = {n}",
            "db_id": f"db{d}",
        }
        for d in range(databases)
        for n in range(per_database)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def made(tmp_path, tokenizer):
    """A run's data set, with 12 of its evaluation side's questions frozen."""

    def make(**data):
        write_rows(tmp_path / "rows.jsonl")
        config = parse_config(
            {
                "state_dir": str(tmp_path / "state"),
                "data": {
                    "source": "file",
                    "path": str(tmp_path / "rows.jsonl"),
                    "train_rows": 40,
                    "eval_rows": 12,
                    "eval_group_share": 0.3,
                    **data,
                },
            }
        )
        prepared = prepare_dataset(config, tokenizer, tmp_path / "out")
        return config, prepared

    return make


def ids(samples):
    return {sample.id for sample in samples}


def test_neither_trained_on_nor_asked_and_only_of_the_evaluation_side(made, tokenizer):
    config, prepared = made()
    before = {p: p.read_bytes() for p in manifest_path(config).parent.iterdir()}
    draw = draw_fresh(config, tokenizer, rows=15, seed=1)
    sides = load_manifest(
        manifest_path(config), split_settings(config.data, inferred_groups=False)
    ).groups
    assert {sides[s.schema_group] for s in draw.samples} == {"eval"}
    seen = [s for p in (prepared.train_path, prepared.eval_path) for s in _read(p)]
    assert len(draw.samples) == 15
    assert not ids(draw.samples) & ids(seen)
    assert draw.asked_before == 12
    assert draw.pool == sum(side == "eval" for side in sides.values()) * 10 - 12
    assert {p: p.read_bytes() for p in manifest_path(config).parent.iterdir()} == before


def test_the_seed_decides_and_the_pool_is_the_limit(made, tokenizer):
    config, _ = made()
    first = draw_fresh(config, tokenizer, rows=15, seed=1).samples
    assert draw_fresh(config, tokenizer, rows=15, seed=1).samples == first
    assert draw_fresh(config, tokenizer, rows=15, seed=2).samples != first
    every = draw_fresh(config, tokenizer, rows=10_000, seed=1)
    assert len(every.samples) == every.pool


def test_rows_of_data_sets_that_are_kept_are_seen_too(made, tokenizer):
    config, _ = made()
    fresh = draw_fresh(config, tokenizer, rows=5, seed=1).samples
    folder = config.state_path / "datasets" / "another"
    folder.mkdir(parents=True)
    (folder / "eval.jsonl").write_text(
        "".join(json.dumps(sample.to_dict()) + "\n" for sample in fresh)
    )
    assert not ids(draw_fresh(config, tokenizer, rows=500, seed=1).samples) & ids(fresh)


def test_new_databases_are_counted_and_get_no_side(made, tokenizer, tmp_path):
    config, _ = made()
    write_rows(tmp_path / "rows.jsonl", databases=40)
    before = manifest_path(config).read_bytes()
    draw = draw_fresh(config, tokenizer, rows=10_000, seed=1)
    assert draw.new_groups > 0
    assert manifest_path(config).read_bytes() == before


def test_where_nothing_is_frozen_the_promotions_draw_is_repeated(made, tokenizer):
    config, prepared = made(sampling="sample_then_split", train_rows=8, group_column="db_id")
    draw = draw_fresh(config, tokenizer, rows=10_000, seed=1)
    assert draw.samples
    assert not ids(draw.samples) & ids(_read(prepared.eval_path))
    assert not ids(draw.samples) & ids(_read(prepared.train_path))


def test_without_a_manifest_nobody_knows(made, tokenizer):
    config, _ = made()
    manifest_path(config).unlink()
    with pytest.raises(DataError, match="which rows have trained is not known"):
        draw_fresh(config, tokenizer, rows=5, seed=1)


def _read(path):
    from pathlib import Path

    return read_jsonl(Path(path), Sample)
