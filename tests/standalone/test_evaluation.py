from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from shop import ANSWERS, OUTCOMES, SHOP, make_layout, write_lines

import sql_ft.standalone
from sql_ft.config import EvaluationConfig
from sql_ft.errors import ConfigError, EvaluationError, PredictionsError
from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.standalone import evaluate_files

CONFIG = EvaluationConfig(workers=2, databases_per_sample=3)
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "evaluate.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    rows = [{"id": i, "predicted_sql": sql} for i, sql in enumerate(ANSWERS)]
    predictions = write_lines(folder / "mine.jsonl", rows)
    from shop import ROWS

    data = write_lines(
        folder / "rows.jsonl", [{"question": q, "context": SHOP, "answer": sql} for q, sql in ROWS]
    )
    return evaluate_files(predictions, data, config=CONFIG, out_dir=folder / "out"), folder


def test_verdicts_and_figures(made):
    evaluation, _ = made
    assert [v.outcome for v in evaluation.verdicts] == OUTCOMES
    summary = evaluation.summary
    assert (summary.arm, summary.n, summary.n_scored) == ("mine", 5, 4)
    assert summary.execution_accuracy.rate == 0.5
    assert summary.valid_sql_rate == 0.75
    assert summary.canonical_match == 0.25  # the first: SUM(1) is the same by execution only
    assert summary.format_consistency is None  # no completions
    assert summary.excluded == {"gold:unknown_column": 1}
    assert summary.excluded_examples == {"gold:unknown_column": ["4"]}
    assert summary.failure_examples["error:unknown_table"] == ["3"]
    assert summary.slices["clause"]["where"].n == 2
    assert summary.slices["spider_hardness"]["easy"].n == 2


def test_files(made):
    evaluation, folder = made
    table = pq.read_table(folder / "out" / "verdicts.parquet").to_pylist()
    assert [row["outcome"] for row in table] == OUTCOMES
    first, second, _, fourth, fifth = table
    assert first["id"] == "0"
    assert first["gold_sql"] == "SELECT COUNT(*) FROM item WHERE price > 10"
    assert first["predicted_sql"] == ANSWERS[0]
    assert first["canonical_match"] is True
    assert first["strict_format"] is None
    assert dict(first["slices"])["clause"] == ["where", "aggregate"]
    assert second["reason"] == "row_count"
    assert second["gold_result"] != second["predicted_result"]
    assert fourth["status"] == "unknown_table"
    assert "items" in fourth["detail"]
    assert fourth["schema_adherence"] is False
    assert (fifth["reason"], fifth["valid_sql"]) == ("gold:unknown_column", None)
    record = json.loads((folder / "out" / "summary.json").read_text())
    assert ArmSummary.from_dict(record["summary"]) == evaluation.summary
    assert record["evaluation_set_hash"] == evaluation.evaluation_set.hash
    page = (folder / "out" / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "<svg" in page
    assert ANSWERS[1] in page


@pytest.mark.parametrize("workers", [1, 8])
def test_the_same_bytes_again_and_with_any_number_of_workers(made, tmp_path, workers):
    _, folder = made
    config = CONFIG.model_copy(update={"workers": workers})
    evaluate_files(folder / "mine.jsonl", folder / "rows.jsonl", config=config, out_dir=tmp_path)
    for name in ("verdicts.parquet", "summary.json", "report.html"):
        assert (tmp_path / name).read_bytes() == (folder / "out" / name).read_bytes(), name


def test_a_frozen_set_is_used_as_it_is(made, tmp_path):
    evaluation, folder = made
    (frozen,) = (folder / "out" / "evaluation_sets").iterdir()
    # Its excluded question needs no prediction.
    rows = [{"id": i, "predicted_sql": sql} for i, sql in enumerate(ANSWERS[:4])]
    predictions = write_lines(tmp_path / "mine.jsonl", rows)
    again = evaluate_files(predictions, evaluation_set=frozen, config=CONFIG)
    assert again.verdicts[:4] == evaluation.verdicts[:4]
    assert again.summary == evaluation.summary
    assert again.evaluation_set.hash == evaluation.evaluation_set.hash


def test_data_or_a_set(made):
    _, folder = made
    with pytest.raises(ConfigError, match="neither"):
        evaluate_files(folder / "mine.jsonl")
    with pytest.raises(ConfigError, match="both"):
        evaluate_files(folder / "mine.jsonl", folder / "rows.jsonl", evaluation_set=folder)


def test_a_bad_file_is_found_before_anything_is_built(made, tmp_path):
    _, folder = made
    with pytest.raises(PredictionsError):
        evaluate_files(
            write_lines(tmp_path / "a.jsonl", []), folder / "rows.jsonl", out_dir=tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def test_a_damaged_set_is_refused(made, tmp_path):
    _, folder = made
    (frozen,) = (folder / "out" / "evaluation_sets").iterdir()
    for file in frozen.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / "items.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "items.parquet").write_bytes(bytes(data))
    with pytest.raises(EvaluationError, match=r"items\.parquet does not match"):
        evaluate_files(folder / "mine.jsonl", evaluation_set=tmp_path, config=CONFIG)


def test_golds_and_schemas_that_fail_are_counted(tmp_path):
    rows = [
        {"question": "q", "context": "no table here", "answer": "SELECT 1"},
        {"question": "q", "context": SHOP, "answer": "SELECT FROM"},
        {"question": "q", "context": SHOP, "answer": "DROP TABLE item"},
    ]
    data = write_lines(tmp_path / "rows.jsonl", rows)
    predictions = write_lines(
        tmp_path / "mine.jsonl", [{"id": i, "predicted_sql": "SELECT 1"} for i in range(3)]
    )
    evaluation = evaluate_files(predictions, data, config=CONFIG, out_dir=tmp_path / "out")
    assert evaluation.summary.excluded == {
        "gold:not_a_query": 1,
        "gold:syntax": 1,
        "schema:unreadable": 1,
    }
    assert evaluation.summary.execution_accuracy.rate is None  # and not zero
    assert "schema:unreadable" in (tmp_path / "out" / "report.html").read_text()


def test_format_is_judged_with_completions(data, tmp_path):
    rows = [{"id": i, "completion": f"```sql\n{sql}\n```"} for i, sql in enumerate(ANSWERS)]
    rows[0]["completion"] = ANSWERS[0]
    predictions = write_lines(tmp_path / "chatty.jsonl", rows)
    evaluation = evaluate_files(predictions, data, config=CONFIG)
    assert [v.outcome for v in evaluation.verdicts] == OUTCOMES
    assert evaluation.summary.format_consistency == 0.25


HOSTILE = [
    "SELECT '\x00'",
    "SELECT '\ud800'",
    "SELECT " + "(" * 50_000,
    "SELECT " + ", ".join(["1"] * 300_000),
    "SELECT '<script>alert(1)</script>' FROM item; DROP TABLE item",
    "ATTACH 'x.db'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "COPY item TO 'stolen.csv'",
    "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT COUNT(*) FROM r",
    "\\ud800 {{ 7 * 7 }} {% raw %}",
]


def test_hostile_answers_end_up_as_data(tmp_path):
    rows = [
        {"question": f"{i}?", "context": SHOP, "answer": "SELECT name FROM item WHERE price > 3"}
        for i in range(len(HOSTILE))
    ]
    data = write_lines(tmp_path / "rows.jsonl", rows)
    answers = [{"id": i, "predicted_sql": sql} for i, sql in enumerate(HOSTILE)]
    predictions = write_lines(tmp_path / "mine.jsonl", answers)
    config = CONFIG.model_copy(update={"query_timeout_s": 1.0})
    evaluation = evaluate_files(predictions, data, config=config, out_dir=tmp_path / "out")
    assert {v.outcome for v in evaluation.verdicts} <= {"error", "wrong_result"}
    assert evaluation.summary.execution_accuracy.rate == 0.0
    table = pq.read_table(tmp_path / "out" / "verdicts.parquet").to_pylist()
    assert [row["id"] for row in table] == [str(i) for i in range(len(HOSTILE))]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "{{ 7 * 7 }}" in page
    assert len(page) < 200_000
    assert not (tmp_path / "stolen.csv").exists()


def test_spiders_layout_end_to_end(tmp_path):
    folder = make_layout(tmp_path / "spider")
    (tmp_path / "pred.sql").write_text(
        "SELECT count(name) FROM item\tshop\nSELECT name FROM item WHERE price >= 10\tshop\n"
    )
    evaluation = evaluate_files(tmp_path / "pred.sql", folder, layout="spider", config=CONFIG)
    assert evaluation.summary.n_scored == 2
    assert [v.sample_id for v in evaluation.verdicts] == ["0", "1"]


def test_the_documentations_own_example_runs(data, predictions, tmp_path, monkeypatch):
    text = DOCUMENTATION.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    predictions.rename(tmp_path / "preds.jsonl")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(DOCUMENTATION), "exec"), {})
    assert printed.getvalue().startswith("0.5 {")
    assert (tmp_path / "evaluation" / "report.html").is_file()


def test_names_of_the_package():
    for name in sql_ft.standalone.__all__:
        assert getattr(sql_ft.standalone, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = sql_ft.standalone.nothing
