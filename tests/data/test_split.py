"""The split: disjoint, stable, and exactly the published sample where that is asked for."""

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from sql_ft.config import DataConfig
from sql_ft.data.grouping import PLACEHOLDER_GROUP
from sql_ft.data.manifest import Manifest, split_settings
from sql_ft.data.samples import group_samples
from sql_ft.data.split import MIXED, REPEATED, shuffled_order, split_samples
from sql_ft.errors import DataError


def make_rows(groups, per_group=4, templates=5):
    return [
        {
            "question": f"q {group} {n}",
            "context": f"CREATE TABLE {group}_t (c{n} INTEGER)",
            "answer": f"SELECT c{n} FROM {group}_t",
            "db_id": group,
            "template": f"t{(n * 7 + len(group) + sum(map(ord, group))) % templates}",
        }
        for group in groups
        for n in range(per_group)
    ]


def run(rows, config, manifest=None):
    inferred = "db_id" not in rows[0]
    if manifest is None:
        manifest = Manifest(split_settings(config, inferred_groups=inferred))
    grouped = group_samples(rows, config, manifest.tables)
    manifest.tables = grouped.tables
    return split_samples(grouped, config, manifest), manifest


NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=12, max_size=40, unique=True)


@settings(deadline=None, max_examples=40)
@given(NAMES, st.integers(0, 2**32 - 1), st.booleans())
def test_sides_share_no_group_and_no_value(names, seed, with_templates):
    config = DataConfig(
        shuffle_seed=seed,
        eval_group_share=0.4,
        disjoint_columns=("template",) if with_templates else (),
    )
    rows = make_rows(names)
    try:
        split, _ = run(rows, config)
    except DataError:
        reject()  # every group on one side: tested below
    assert not {s.schema_group for s in split.train} & {s.schema_group for s in split.eval}
    if with_templates:
        train = {s.tags["template"] for s in split.train}
        assert not train & {s.tags["template"] for s in split.eval}
    ids = [s.id for s in split.train + split.eval]
    assert len(ids) == len(set(ids))
    assert len(ids) + sum(split.left_out.values()) == len(rows)


@settings(deadline=None, max_examples=40)
@given(NAMES, st.integers(0, 2**32 - 1), st.integers(6, 11), st.randoms(use_true_random=False))
def test_added_rows_never_move_a_group(names, seed, count, rng):
    config = DataConfig(shuffle_seed=seed, eval_group_share=0.5, disjoint_columns=("template",))
    early = make_rows(names[:count], per_group=8)
    late = make_rows(names, per_group=12)
    rng.shuffle(late)
    try:
        first, manifest = run(early, config)
        second, _ = run(late, config, manifest)
    except DataError:
        reject()
    before = {s.id: side for side in ("train", "eval") for s in getattr(first, side)}
    after = {s.id: side for side in ("train", "eval") for s in getattr(second, side)}
    assert {i: after[i] for i in before} == before


def test_manifest_beats_the_hash():
    config = DataConfig(eval_group_share=0.5)
    rows = make_rows([f"db{i}" for i in range(20)])
    split, manifest = run(rows, config)
    moved = split.train[0].schema_group
    manifest.groups[moved] = "eval"
    again, _ = run(rows, config, manifest)
    assert moved in {s.schema_group for s in again.eval}


def test_mixed_rows_are_dropped_and_counted():
    config = DataConfig(eval_group_share=0.5, disjoint_columns=("template",))
    rows = make_rows([f"db{i}" for i in range(30)])
    split, manifest = run(rows, config)
    mixed = [
        row
        for row in rows
        if manifest.groups[row["db_id"]] != manifest.values["template"][row["template"]]
    ]
    assert split.left_out == {MIXED: len(mixed)}
    assert len(mixed) > 0


def test_shuffle_then_select_is_exactly_what_datasets_does():
    import datasets

    rows = make_rows([f"db{i}" for i in range(200)], per_group=3)
    for seed, count in ((42, 25), (0, 10)):
        config = DataConfig(
            sampling="sample_then_split", shuffle_seed=seed, train_rows=count, eval_rows=10
        )
        split, _ = run(rows, config)
        expected = datasets.Dataset.from_list(rows).shuffle(seed=seed).select(range(count))
        assert [s.question for s in split.train] == expected["question"][:]
        assert shuffled_order(len(rows), seed)[:count] == [
            rows.index(row) for row in expected.to_list()
        ]


def test_sample_then_split_evaluates_on_untouched_groups_only():
    config = DataConfig(
        sampling="sample_then_split",
        train_rows=30,
        eval_rows=10,
        disjoint_columns=("template",),
    )
    rows = make_rows([f"db{i}" for i in range(200)], templates=150)
    split, manifest = run(rows, config)
    assert len(split.train) == 30
    for key in (lambda s: s.schema_group, lambda s: s.tags["template"]):
        assert not set(map(key, split.train)) & set(map(key, split.eval))
    assert split.left_out["group_in_training_sample"] > 0
    again, _ = run(rows, config, manifest)
    assert again == split


def test_sample_that_touches_every_group_is_an_error_with_counts():
    config = DataConfig(sampling="sample_then_split", train_rows=100, eval_rows=10)
    with pytest.raises(DataError, match=r"120 rows 100 can train \(10 schema groups\).* 0 can"):
        run(make_rows([f"db{i}" for i in range(10)], per_group=12), config)


def test_sample_that_leaves_too_few_rows_is_an_error_with_counts():
    config = DataConfig(sampling="sample_then_split", train_rows=20, eval_rows=300)
    with pytest.raises(DataError, match=r"only .* evaluation rows") as caught:
        run(make_rows([f"db{i}" for i in range(40)]), config)
    assert "data.train_rows" in caught.value.setting


def test_grown_dataset_may_not_train_on_what_was_evaluated():
    config = DataConfig(sampling="sample_then_split", train_rows=20, eval_rows=10)
    rows = make_rows([f"db{i}" for i in range(60)])
    _, manifest = run(rows, config)
    more = make_rows([f"db{i}" for i in range(61)])
    with pytest.raises(DataError, match="set aside for evaluation") as caught:
        run(more, config, manifest)
    assert "data.manifest_path" in caught.value.setting


def test_sample_then_split_without_groups_shares_no_table_name():
    rows = [
        {
            "question": f"q{i}",
            "context": f"CREATE TABLE t{i % 120} (x{i} INTEGER)",
            "answer": "SELECT 1",
        }
        for i in range(360)
    ]
    config = DataConfig(sampling="sample_then_split", train_rows=60, eval_rows=20)
    split, _ = run(rows, config)
    train = {s.context.split()[2] for s in split.train}
    assert not train & {s.context.split()[2] for s in split.eval}


def test_one_group_only():
    with pytest.raises(DataError, match=r"no .* rows") as caught:
        run(make_rows(["only"]), DataConfig())
    assert "data.eval_group_share" in caught.value.setting


def test_repeats_never_evaluate():
    rows = make_rows([f"db{i}" for i in range(40)])
    twin = [{**row, "db_id": f"copy_{row['db_id']}"} for row in rows]
    split, _ = run([*rows, *rows, *twin], DataConfig(eval_group_share=0.5))
    bases = [s.id.partition("-")[0] for s in split.eval]
    assert len(bases) == len(set(bases))
    assert not set(bases) & {s.id.partition("-")[0] for s in split.train}
    assert split.left_out[REPEATED] > 0


def test_exact_repeats_get_their_own_ids():
    rows = make_rows(["a"], per_group=1) * 3
    ids = [s.id for s in group_samples(rows, DataConfig()).samples]
    assert ids == [ids[0], f"{ids[0]}-2", f"{ids[0]}-3"]
    assert len(ids[0]) == 16


def test_blank_cells_are_left_out():
    rows = make_rows([f"db{i}" for i in range(40)])
    rows[3]["answer"] = " ; "
    rows[5]["question"] = ""
    assert run(rows, DataConfig())[0].left_out == {"blank_cell": 2}


def test_invented_table_names_train_but_never_evaluate():
    rows = [
        {
            "question": f"q{i}",
            "context": f"CREATE TABLE {name} (x{i} INTEGER)",
            "answer": "SELECT 1",
        }
        for i in range(50)
        for name in (f"table_name_{i % 9}", f"table_{i}_1")
    ]
    for seed in range(5):
        split, _ = run(rows, DataConfig(shuffle_seed=seed, eval_group_share=0.5))
        assert PLACEHOLDER_GROUP not in {s.schema_group for s in split.eval}
        assert PLACEHOLDER_GROUP in {s.schema_group for s in split.train}


def test_tags_keep_further_columns_as_text():
    rows = [{**make_rows(["a"], 1)[0], "hardness": 3, "extra": None, "list": [1]}]
    (sample,) = group_samples(rows, DataConfig()).samples
    assert sample.tags == {"template": rows[0]["template"], "hardness": "3"}
    assert sample.schema_group == "a"
