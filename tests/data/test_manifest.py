"""Assignments that survive, and manifests that do not."""

import json
import os

import pytest

from sql_ft.config import DataConfig, parse_config
from sql_ft.data.fingerprint import manifest_digest
from sql_ft.data.manifest import Manifest, hash_side, load_manifest, manifest_path, split_settings
from sql_ft.errors import DataError

SETTINGS = split_settings(DataConfig(), inferred_groups=False)


def test_side_is_the_documented_hash():
    assert [hash_side(42, "", f"db{i}", 0.5) for i in range(8)] == [
        hash_side(42, "", f"db{i}", 0.5) for i in range(8)
    ]
    held = sum(hash_side(42, "", f"db{i}", 0.2) == "eval" for i in range(5000))
    assert 900 < held < 1100
    assert {hash_side(seed, "", "db", 0.5) for seed in range(20)} == {"train", "eval"}


def test_round_trip_keeps_sides_whatever_the_hash_says(tmp_path):
    manifest = Manifest(SETTINGS)
    sides = {name: manifest.side_of_group(name) for name in "abcdef"}
    value = manifest.side_of_value("template", "t1")
    flipped = "eval" if sides["a"] == "train" else "train"
    manifest.groups["a"] = flipped
    manifest.tables = {"orders": "tables:orders", "customers": ""}
    manifest.save(tmp_path / "deep" / "m.json")
    again = load_manifest(tmp_path / "deep" / "m.json", SETTINGS)
    assert again == manifest
    assert again.side_of_group("a") == flipped
    assert again.side_of_value("template", "t1") == value
    assert os.listdir(tmp_path / "deep") == ["m.json"]


def test_no_file_is_an_empty_manifest(tmp_path):
    assert load_manifest(tmp_path / "none.json", SETTINGS) == Manifest(SETTINGS)


def test_saving_twice_writes_the_same_bytes(tmp_path):
    one, two = Manifest(SETTINGS), Manifest(SETTINGS)
    for name in "abc":
        one.side_of_group(name)
    for name in "cba":
        two.side_of_group(name)
    one.save(tmp_path / "1.json")
    two.save(tmp_path / "2.json")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


GOOD = {"version": 1, "settings": SETTINGS, "groups": {}, "values": {}, "tables": {}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged: it is not JSON"),
        (b'{"version": 1, "gro', "is damaged: it is not JSON"),
        (b"\xff", "cannot read the manifest"),
        (b"[]", "no manifest of version 1"),
        (json.dumps({**GOOD, "version": 2}).encode(), "no manifest of version 1"),
        (json.dumps({**GOOD, "groups": {"a": "test"}}).encode(), "'groups'"),
        (json.dumps({**GOOD, "groups": {"a": ["eval"]}}).encode(), "'groups'"),
        (json.dumps({**GOOD, "groups": None}).encode(), "'groups'"),
        (json.dumps({**GOOD, "values": {"c": "eval"}}).encode(), "'values'"),
        (json.dumps({**GOOD, "tables": {"t": 3}}).encode(), "'tables'"),
        (json.dumps({**GOOD, "settings": None}).encode(), "other settings"),
    ],
)
def test_damaged_manifest(tmp_path, content, message):
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_manifest(path, SETTINGS)
    assert caught.value.setting == "data.manifest_path"
    assert path.read_bytes() == content


def test_other_settings_are_named(tmp_path):
    Manifest(SETTINGS).save(tmp_path / "m.json")
    changed = split_settings(DataConfig(shuffle_seed=7), inferred_groups=False)
    with pytest.raises(DataError, match=r"seed 42 \(now 7\)"):
        load_manifest(tmp_path / "m.json", changed)


def test_unwritable_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the manifest"):
        Manifest(SETTINGS).save(tmp_path / "file" / "m.json")


def test_one_default_manifest_per_dataset_and_settings(tmp_path):
    def path(**data):
        return manifest_path(parse_config({"state_dir": str(tmp_path), "data": data}))

    assert path().parent == tmp_path / "manifests"
    assert path() == path(train_rows=5, eval_rows=5, max_length=64)
    different = [
        path(),
        path(shuffle_seed=1),
        path(eval_group_share=0.5),
        path(disjoint_columns=["template"]),
        path(source="hub"),
        path(source="hub", hub_id="x/y"),
        path(source="file", path="a/rows.csv"),
        path(source="file", path="b/rows.csv"),
    ]
    assert len(set(different)) == len(different)
    assert path(manifest_path=str(tmp_path / "own.json")) == tmp_path / "own.json"


def test_manifest_digest(tmp_path):
    config = parse_config({"state_dir": str(tmp_path)})
    assert manifest_digest(config) == ""
    Manifest(SETTINGS).save(manifest_path(config))
    assert len(manifest_digest(config)) == 64
