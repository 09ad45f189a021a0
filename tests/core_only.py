"""Run by `make core` in an environment with the core dependencies alone: no torch, no prefect.

Builds an evaluation set, scores predictions, renders the report: the stand-alone use.
"""

import importlib.util
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
    for absent in ("torch", "transformers", "prefect", "mlflow", "datasets"):
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
    assert "torch" not in sys.modules
    print("3 passed, 0 failed")


if __name__ == "__main__":
    main()
