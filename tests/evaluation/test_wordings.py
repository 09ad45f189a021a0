"""Wordings of one question share what is made from its gold."""

from __future__ import annotations

import dataclasses

import pytest
from verdict_factory import make_prediction

from sql_ft.config import EvaluationConfig
from sql_ft.evaluation import evalset, evaluator
from sql_ft.evaluation.evalset import build_evaluation_set, load_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.wordings import group_wordings, merge_wordings
from sql_ft.records import Outcome, Sample

CONFIG = EvaluationConfig(workers=2, databases_per_sample=3)
HEAD = "CREATE TABLE head (name VARCHAR, age INTEGER)"
OLDER = "SELECT name FROM head WHERE age > 56"
SAMPLES = [
    Sample("first", "Who is older than 56?", HEAD, OLDER, "g"),
    Sample("other", "How many heads are there?", HEAD, "SELECT COUNT(*) FROM head", "g"),
    Sample("again", "Names of heads above 56, like 'Quentin'", HEAD, OLDER, "g"),
    Sample("elsewhere", "Who is older than 56?", HEAD, OLDER, "h"),
]
WRONG, RIGHT = "SELECT name FROM head", "SELECT name FROM head WHERE age >= 57"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("set")
    build_evaluation_set(SAMPLES, CONFIG, path)
    return path


def test_groups_keep_the_order_of_the_samples():
    groups = [[sample.id for sample in group] for group in group_wordings(SAMPLES)]
    assert groups == [["first", "again"], ["other"], ["elsewhere"]]


def test_evidence_and_every_question_are_said_once():
    group = [
        dataclasses.replace(SAMPLES[0], tags={"evidence": "old means\n> 56"}),
        SAMPLES[2],
        dataclasses.replace(SAMPLES[2], id="third"),
    ]
    assert merge_wordings(group).question == (
        "Who is older than 56? old means > 56\nNames of heads above 56, like 'Quentin'"
    )


def test_one_gold_is_prepared_and_executed_once(tmp_path, monkeypatch):
    jobs, drafted = [], []
    make_job, draft_all = evalset._job, evalset.draft_all
    monkeypatch.setattr(evalset, "_job", lambda d: jobs.append(d.item.sample.id) or make_job(d))
    monkeypatch.setattr(
        evalset, "draft_all", lambda s, *a: drafted.extend(x.id for x in s) or draft_all(s, *a)
    )
    build_evaluation_set(SAMPLES, CONFIG, tmp_path)
    assert jobs == drafted == ["first", "other", "elsewhere"]


def test_databases_hold_what_any_wording_mentions(folder):
    first, _, again, elsewhere = load_evaluation_set(folder).entries
    assert first.databases is again.databases
    assert first.gold_results == again.gold_results
    assert elsewhere.databases is not first.databases
    assert (first.sample, again.sample) == (SAMPLES[0], SAMPLES[2])
    names = {row[0] for database in first.databases for row in database.rows["head"]}
    assert "Quentin" in names
    assert "Quentin" not in {row[0] for d in elsewhere.databases for row in d.rows["head"]}


def test_what_fails_fails_for_every_wording(tmp_path):
    samples = [
        Sample("a", "Wage?", HEAD, "SELECT wage FROM head", "g"),
        Sample("b", "The wage?", HEAD, "SELECT wage FROM head", "g"),
        SAMPLES[0],
    ]
    built = build_evaluation_set(samples, CONFIG, tmp_path)
    assert built.excluded == {"gold:unknown_column": ["a", "b"]}


def test_each_sample_gets_its_own_verdict_and_a_text_runs_once(folder, monkeypatch):
    texts = {"first": WRONG, "other": RIGHT, "again": RIGHT, "elsewhere": WRONG}
    jobs = []
    make = evaluator._job
    monkeypatch.setattr(evaluator, "_job", lambda case: jobs.append(make(case)) or jobs[-1])
    found = score_predictions(
        load_evaluation_set(folder),
        [make_prediction(name, text, arm="candidate") for name, text in texts.items()],
        CONFIG,
    )
    assert [(v.sample_id, v.schema_group, v.outcome) for v in found] == [
        ("first", "g", Outcome.WRONG_RESULT),
        ("other", "g", Outcome.WRONG_RESULT),
        ("again", "g", Outcome.CORRECT),
        ("elsewhere", "h", Outcome.WRONG_RESULT),
    ]
    assert found[0].gold_sql == found[2].gold_sql
    assert {job.id for job in jobs} == {"first", "other", "elsewhere"}
    # Both texts on the first database together.
    assert next(len(job.queries) for job in jobs if job.id == "first") == 2
