"""Reports of one evaluation: terminal, HTML and Markdown from the same data.

Example:
    data = build_report_data(title="week 12", samples=samples, summaries=summaries,
                             verdicts=verdicts, decision=decision)
    print_report(data)
    Path("report.html").write_text(render_html(data), encoding="utf-8")
"""

from __future__ import annotations

from sql_ft.evaluation.report_data import ReportData, build_report_data
from sql_ft.evaluation.report_html import render_html
from sql_ft.evaluation.report_markdown import render_markdown
from sql_ft.evaluation.report_terminal import print_report, render_terminal

__all__ = [
    "ReportData",
    "build_report_data",
    "print_report",
    "render_html",
    "render_markdown",
    "render_terminal",
]
