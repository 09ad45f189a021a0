from __future__ import annotations

import dataclasses
import json
import sqlite3

import pyarrow.parquet as pq
import pytest
from real_folder import make_spider

from sql_ft.config import EvaluationConfig
from sql_ft.data.layouts import read_spider
from sql_ft.errors import EvaluationError
from sql_ft.evaluation import draft_pool
from sql_ft.evaluation.evalset import (
    build_evaluation_set,
    evaluation_set_key,
    load_evaluation_set,
)
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.execution.databases import REAL, Database
from sql_ft.execution.real import RealDatabase
from sql_ft.execution.schema import parse_schema
from sql_ft.execution.tables import quote_name
from sql_ft.records import Prediction, Sample

CONFIG = EvaluationConfig(workers=1, databases_per_sample=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return read_spider(make_spider(tmp_path_factory.mktemp("spider")))


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    return build_evaluation_set(source.samples, CONFIG, folder, databases=source.databases), folder


def answer(evaluation_set, answers, config=CONFIG):
    predictions = [
        Prediction(item.sample.id, "base", sql, sql, True, 0, 0, "stop")
        for item, sql in zip(evaluation_set.entries, answers, strict=True)
    ]
    return score_predictions(evaluation_set, predictions, config)


def sample(question, gold, name="shop"):
    return Sample(f"id-{question}", question, "", gold, name)


def test_the_real_database_comes_first_and_is_one_object(built, source):
    evaluation_set, _ = built
    assert not evaluation_set.excluded
    real = source.databases["shop"]
    for item in evaluation_set.entries:
        assert item.databases[0].name == REAL
        assert 2 <= len(item.databases) <= 3
        assert item.databases[0] is real.database
        assert item.schema == real.schema


def test_real_rows_are_stored_once_and_shared_after_loading(built):
    evaluation_set, folder = built
    stored = pq.read_table(folder / "databases.parquet").to_pylist()
    assert len(stored) == 1
    texts = pq.read_table(folder / "items.parquet").column("databases").to_pylist()
    for first, *others in map(json.loads, texts):
        assert first == {"name": REAL, "key": stored[0]["key"]}
        assert all(other["rows"] for other in others)
    loaded = load_evaluation_set(folder)
    assert loaded == evaluation_set
    assert loaded.hash == evaluation_set.hash
    assert len({id(item.databases[0]) for item in loaded.entries}) == 1


def test_a_changed_real_row_changes_key_and_hash(built, source):
    evaluation_set, _ = built
    real = source.databases["shop"]
    rows = {**real.database.rows, "author": real.database.rows["author"][:2]}
    changed = {"shop": dataclasses.replace(real, database=Database(REAL, rows))}
    key = evaluation_set_key(source.samples, CONFIG, source.databases)
    assert key == evaluation_set.key
    assert key != evaluation_set_key(source.samples, CONFIG, changed)
    items = [
        dataclasses.replace(i, databases=(changed["shop"].database, *i.databases[1:]))
        for i in evaluation_set.entries
    ]
    assert dataclasses.replace(evaluation_set, entries=tuple(items)).hash != evaluation_set.hash


def test_a_damaged_file_of_databases_is_refused(built, tmp_path):
    folder = built[1]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "databases.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "databases.parquet").write_bytes(data)
    with pytest.raises(EvaluationError, match=r"databases\.parquet does not match"):
        load_evaluation_set(tmp_path)


def test_verdicts_on_real_rows(built):
    right = [
        "SELECT COUNT(isbn) FROM book WHERE NOT pages <= 100",
        "SELECT b.title, a.name FROM book b, author a WHERE a.author_id = b.author_id ORDER BY 1",
        "SELECT a.name FROM author a JOIN book b USING (author_id) WHERE b.title = 'North'",
    ]
    assert [v.correct for v in answer(built[0], right)] == [True, True, True]
    wrong = [
        # '' is text, and larger than any number: on the real rows it counts.
        "SELECT COUNT(*) FROM book WHERE CAST(pages AS INTEGER) > 100",
        "SELECT a.name, b.title FROM author a JOIN book b USING (author_id) ORDER BY a.name",
        "SELECT name FROM author",
    ]
    assert [v.outcome for v in answer(built[0], wrong)] == ["wrong_result"] * 3


def test_generated_rows_satisfy_the_original_ddl(source, tmp_path):
    config = EvaluationConfig(workers=1, databases_per_sample=6)
    joins = [
        sample("join", "SELECT name FROM author JOIN book USING (author_id) WHERE pages > 250"),
        sample("orphans", "SELECT title FROM book WHERE author_id IS NULL OR price > 9"),
        sample("group", "SELECT author_id, count(*) FROM book GROUP BY author_id"),
    ]
    built = build_evaluation_set(joins, config, tmp_path, databases=source.databases)
    seen = 0
    for item in built.items:
        for database in item.databases:
            connection = sqlite3.connect(":memory:")
            connection.execute("PRAGMA foreign_keys = 1")
            connection.executescript(source.samples[0].context)
            connection.execute("PRAGMA defer_foreign_keys = 1")
            for table in item.schema.tables:
                marks = ", ".join("?" * len(table.columns))
                connection.executemany(
                    f"INSERT INTO {quote_name(table.name)} VALUES ({marks})",
                    database.rows[table.name],
                )
            assert not connection.execute("PRAGMA foreign_key_check").fetchall()
            connection.close()
            seen += database.name != REAL and bool(database.rows["book"])
    assert seen >= 12


def test_real_values_seed_generated_rows(source, tmp_path):
    gold = [sample("seed", "SELECT name FROM author WHERE born > '1985-01-01'")]
    config = EvaluationConfig(workers=1, databases_per_sample=4)
    built = build_evaluation_set(gold, config, tmp_path, databases=source.databases)
    names = {
        row[1]
        for database in built.items[0].databases
        if database.name != REAL
        for row in database.rows["author"]
    }
    assert names & {"Ada", "Ben", "Cyd"}


def test_a_real_database_on_which_chance_decides_is_left_out(source, tmp_path):
    # Ben and Cyd are born on one day.
    gold = [sample("tie", "SELECT name FROM author ORDER BY born DESC LIMIT 1")]
    built = build_evaluation_set(gold, CONFIG, tmp_path, databases=source.databases)
    assert not built.excluded
    assert REAL not in [d.name for d in built.items[0].databases]


def test_real_databases_alone(source, tmp_path):
    config = EvaluationConfig(workers=1, databases_per_sample=0)
    golds = [
        *source.samples[:2],
        sample("tie", "SELECT name FROM author ORDER BY born DESC LIMIT 1"),
    ]
    built = build_evaluation_set(golds, config, tmp_path / "a", databases=source.databases)
    assert [[d.name for d in i.databases] for i in built.items] == [[REAL], [REAL]]
    assert built.excluded == {"gold:nondeterministic": ["id-tie"]}
    with pytest.raises(EvaluationError, match="databases_per_sample"):
        build_evaluation_set(golds, config, tmp_path / "b")


def test_a_real_database_too_large_for_the_gold_is_left_out(tmp_path):
    schema = parse_schema("CREATE TABLE t (a INTEGER)")
    real = RealDatabase(schema, Database(REAL, {"t": [(i,) for i in range(300)]}))
    gold = [sample("cross", "SELECT x.a FROM t AS x, t AS y WHERE x.a > 2", "big")]
    config = EvaluationConfig(workers=1, databases_per_sample=2, max_result_rows=20_000)
    built = build_evaluation_set(gold, config, tmp_path, databases={"big": real})
    assert not built.excluded
    assert all(d.name != REAL for d in built.items[0].databases)


def test_distinct_as_the_official_evaluator_reads_it(source, tmp_path):
    gold = [sample("d", "SELECT DISTINCT author_id FROM book WHERE pages > 10")]
    official = EvaluationConfig(workers=1, databases_per_sample=3, distinct="official")
    strict = EvaluationConfig(workers=1, databases_per_sample=3)
    sets = {
        c.distinct: build_evaluation_set(gold, c, tmp_path / c.distinct, databases=source.databases)
        for c in (official, strict)
    }
    without = ["SELECT author_id FROM book WHERE pages > 10"]
    assert answer(sets["official"], without, official)[0].correct
    assert not answer(sets["strict"], without, strict)[0].correct
    assert load_evaluation_set(tmp_path / "official").distinct == "official"
    with pytest.raises(EvaluationError, match=r"evaluation\.distinct"):
        answer(sets["official"], without, strict)


def test_samples_with_and_without_a_real_database_stand_in_one_set(source, tmp_path):
    alone = Sample("ddl", "Older than 5?", "CREATE TABLE p (n TEXT, age INTEGER)",
                   "SELECT n FROM p WHERE age > 5", "people")  # fmt: skip
    built = build_evaluation_set(
        [source.samples[0], alone], CONFIG, tmp_path, databases=source.databases
    )
    assert not built.excluded
    assert built.items[0].databases[0].name == REAL
    assert all(d.name != REAL for d in built.items[1].databases)


def test_workers_change_nothing(source, tmp_path, monkeypatch):
    monkeypatch.setattr(draft_pool, "MIN_SAMPLES_PER_WORKER", 2)
    many = [
        sample(str(n), f"SELECT title FROM book WHERE pages > {n} ORDER BY title") for n in range(5)
    ]
    hashes = {
        build_evaluation_set(
            many,
            EvaluationConfig(workers=workers, databases_per_sample=1),
            tmp_path / str(workers),
            databases=source.databases,
        ).hash
        for workers in (1, 2)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("dialect", "gold", "right", "wrong"),
    [
        (
            "duckdb",
            "SELECT name FROM author WHERE year(born) > 1985",
            "SELECT name FROM author WHERE born >= DATE '1986-01-01'",
            "SELECT name FROM author WHERE year(born) > 1979",
        ),
        (
            "duckdb",
            "SELECT title FROM book WHERE price > 8 QUALIFY row_number() "
            "OVER (PARTITION BY author_id ORDER BY price DESC, isbn) = 1",
            "SELECT title FROM (SELECT title, row_number() OVER (PARTITION BY author_id "
            "ORDER BY price DESC, isbn) AS n FROM book WHERE price > 8) WHERE n = 1",
            "SELECT title FROM book WHERE price > 8",
        ),
        (
            "postgres",
            "SELECT name FROM author WHERE EXTRACT(YEAR FROM born) = 1990 AND name ILIKE 'b%'",
            "SELECT name FROM author WHERE born BETWEEN '1990-01-01' AND '1990-12-31' "
            "AND lower(left(name, 1)) = 'b'",
            "SELECT name FROM author WHERE EXTRACT(YEAR FROM born) = 1990 AND name LIKE 'b%'",
        ),
        (
            "postgres",
            "SELECT a.name, COUNT(*)::int FROM author a JOIN book b USING (author_id) "
            "WHERE b.price::numeric > 8 GROUP BY a.name",
            "SELECT name, COUNT(b.isbn) FROM book b NATURAL JOIN author "
            "WHERE price > 8.0 GROUP BY 1",
            "SELECT a.name, COUNT(*) FROM author a LEFT JOIN book b USING (author_id) "
            "GROUP BY a.name",
        ),
    ],
)
def test_golds_of_other_dialects_on_real_databases(tmp_path, dialect, gold, right, wrong):
    source = read_spider(make_spider(tmp_path / "spider"), dialect=dialect)
    config = EvaluationConfig(workers=1, databases_per_sample=3, dialect=dialect)
    golds = [sample("a", gold), sample("b", gold + " ")]
    built = build_evaluation_set(golds, config, tmp_path / "set", databases=source.databases)
    assert not built.excluded
    assert built.items[0].databases[0].name == REAL
    verdicts = answer(built, [right, wrong], config)
    assert [v.outcome for v in verdicts] == ["correct", "wrong_result"]
