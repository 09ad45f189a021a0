"""The report as Markdown, for a Prefect artifact and the registry's description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sql_ft.evaluation.report_data import ReportData, arm_rows
from sql_ft.evaluation.report_labels import arm_label, check_label, format_seconds, format_value
from sql_ft.records import Check

MAX_FLIPS = 5


def render_markdown(data: ReportData, *, max_flips: int = MAX_FLIPS) -> str:
    """Decision, arms side by side, checks, failures, examples and flipped questions.

    Args:
        data: See `build_report_data`.
        max_flips: Flipped questions shown per direction.
    """
    blocks = [f"# {escape_markdown(data.title)}"]
    if data.decision is not None:
        blocks.append(f"**{escape_markdown(data.decision.reason)}**")
    blocks.append(
        _table(
            ["", *(arm_label(arm) for arm in data.arms)],
            [[label, *cells] for label, cells in arm_rows(data)],
        )
    )
    if data.decision is not None:
        # Long texts are lists: the cells of a table on Prefect's page do not wrap.
        findings = [
            f"{'✓' if check.passed else '✗'} **{escape_markdown(check_label(check))}**: "
            f"{escape_markdown(check.detail or _numbers(check))}"
            for check in data.decision.checks
        ]
        blocks += ["## Gate", _list(findings)]
    if data.examples:
        blocks.append("## Example questions")
    for example in data.examples:
        answers = {"gold": example.sample.gold_sql}
        answers |= {arm_label(arm): answer for arm, answer in example.answers.items()}
        blocks += _question(example.sample.question, answers)
    for change, heading in (("gained", "Gained"), ("lost", "Lost")):
        flipped = data.changed(change)
        if not flipped:
            continue
        before, after = arm_label(data.reference_arm), arm_label(data.arms[-1])
        blocks.append(f"## {heading}: {len(flipped)} questions")
        for item in flipped[:max_flips]:
            answers = {
                "gold": item.gold_sql,
                before: item.predicted_sql(item.before) if item.before else "",
                after: item.predicted_sql(item.after),
            }
            blocks += _question(item.sample.question, answers)
    if data.facts:
        blocks += ["## What was compared", _table(["", ""], [[*row] for row in data.facts.items()])]
    if data.costs or data.stages:
        rows = [[*row] for row in data.costs.items()]
        rows += [[s.name, f"{format_seconds(s.wall_time_s)} {s.note}".strip()] for s in data.stages]
        blocks += ["## Cost", _table(["", ""], rows)]
    return "\n\n".join(blocks) + "\n"


def _question(question: str, answers: Mapping[str, str]) -> list[str]:
    """Blocks of one question with the SQL of each who answered it."""
    lines = [f"{escape_markdown(name)}: {_code(sql)}" for name, sql in answers.items()]
    return [f"*{escape_markdown(question)}*", _list(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbers(check: Check) -> str:
    return f"{format_value(check.value)} (threshold {format_value(check.threshold)})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    if text.startswith("<code>"):
        return text
    return escape_markdown(text)


def escape_markdown(text: str) -> str:
    """One line on which nothing is markup: a question may hold anything."""
    one_line = " ".join(text.split())
    for character in "\\`*_[]<>|#":
        replacement = {"<": "&lt;", ">": "&gt;"}.get(character, "\\" + character)
        one_line = one_line.replace(character, replacement)
    return one_line


def _code(text: str) -> str:
    """SQL in a table cell: back-ticks in it would end a code span, so it is HTML."""
    one_line = " ".join(text.split()) or "(nothing)"
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for character in "|`*_[]\\":
        escaped = escaped.replace(character, f"&#{ord(character)};")
    return f"<code>{escaped}</code>"
