"""A report's page: a file on disk, and the same in the MLflow run beside its table and plots."""

from __future__ import annotations

from pathlib import Path

from sql_ft.config import RunConfig
from sql_ft.evaluation.report import ReportData
from sql_ft.evaluation.report_table import verdict_table
from sql_ft.tracking.runs import REPORT_FILE, TrackedRun


def save_page(config: RunConfig, run_id: str, html: str) -> Path:
    """Write the page under ``state_dir/reports`` and return where."""
    page = config.state_path / "reports" / f"{run_id}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html, encoding="utf-8", errors="replace")
    return page


def log_pages(run: TrackedRun, data: ReportData, html: str, markdown: str) -> None:
    """Log both pages, every verdict and the plots."""
    # Drawing imports matplotlib.
    from sql_ft.evaluation.figures import draw_figures

    run.log_text(html, REPORT_FILE)
    run.log_text(markdown, "report/summary.md")
    run.log_table(*verdict_table(data), "report/verdicts.json")
    for file, figure in draw_figures(data).items():
        run.log_figure(figure, f"plots/{file}")
