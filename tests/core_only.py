"""Run by `make core` in an environment with the core dependencies alone: no torch, no prefect.

Builds an evaluation set, scores predictions, renders the report, and does the same on files
through the command line: the stand-alone use.
"""

import importlib.util
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from sql_ft.config import EvaluationConfig
from sql_ft.evaluation.evalset import build_evaluation_set, load_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.metrics import summarize
from sql_ft.evaluation.report import build_report_data, print_report, render_html
from sql_ft.records import Outcome, Prediction, Sample

SHOP = "CREATE TABLE item (name VARCHAR, price INTEGER, kind VARCHAR)"
CASES = [
    ("How many items cost more than 10?", "SELECT COUNT(*) FROM item WHERE price > 10"),
    ("Names of tools", 'SELECT name FROM item WHERE kind = "tool"'),
    ("Kinds and their counts", "SELECT kind, COUNT(*) FROM item GROUP BY kind"),
]
ANSWERS = [
    ("SELECT COUNT(*) FROM item WHERE 10 < price", Outcome.CORRECT),
    ("SELECT name FROM item", Outcome.WRONG_RESULT),
    ("DELETE FROM item", Outcome.ERROR),
]


def main() -> None:
    for absent in ("torch", "transformers", "prefect", "mlflow", "datasets", "matplotlib"):
        assert importlib.util.find_spec(absent) is None, f"{absent} is installed: not the core"
    samples = [
        Sample(id=f"s{i}", question=q, context=SHOP, gold_sql=sql, schema_group="shop")
        for i, (q, sql) in enumerate(CASES)
    ]
    predictions = [
        Prediction(f"s{i}", "candidate", sql, sql, True, 1, 1, "stop")
        for i, (sql, _) in enumerate(ANSWERS)
    ]
    config = EvaluationConfig()
    with tempfile.TemporaryDirectory() as folder:
        built = build_evaluation_set(samples, config, Path(folder) / "set")
        assert not built.excluded, built.excluded
        verdicts = score_predictions(load_evaluation_set(Path(folder) / "set"), predictions, config)
    got = [verdict.outcome for verdict in verdicts]
    assert got == [outcome for _, outcome in ANSWERS], verdicts
    summary = summarize(verdicts, predictions, samples)
    data = build_report_data(
        title="core only",
        samples=samples,
        summaries={"candidate": summary},
        verdicts={"candidate": verdicts},
    )
    print_report(data)
    assert "<html" in render_html(data)
    with tempfile.TemporaryDirectory() as folder:
        evaluate_files(Path(folder))
        evaluate_spider(Path(folder) / "spider")
    assert "torch" not in sys.modules
    print("5 passed, 0 failed")


def evaluate_files(folder: Path) -> None:
    """`sql-ft evaluate` and `sql-ft evalset` on the dataset's three fields."""
    rows = [{"question": q, "context": SHOP, "answer": sql} for q, sql in CASES]
    write_lines(folder / "rows.jsonl", rows)
    answers = [{"id": i, "completion": sql} for i, (sql, _) in enumerate(ANSWERS)]
    write_lines(folder / "preds.jsonl", answers)
    out, frozen = folder / "out", folder / "set"
    sql_ft("evalset", "build", "--data", folder / "rows.jsonl", "--out", frozen)
    sql_ft("evalset", "verify", frozen)
    sql_ft("evalset", "inspect", frozen, "--sample", "1")
    for source in (["--data", folder / "rows.jsonl"], ["--evaluation-set", frozen]):
        printed = sql_ft("evaluate", "--predictions", folder / "preds.jsonl", *source, "--out", out)
        assert "1 of 3 questions right" in printed, printed
        assert "error:not_a_query" in printed, printed
    for name in ("verdicts.parquet", "summary.json", "report.html"):
        assert (out / name).stat().st_size > 1000, name
    assert json.loads((out / "summary.json").read_text())["summary"]["n_scored"] == 3


def evaluate_spider(folder: Path) -> None:
    """The same in Spider's layout, on a real SQLite file."""
    place = folder / "database" / "shop"
    place.mkdir(parents=True)
    with sqlite3.connect(place / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE item (name TEXT, price INTEGER)")
        connection.executemany("INSERT INTO item VALUES (?, ?)", [("saw", 12), ("nail", 1)])
    connection.close()
    gold = "SELECT name FROM item WHERE price > 10"
    questions = [{"question": "Names above 10?", "query": gold, "db_id": "shop"}]
    (folder / "dev.json").write_text(json.dumps(questions), encoding="utf-8")
    (folder / "pred.sql").write_text(f"{gold.replace('> 10', '>= 11')}\tshop\n", encoding="utf-8")
    printed = sql_ft(
        "evaluate", "--predictions", folder / "pred.sql", "--data", folder, "--layout", "spider",
        "--out", folder / "out",
    )  # fmt: skip
    assert "of 1 questions right" in printed, printed


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def sql_ft(*arguments: object) -> str:
    """Run the command of this environment; what it printed."""
    command = [str(Path(sys.executable).with_name("sql-ft")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


if __name__ == "__main__":
    main()
