"""The report in a terminal, as rich renderables."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sql_ft.evaluation.differences import mark_differences
from sql_ft.evaluation.metrics import ArmSummary, Rate
from sql_ft.evaluation.report_data import Comparison, ReportData, arm_rows, headline
from sql_ft.evaluation.report_labels import (
    FAILURE_TEXTS,
    arm_label,
    check_label,
    format_rate,
    format_value,
    ordered_slices,
    ordered_values,
    slice_label,
)
from sql_ft.records import Decision, Verdict

MAX_FLIPS = 3
"""Flipped questions shown per direction."""

_BAR_WIDTH = 12
_SHOWN_IDS = 3


def render_terminal(data: ReportData, *, max_flips: int = MAX_FLIPS) -> RenderableType:
    """Arms side by side, the gate's checks, example questions and flipped questions.

    Args:
        data: See `build_report_data`.
        max_flips: Flipped questions shown per direction.
    """
    parts: list[RenderableType] = [_arms_table(data)]
    if data.decision is not None:
        parts += [_checks_table(data.decision), _decision_line(data.decision)]
    if len(data.arms) == 1:
        parts.append(Text(headline(data), style="bold"))
        summary = data.summaries[data.arms[0]]
        parts += [_slice_table(tag, summary.slices[tag]) for tag in ordered_slices(summary.slices)]
        parts += [_failure_table(summary)] if summary.failures else []
        parts += [_excluded_table(summary)] if summary.excluded else []
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


def _slice_table(tag: str, rates: Mapping[str, Rate]) -> Table:
    table = Table(title=Text(slice_label(tag)), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for name in ("accuracy", "95% interval", "right", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("0          1", no_wrap=True)
    for value in ordered_values(rates):
        rate = rates[value]
        interval = "–" if rate.low is None else f"{rate.low:.2f}–{rate.high:.2f}"
        filled = round(_BAR_WIDTH * (rate.rate or 0.0))
        bar = Text("█" * filled, style="blue") + Text("░" * (_BAR_WIDTH - filled), style="dim")
        cells = (format_rate(rate.rate), interval, str(rate.hits), str(rate.n))
        table.add_row(Text(value or "(empty)"), *(Text(cell) for cell in cells), bar)
    return table


def _failure_table(summary: ArmSummary) -> Table:
    table = Table(title="Failures", box=box.SIMPLE_HEAD, title_justify="left")
    for name, justify in (("kind", "left"), ("", "left"), ("n", "right"), ("for example", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for kind, n in summary.failures.items():
        ids = ", ".join(summary.failure_examples.get(kind, ())[:_SHOWN_IDS])
        table.add_row(Text(kind), Text(FAILURE_TEXTS.get(kind, "")), str(n), Text(ids, "dim"))
    return table


def _excluded_table(summary: ArmSummary) -> Table:
    table = Table(title="Set aside, and in no figure", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("reason")
    table.add_column("n", justify="right")
    table.add_column("for example")
    for reason, n in summary.excluded.items():
        ids = ", ".join(summary.excluded_examples.get(reason, ())[:_SHOWN_IDS])
        table.add_row(Text(reason), str(n), Text(ids, "dim"))
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
    lines.add_row("gold", Text(comparison.gold_sql))
    if comparison.before is not None:
        lines.add_row(arm_label(data.reference_arm), _marked(comparison, comparison.before))
    lines.add_row(arm_label(comparison.after.arm), _marked(comparison, comparison.after))
    return Group(Text(comparison.sample.question, style="italic"), Padding(lines, (0, 0, 0, 2)))


def _marked(comparison: Comparison, verdict: Verdict) -> Text:
    """The answer as written, with what the gold lacks marked, and why it failed."""
    text = Text()
    written = comparison.predicted_sql(verdict).strip()
    if not written:
        text.append("(no SQL)", style="red")
    for piece, is_new in mark_differences(comparison.gold_sql, written):
        text.append(piece, style="yellow" if is_new and not verdict.correct else "")
    if not verdict.correct:
        text.append(f"  ← {verdict.reason}", style="red")
    return text
