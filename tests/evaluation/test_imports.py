"""The evaluator is for people who do not train: it must not need what training needs."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            "sql_ft.evaluation.evaluator, sql_ft.evaluation.evalset, sql_ft.evaluation.report, "
            "sql_ft.evaluation.gate, sql_ft.evaluation.examples",
            {"torch", "transformers", "mlflow", "prefect"},
        ),
        (
            "sql_ft.evaluation.gate, sql_ft.evaluation.statistics",
            {"duckdb", "sqlglot", "torch", "mlflow"},
        ),
        ("sql_ft.evaluation", {"scipy", "jinja2", "rich", "duckdb", "sqlglot"}),
    ],
)
def test_imports_stay_light(modules, absent):
    code = f"import sys, {modules}; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert absent.isdisjoint(output.split())
