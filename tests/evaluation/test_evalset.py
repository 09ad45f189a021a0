from __future__ import annotations

import dataclasses
import json

import pyarrow.parquet as pq
import pytest

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation.evalset import (
    build_evaluation_set,
    evaluation_set_key,
    load_evaluation_set,
)
from sql_ft.execution.canonical import CanonicalGold
from sql_ft.records import ExecutionStatus, Sample

CONFIG = EvaluationConfig(workers=2, databases_per_sample=3)
PEOPLE = "CREATE TABLE head (name VARCHAR, age INTEGER, born DATE, salary DECIMAL(10,2))"


def make_samples():
    rows = [
        ("count", "How many heads are older than 56?", PEOPLE,
         "SELECT COUNT(*) FROM head WHERE age > 56"),
        ("quoted", "Age of Alice?", PEOPLE, 'SELECT age FROM head WHERE name = "Alice"'),
        ("join", "Names in Paris", "CREATE TABLE p (id INTEGER, name VARCHAR, c_id INTEGER); "
         "CREATE TABLE c (id INTEGER, city VARCHAR)",
         "SELECT p.name FROM p JOIN c ON p.c_id = c.id WHERE c.city = 'Paris' ORDER BY p.name"),
        ("column", "Invented", PEOPLE, "SELECT wage FROM head"),
        ("broken", "Broken", PEOPLE, "SELECT FROM WHERE"),
        ("delete", "Delete", PEOPLE, "DELETE FROM head"),
        ("empty", "Nothing can match", PEOPLE, "SELECT name FROM head WHERE age > 5 AND age < 5"),
        ("schema", "No schema", "this is no DDL", "SELECT 1"),
        ("pointless", "WHERE says nothing", PEOPLE, "SELECT MAX(age) FROM head WHERE 1 = 1"),
    ]  # fmt: skip
    return [
        Sample(name, question, context, gold, f"db-{name}", {"kind": name})
        for name, question, context, gold in rows
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    return build_evaluation_set(make_samples(), CONFIG, folder), folder


def test_every_sample_is_accounted_for(built):
    evaluation_set, _ = built
    assert [e.sample.id for e in evaluation_set.entries] == [s.id for s in make_samples()]
    assert [i.sample.id for i in evaluation_set.items] == ["count", "quoted", "join"]
    assert evaluation_set.excluded == {
        "gold:no_rows": ["empty"],
        "gold:not_a_query": ["delete"],
        "gold:syntax": ["broken"],
        "gold:unknown_column": ["column"],
        "gold:where_not_told": ["pointless"],
        "schema:unreadable": ["schema"],
    }
    assert all(e.exclusion_detail for e in evaluation_set.entries if e.exclusion)


def test_items_are_ready_to_be_scored(built):
    for item in built[0].items:
        assert item.schema is not None
        assert 1 <= len(item.databases) <= 3
        assert len(item.gold_results) == len(item.databases)
        assert all(result.status == ExecutionStatus.OK for result in item.gold_results)
        assert any(result.rows for result in item.gold_results)
    by_id = {item.sample.id: item for item in built[0].items}
    assert by_id["join"].ordered
    assert not by_id["count"].ordered
    assert '"Alice"' not in by_id["quoted"].gold_sql


def test_what_is_loaded_is_what_was_built(built):
    evaluation_set, folder = built
    loaded = load_evaluation_set(folder)
    assert loaded == evaluation_set
    assert loaded.hash == evaluation_set.hash
    assert type(loaded.items[1].databases[0].rows["head"][0]) is tuple


def test_what_gold_says_is_frozen_with_it(built, monkeypatch):
    _, folder = built
    item = load_evaluation_set(folder).items[0]
    # A gold whose key is known is not parsed again for every arm and every run.
    monkeypatch.setattr("sql_ft.execution.canonical.guard", None)
    gold = CanonicalGold(item.gold_sql, item.schema, item.canonical_key)
    assert gold.has_key("SELECT other", item.canonical_key)
    assert not gold.has_key("SELECT other", "another key")


def test_second_call_loads(built, monkeypatch):
    evaluation_set, folder = built
    monkeypatch.setattr("sql_ft.evaluation.evalset.Sandbox", None)  # building would fail
    assert build_evaluation_set(make_samples(), CONFIG, folder) == evaluation_set


def test_hash_does_not_depend_on_workers_or_run(built, tmp_path):
    alone = CONFIG.model_copy(update={"workers": 1})
    again = build_evaluation_set(make_samples(), alone, tmp_path)
    assert again.hash == built[0].hash
    assert (tmp_path / "items.parquet").read_bytes() == (built[1] / "items.parquet").read_bytes()


def test_key_follows_samples_and_settings():
    samples = make_samples()
    key = evaluation_set_key(samples, CONFIG)
    assert evaluation_set_key(samples, CONFIG.model_copy(update={"workers": 7})) == key
    assert evaluation_set_key(samples, CONFIG.model_copy(update={"database_seed": 1})) != key
    assert evaluation_set_key(samples[1:], CONFIG) != key
    changed = [dataclasses.replace(samples[0], gold_sql="SELECT 2"), *samples[1:]]
    assert evaluation_set_key(changed, CONFIG) != key


def test_hash_covers_every_field(built):
    evaluation_set = built[0]
    item = evaluation_set.entries[0]
    changes = {
        "gold_sql": "SELECT 1",
        "canonical_key": "x",
        "exclusion": "x",
        "ordered": not item.ordered,
        "databases": item.databases[:1],
        "gold_results": item.gold_results[::-1] if len(item.gold_results) > 1 else (),
        "schema": None,
        "sample": dataclasses.replace(item.sample, schema_group="other"),
    }
    hashes = {evaluation_set.hash}
    for name, value in changes.items():
        entries = (dataclasses.replace(item, **{name: value}), *evaluation_set.entries[1:])
        hashes.add(dataclasses.replace(evaluation_set, entries=entries).hash)
    assert len(hashes) == len(changes) + 1


def test_another_set_in_the_folder_is_never_overwritten(built):
    _, folder = built
    before = (folder / "items.parquet").read_bytes()
    with pytest.raises(EvaluationError, match="holds another evaluation set"):
        build_evaluation_set(make_samples()[:2], CONFIG, folder)
    assert (folder / "items.parquet").read_bytes() == before


@pytest.fixture
def copy(built, tmp_path):
    for file in built[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_one_changed_byte_is_found(copy):
    data = bytearray((copy / "items.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "items.parquet").write_bytes(bytes(data))
    with pytest.raises(EvaluationError, match=r"damaged: items\.parquet does not match"):
        load_evaluation_set(copy)
    with pytest.raises(EvaluationError, match="damaged"):
        build_evaluation_set(make_samples(), CONFIG, copy)


def test_edited_content_with_a_matching_file_hash_is_found(copy):
    import hashlib

    table = pq.read_table(copy / "items.parquet")
    column = table.column("gold_sql").to_pylist()
    column[0] = "SELECT COUNT(*) FROM head"
    position = table.schema.get_field_index("gold_sql")
    pq.write_table(table.set_column(position, "gold_sql", [column]), copy / "items.parquet")
    manifest = json.loads((copy / "manifest.json").read_text())
    digest = hashlib.sha256((copy / "items.parquet").read_bytes()).hexdigest()
    manifest["files"]["items.parquet"] = digest
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EvaluationError, match="its content has hash"):
        load_evaluation_set(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "lacks"),
        ('{"format": 1}', "lacks"),
        ('{"format": 99, "key": "", "hash": "", "dialect": "", "files": {}}', "format 99"),
    ],
)
def test_damaged_manifest(copy, text, message):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(EvaluationError, match=message):
        load_evaluation_set(copy)


def test_missing_parts(copy, tmp_path):
    (copy / "items.parquet").unlink()
    with pytest.raises(EvaluationError, match=r"items\.parquet cannot be read"):
        load_evaluation_set(copy)
    with pytest.raises(EvaluationError, match="no evaluation set in"):
        load_evaluation_set(tmp_path / "nowhere")


def test_bad_samples(tmp_path):
    with pytest.raises(EvaluationError, match="no samples"):
        build_evaluation_set([], CONFIG, tmp_path)
    sample = make_samples()[0]
    with pytest.raises(EvaluationError, match="repeated, first count"):
        build_evaluation_set([sample, sample], CONFIG, tmp_path)


def test_one_gold_that_trips_the_harness_ends_nothing(tmp_path, monkeypatch, caplog):
    from sql_ft.evaluation import drafts

    original = drafts.build_report

    def trip(schema, tree, question, **options):
        if question.startswith("Age"):
            raise ZeroDivisionError("inside")
        return original(schema, tree, question, **options)

    monkeypatch.setattr(drafts, "build_report", trip)
    evaluation_set = build_evaluation_set(make_samples()[:3], CONFIG, tmp_path)
    assert evaluation_set.excluded == {"harness:ZeroDivisionError": ["quoted"]}
    assert "sample quoted" in caplog.text


def test_progress_reaches_its_total(tmp_path):
    calls = []
    build_evaluation_set(
        make_samples(), CONFIG, tmp_path, lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (18, 18)
    assert calls == sorted(calls)
