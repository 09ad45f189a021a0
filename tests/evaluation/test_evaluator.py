from __future__ import annotations

import random

import pytest
from verdict_factory import make_prediction

from sql_ft.config import EvaluationConfig
from sql_ft.errors import EvaluationError
from sql_ft.evaluation import reading
from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.evaluation.evaluator import (
    EVALUATOR_VERSION,
    evaluator_hash,
    score_arms,
    score_predictions,
)
from sql_ft.evaluation.rules import sandbox_limits
from sql_ft.execution.compare import is_ordered, order_key_positions
from sql_ft.execution.databases import Database
from sql_ft.execution.dialect import translate
from sql_ft.execution.sandbox import Job, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import Outcome, Sample, write_jsonl

CONFIG = EvaluationConfig(workers=2, query_timeout_s=1.0)
HEAD = "CREATE TABLE head (name VARCHAR, age INTEGER)"
GOLDS = {
    "count": "SELECT COUNT(*) FROM head WHERE age > 56",
    "list": "SELECT name, age FROM head WHERE age > 56",
    "order": "SELECT name FROM head WHERE age > 56 ORDER BY age DESC",
    "group": "SELECT name, COUNT(*) FROM head GROUP BY name HAVING COUNT(*) > 1",
    "bad": "SELECT nope FROM head",
}


# Two databases made by hand: an empty-handed one, and one with duplicates, a tie, a NULL
# and the boundary.
DATABASES = (
    Database("d0", {"head": [("Ann", 57), ("Bob", 20), ("Bob", 56)]}),
    Database(
        "d1",
        {"head": [("Ann", 60), ("Ann", 60), ("Cid", 61), ("Dee", 56), ("Eve", None), (None, 70)]},
    ),
)


def make_set(golds, databases=DATABASES, context=HEAD):
    schema = parse_schema(context)
    translated = {name: translate(gold, schema) for name, gold in golds.items()}
    with Sandbox(sandbox_limits(CONFIG), workers=1) as sandbox:
        results = sandbox.run(
            [
                Job(name, schema, databases, {"gold": query.sql})
                for name, query in translated.items()
            ]
        )
    return EvaluationSet(
        entries=tuple(
            EvaluationItem(
                sample=Sample(name, "A question?", context, golds[name], f"g-{name}"),
                gold_sql=query.sql,
                schema=schema,
                ordered=is_ordered(query.tree),
                order_keys=order_key_positions(query.tree),
                databases=databases,
                gold_results=result.results["gold"],
            )
            for (name, query), result in zip(translated.items(), results, strict=True)
        ),
        dialect="sqlite",
        key="by hand",
    )


@pytest.fixture(scope="module")
def evaluation_set():
    made = make_set({name: gold for name, gold in GOLDS.items() if name != "bad"})
    excluded = EvaluationItem(
        sample=Sample("bad", "A question?", HEAD, GOLDS["bad"], "g-bad"),
        gold_sql=GOLDS["bad"],
        exclusion="gold:unknown_column",
        exclusion_detail="no column nope",
    )
    return EvaluationSet((*made.entries, excluded), dialect=made.dialect, key=made.key)


def score(evaluation_set, config=CONFIG, arm="candidate", **sql):
    predictions = [
        make_prediction(name, sql.get(name, GOLDS[name]), arm=arm)
        for name in ("count", "list", "order", "group")
    ]
    return {v.sample_id: v for v in score_predictions(evaluation_set, predictions, config)}


def test_gold_answers_itself(evaluation_set):
    verdicts = score(evaluation_set)
    assert [v.sample_id for v in verdicts.values()] == list(GOLDS)
    for name in ("count", "list", "order", "group"):
        verdict = verdicts[name]
        assert verdict.correct
        assert verdict.reason == "same_sql"
        assert verdict.valid_sql
        assert verdict.schema_adherence
        assert verdict.schema_group == f"g-{name}"
        assert verdict.gold_head == verdict.predicted_head != ""
    excluded = verdicts["bad"]
    assert excluded.outcome == Outcome.EXCLUDED
    assert excluded.reason == "gold:unknown_column"


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("count", "SELECT COUNT(name) + COUNT(*) - COUNT(name) FROM head h WHERE NOT h.age <= 56"),
        ("list", "SELECT age, name FROM head WHERE age > 56"),
        ("list", "SELECT name, age FROM head WHERE age > 56 ORDER BY name"),
        ("list", 'WITH o AS (SELECT * FROM head WHERE age > "56") SELECT name, age FROM o'),
    ],
)
def test_right_by_execution(evaluation_set, name, sql):
    verdict = score(evaluation_set, **{name: sql})[name]
    assert verdict.correct, verdict
    assert verdict.reason == "equal"
    assert verdict.valid_sql
    assert verdict.schema_adherence


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("count", "SELECT COUNT(*) FROM head"),
        ("count", "SELECT COUNT(*) FROM head WHERE age >= 56"),
        ("count", "SELECT 0"),
        ("list", "SELECT name FROM head WHERE age > 56"),
        ("list", "SELECT name, age FROM head WHERE age > 56 LIMIT 0"),
        ("list", "SELECT DISTINCT name, age FROM head WHERE age > 56"),
        ("list", "SELECT a.name, a.age FROM head a, head b WHERE a.age > 56"),
        ("order", "SELECT name FROM head WHERE age > 56 ORDER BY age"),
        ("group", "SELECT name, COUNT(*) FROM head GROUP BY name"),
    ],
)
def test_wrong_result(evaluation_set, name, sql):
    verdict = score(evaluation_set, **{name: sql})[name]
    assert verdict.outcome == Outcome.WRONG_RESULT, verdict
    assert verdict.status == "ok"
    assert verdict.valid_sql
    assert verdict.schema_adherence
    assert verdict.reason not in ("", "equal")
    assert verdict.gold_head != verdict.predicted_head


@pytest.mark.parametrize(
    ("sql", "status", "adheres"),
    [
        ("", "empty", False),
        ("   ;", "empty", False),
        ("SELECT wage FROM head", "unknown_column", False),
        ("SELECT * FROM heads", "unknown_table", False),
        ("SELECT FROM WHERE", "syntax", False),
        ("I think the answer is 3", "syntax", False),
        ("DELETE FROM head", "not_a_query", False),
        ("DROP TABLE head", "not_a_query", False),
        ("SELECT 1; SELECT 2", "not_a_query", False),
        ("WITH a AS (DELETE FROM head RETURNING *) SELECT * FROM a", "not_a_query", False),
        ("SELECT COUNT(*) FROM head, range(100000000000) AS r(i) WHERE i * age > 3", None, None),
    ],
)
def test_errors_are_the_predictions_own(evaluation_set, sql, status, adheres):
    verdict = score(evaluation_set, count=sql)["count"]
    assert verdict.outcome == Outcome.ERROR, verdict
    assert not verdict.valid_sql
    assert verdict.detail
    if status is not None:
        assert (verdict.status, verdict.reason) == (status, status)
        assert verdict.schema_adherence is adheres
    else:
        assert verdict.status in ("timeout", "memory")


def test_one_bad_prediction_leaves_its_neighbours_alone(evaluation_set):
    verdicts = score(evaluation_set, count="DELETE FROM head", list="SELECT * FROM gone")
    assert verdicts["order"].correct
    assert verdicts["group"].correct


def test_verdicts_do_not_depend_on_order_or_workers(evaluation_set):
    sql = {"count": "SELECT COUNT(*) FROM head", "list": "SELECT x FROM head"}
    predictions = [make_prediction(n, sql.get(n, GOLDS[n] + " ")) for n in GOLDS]
    expected = score_predictions(evaluation_set, predictions, CONFIG)
    random.Random(1).shuffle(predictions)
    alone = CONFIG.model_copy(update={"workers": 1})
    assert score_predictions(evaluation_set, predictions, alone) == expected


def test_files_of_verdicts_are_the_same_bytes(evaluation_set, tmp_path):
    sql = {
        "count": "SELECT COUNT(*) FROM head, range(9000000) AS r(i) WHERE i * age = 3",
        "list": "SELECT name, random() FROM head",
        "order": "SELECT name FROM head WHERE age > 56 ORDER BY 1 - age",
        "group": "SELECT nme FROM head",
    }
    predictions = [make_prediction(n, sql[n]) for n in sql]
    config = CONFIG.model_copy(update={"query_timeout_s": 0.2})
    files = set()
    for number, workers in enumerate((1, 2, 8, 2, 2)):
        settings = config.model_copy(update={"workers": workers})
        path = tmp_path / f"{number}.jsonl"
        write_jsonl(path, score_predictions(evaluation_set, predictions, settings))
        files.add(path.read_bytes())
    assert len(files) == 1


def test_arms_together_get_what_each_gets_alone(evaluation_set):
    texts = {
        "base": {"count": "SELECT COUNT(*) FROM head", "list": "SELECT age, name FROM head"},
        "base_3shot": {"count": "SELECT COUNT(*) FROM head", "order": "SELECT nope FROM head"},
        "candidate": {"group": "DELETE FROM head"},
    }
    arms = [
        [make_prediction(n, sql.get(n, GOLDS[n]), arm=arm) for n in GOLDS if n != "bad"]
        for arm, sql in texts.items()
    ]
    calls = []
    together = score_arms(evaluation_set, arms, CONFIG, lambda d, t: calls.append((d, t)))
    assert together == [score_predictions(evaluation_set, arm, CONFIG) for arm in arms]
    assert calls[-1] == (15, 15)
    with pytest.raises(EvaluationError, match="twice"):
        score_arms(evaluation_set, [arms[0], arms[0]], CONFIG)


@pytest.mark.parametrize(
    "sql",
    [
        # Numbers that Python can neither print nor bring into a float.
        "SELECT CAST(repeat('9', 6000) AS BIGNUM)",
        "SELECT 'nan'::DOUBLE",
        "SELECT {'a': [1, NULL], 'b': {'c': 'x'}}",
        "SELECT '\\x00ff'::BLOB",
        "SELECT INTERVAL '1 month'",
        "SELECT repeat('x', 300000)",
    ],
)
def test_odd_values_are_compared_and_shown(evaluation_set, sql):
    verdict = score(evaluation_set, count=sql)["count"]
    assert verdict.outcome in (Outcome.WRONG_RESULT, Outcome.ERROR), verdict
    assert len(verdict.predicted_head) < 500


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["count", "list"], "2 predictions missing: order, group"),
        (["count", "list", "order", "group", "list"], "1 predictions repeated: list"),
        (["count", "list", "order", "group", "zzz"], "the set does not have: zzz"),
        ([], "0 arms"),
    ],
)
def test_missing_repeated_and_unknown_ids(evaluation_set, names, message):
    predictions = [make_prediction(name, "SELECT 1") for name in names]
    with pytest.raises(EvaluationError, match=message):
        score_predictions(evaluation_set, predictions, CONFIG)


def test_one_arm_and_the_sets_dialect(evaluation_set):
    predictions = [
        make_prediction(name, "SELECT 1", arm=arm)
        for name, arm in zip(GOLDS, ["base", *["candidate"] * 4], strict=True)
    ]
    with pytest.raises(EvaluationError, match="2 arms"):
        score_predictions(evaluation_set, predictions, CONFIG)
    other = CONFIG.model_copy(update={"dialect": "postgres"})
    with pytest.raises(EvaluationError, match=r"evaluation\.dialect"):
        score_predictions(evaluation_set, [make_prediction(n, "SELECT 1") for n in GOLDS], other)


def test_a_harness_that_fails_excludes(evaluation_set, monkeypatch):
    def trip(*_, **__):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(reading, "unresolved_names", trip)
    verdict = score(evaluation_set)["count"]
    assert verdict.outcome == Outcome.EXCLUDED
    assert verdict.reason == "harness:ZeroDivisionError"


def test_nesting_without_end_is_the_predictions_fault(evaluation_set):
    deep = "SELECT " + "(" * 20_000 + "1" + ")" * 20_000
    chain = "SELECT COUNT(*) FROM head WHERE " + " OR ".join(["age > 56"] * 5_000)
    assert score(evaluation_set, count=deep)["count"].outcome == Outcome.ERROR
    assert score(evaluation_set, count=chain)["count"].outcome != Outcome.EXCLUDED


def test_strict_format_is_carried_over(evaluation_set):
    predictions = [make_prediction(n, GOLDS[n], strict_format=n != "count") for n in GOLDS]
    verdicts = score_predictions(evaluation_set, predictions, CONFIG)
    assert [v.strict_format for v in verdicts] == [False, True, True, True, True]


def test_progress_reaches_its_total(evaluation_set):
    calls = []
    predictions = [make_prediction(n, "SELECT 1") for n in GOLDS]
    score_predictions(evaluation_set, predictions, CONFIG, lambda d, t: calls.append((d, t)))
    assert calls[-1] == (5, 5)
    assert calls == sorted(calls)


def test_evaluator_hash_follows_rules_and_not_workers(monkeypatch):
    value = evaluator_hash(CONFIG)
    assert evaluator_hash(CONFIG.model_copy(update={"workers": 9, "database_seed": 9})) == value
    for change in ({"column_order": "fixed"}, {"query_timeout_s": 9.0}, {"dialect": "duckdb"}):
        assert evaluator_hash(CONFIG.model_copy(update=change)) != value
    monkeypatch.setattr("sql_ft.evaluation.rules.EVALUATOR_VERSION", EVALUATOR_VERSION + 1)
    assert evaluator_hash(CONFIG) != value
