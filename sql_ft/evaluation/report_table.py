"""The questions as a table, for MLflow's pages."""

from __future__ import annotations

from sql_ft.evaluation.report_data import ReportData
from sql_ft.evaluation.report_questions import list_questions
from sql_ft.records import Verdict

COLUMNS = (
    "change",
    "question",
    "gold_sql",
    "before_sql",
    "after_sql",
    "before_reason",
    "after_reason",
    "schema_group",
    "sample_id",
    "gold_executed",
    "before_executed",
    "after_executed",
)
"""What was written first, what was executed (translated to DuckDB) last."""

MAX_CELL_CHARS = 2000
"""A browser shows the table as a whole: a runaway answer must not stop it."""


def verdict_table(data: ReportData) -> tuple[list[str], list[list[str]]]:
    """Column names and rows, flipped questions first; at most as many as the page lists."""

    def executed(verdict: Verdict | None) -> str:
        return verdict.predicted_sql if verdict is not None and verdict.valid_sql else ""

    rows = [
        [
            c.change,
            c.sample.question,
            c.gold_sql,
            c.predicted_sql(c.before) if c.before else "",
            c.predicted_sql(c.after),
            c.before.reason if c.before else "",
            c.after.reason,
            c.after.schema_group,
            c.sample.id,
            c.after.gold_sql,
            executed(c.before),
            executed(c.after),
        ]
        for c in list_questions(data.comparisons)
    ]
    return list(COLUMNS), [[_cut(cell) for cell in row] for row in rows]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL_CHARS else f"{text[: MAX_CELL_CHARS - 1]}…"
