"""The report in a terminal, as rich renderables."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sql_ft.evaluation.report_data import (
    Comparison,
    ReportData,
    arm_label,
    arm_rows,
    check_label,
    format_value,
    mark_differences,
)
from sql_ft.records import Decision, Verdict

MAX_FLIPS = 3
"""Flipped questions shown per direction."""


def render_terminal(data: ReportData, *, max_flips: int = MAX_FLIPS) -> RenderableType:
    """Arms side by side, the gate's checks, example questions and flipped questions.

    Args:
        data: See `build_report_data`.
        max_flips: Flipped questions shown per direction.
    """
    parts: list[RenderableType] = [_arms_table(data)]
    if data.decision is not None:
        parts += [_checks_table(data.decision), _decision_line(data.decision)]
    if data.examples:
        parts.append(Text("\nExample questions", style="bold"))
    for example in data.examples:
        lines = Table.grid(padding=(0, 2))
        lines.add_column(style="dim", no_wrap=True)
        lines.add_column(overflow="fold")
        lines.add_row("gold", Text(example.sample.gold_sql, style="dim"))
        for arm, answer in example.answers.items():
            lines.add_row(arm_label(arm), Text(answer.strip() or "(nothing)"))
        parts += [Text(example.sample.question, style="italic"), Padding(lines, (0, 0, 0, 2))]
    for change, heading in (("gained", "Gained"), ("lost", "Lost")):
        flipped = data.changed(change)
        if flipped and max_flips > 0:
            parts.append(Text(f"\n{heading}: {len(flipped)} questions", style="bold"))
            parts += [_flip(comparison, data) for comparison in flipped[:max_flips]]
    return Group(*parts)


def print_report(data: ReportData, console: Console | None = None) -> None:
    """Print the report."""
    (console or Console()).print(render_terminal(data))


def _arms_table(data: ReportData) -> Table:
    table = Table(title=Text(data.title), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for arm in data.arms:
        table.add_column(Text(arm_label(arm)), justify="right", no_wrap=True)
    for index, (label, cells) in enumerate(arm_rows(data)):
        table.add_row(label, *(Text(cell) for cell in cells), style="bold" if index == 0 else "")
    return table


def _checks_table(decision: Decision) -> Table:
    """One sentence a check; it names the value and the threshold where they are numbers."""
    table = Table(title="Gate", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("finding")
    for check in decision.checks:
        numbers = f"{format_value(check.value)} (threshold {format_value(check.threshold)})"
        table.add_row(
            Text("✓", style="green") if check.passed else Text("✗", style="bold red"),
            check_label(check),
            Text(check.detail or numbers, style="" if check.passed else "red"),
        )
    return table


def _decision_line(decision: Decision) -> Text:
    return Text(decision.reason, style="bold green" if decision.promote else "bold yellow")


def _flip(comparison: Comparison, data: ReportData) -> RenderableType:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row("gold", Text(comparison.after.gold_sql))
    if comparison.before is not None:
        lines.add_row(arm_label(data.reference_arm), _marked(comparison.before))
    lines.add_row(arm_label(comparison.after.arm), _marked(comparison.after))
    return Group(Text(comparison.sample.question, style="italic"), Padding(lines, (0, 0, 0, 2)))


def _marked(verdict: Verdict) -> Text:
    """The prediction, with what the gold lacks marked, and why it failed."""
    text = Text()
    if not verdict.predicted_sql.strip():
        text.append("(no SQL)", style="red")
    for piece, is_new in mark_differences(verdict.gold_sql, verdict.predicted_sql):
        text.append(piece, style="yellow" if is_new and not verdict.correct else "")
    if not verdict.correct:
        text.append(f"  ← {verdict.reason}", style="red")
    return text
