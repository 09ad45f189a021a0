"""Pieces of the page as HTML: every name, cell and message is text, never markup.

All templates escape; a value from a database or a model reaches a page in no other way.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sql_ft.errors import SqlFtError
from sql_ft.evaluation.result_text import format_cell
from sql_ft.execution.tables import Column, Table
from sql_ft.serving.agent import AgentAnswer, Step, StepKind
from sql_ft.serving.app.asking import Asked, same_result
from sql_ft.serving.app.limits import PageLimits
from sql_ft.serving.app.session import HistoryEntry
from sql_ft.serving.query import LiveSchema, QueryResult

_STEP_NAMES = {
    StepKind.INTROSPECT: "Schema",
    StepKind.GENERATE: "Write",
    StepKind.CHECK: "Check",
    StepKind.EXECUTE: "Run",
    StepKind.REPAIR: "Repair",
    StepKind.VOTE: "Vote",
    StepKind.ANSWER: "Answer",
}
_COMPARED_ROWS = 8
_NAME_CHARS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class ShownResult:
    """A result as texts.

    Attributes:
        columns: Name, and whether its cells stand at the right.
        rows: Cells with their style.
        summary: How many rows and columns, how long it took, what is not shown.
        status: Why there are no rows.
        error: The same for a person; "" if it ran.
    """

    columns: list[tuple[str, bool]]
    rows: list[list[tuple[str, str]]]
    summary: str
    status: str = ""
    error: str = ""


def render_error(error: SqlFtError) -> str:
    """What was wrong, and what would have been accepted."""
    return _render(
        "notice", message=_sentence(error.message), expected=error.expected, tone="error"
    )


def render_notice(message: str) -> str:
    """A line for a person; "" renders to nothing."""
    return _render("notice", message=message, expected="", tone="info")


def render_schema(live: LiveSchema, limits: PageLimits) -> str:
    """Tables with their columns, keys and a few values."""
    tables = live.schema.tables
    return _render(
        "schema",
        n_tables=len(tables),
        tables=[_table(live, table, limits) for table in tables[: limits.tables_shown]],
        more=max(len(tables) - limits.tables_shown, 0),
    )


def render_steps(asked: Asked) -> str:
    """What the agent did so far, a list for each model."""
    answered = len(asked.answers)
    return _render(
        "steps",
        groups=[
            (model, [_step(step) for step in steps], number < answered)
            for number, (model, steps) in enumerate(asked.steps)
        ],
    )


def render_result(result: QueryResult, limits: PageLimits) -> str:
    """The table, or why there is none."""
    return _render("result", shown=show_result(result, limits, limits.rows_shown))


def render_comparison(answers: Sequence[AgentAnswer], limits: PageLimits) -> str:
    """Two answers side by side; nothing for one."""
    if len(answers) < 2:
        return ""
    same = same_result(answers[0].result, answers[1].result)
    verdicts = {
        True: "Both returned the same rows.",
        False: "They returned different rows.",
        None: "No comparison: not both ran to the end.",
    }
    return _render(
        "compare",
        sides=[
            {
                "model": answer.model,
                "effort": _effort(answer),
                "sql": answer.sql,
                "shown": show_result(answer.result, limits, _COMPARED_ROWS),
            }
            for answer in answers
        ],
        verdict=verdicts[same],
    )


def render_history(history: Sequence[HistoryEntry], limits: PageLimits) -> str:
    """What was asked, newest first."""
    return _render(
        "history",
        entries=[
            {
                "question": entry.question or "Edited query",
                "sql": cut(entry.sql, limits.cell_chars * 3),
                "database": entry.database,
                "model": entry.model,
                "summary": summarise(entry.result),
            }
            for entry in reversed(history)
        ],
    )


def show_result(result: QueryResult, limits: PageLimits, rows_shown: int) -> ShownResult:
    """Cut a result to what a page can show, and say what was cut."""
    if not result.ok:
        error = _sentence(result.error or "the query did not run")
        return ShownResult([], [], "", str(result.status).replace("_", " "), cut(error, 500))
    width = min(len(result.columns), limits.columns_shown)
    shown = [row[:width] for row in result.rows[:rows_shown]]
    right = [_is_numeric([row[i] for row in shown]) for i in range(width)]
    summary = summarise(result)
    if len(result.rows) > len(shown):
        summary += f", first {len(shown)} shown"
    if len(result.columns) > width:
        summary += f", first {width} columns shown"
    return ShownResult(
        columns=[
            (cut(name, _NAME_CHARS), side)
            for name, side in zip(result.columns[:width], right, strict=True)
        ],
        rows=[
            [_cell(value, side, limits) for value, side in zip(row, right, strict=True)]
            for row in shown
        ],
        summary=summary,
    )


def summarise(result: QueryResult) -> str:
    """``12 rows, 3 columns, 8 ms``, or the status of what did not run."""
    if not result.ok:
        return str(result.status).replace("_", " ")
    rows = f"{len(result.rows):,} {'row' if len(result.rows) == 1 else 'rows'}"
    if result.truncated:
        rows = f"the first {rows}, there are more"
    width = len(result.columns)
    columns = f"{width:,} {'column' if width == 1 else 'columns'}"
    return f"{rows}, {columns}, {format_duration(result.duration_s)}"


def format_duration(seconds: float) -> str:
    """``8 ms`` or ``1.2 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def cut(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _cell(value: Any, right: bool, limits: PageLimits) -> tuple[str, str]:
    if value is None:
        return "NULL", "sf-null"
    if isinstance(value, bytes):
        text = f"{len(value):,} bytes: {value[:16].hex()}"
    else:
        text = format_cell(value)
    # No control character, and none that turns the direction of what follows.
    text = "".join(
        c if c.isprintable() or c in "\n\t" else "�" for c in text[: limits.cell_chars + 1]
    )
    return cut(text, limits.cell_chars), "sf-right" if right else ""


def _is_numeric(values: list[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(v, int | float | decimal.Decimal) and not isinstance(v, bool) for v in present
    )


def _table(live: LiveSchema, table: Table, limits: PageLimits) -> dict[str, Any]:
    columns = table.columns[: limits.columns_shown]
    samples = live.samples.get(table.name, {})
    references = {
        key.columns[0]: key.ref_table for key in table.foreign_keys if len(key.columns) == 1
    }
    return {
        "name": cut(table.name, _NAME_CHARS),
        "kind": "view, " if table.name in live.views else "",
        "n_columns": len(table.columns),
        "columns": [
            {
                "name": cut(column.name, _NAME_CHARS),
                "note": _note(column, table, references, samples.get(column.name, ())),
            }
            for column in columns
        ],
        "more": len(table.columns) - len(columns),
    }


def _note(column: Column, table: Table, references: dict[str, str], values: Sequence[Any]) -> str:
    parts = [cut((column.declared_type or column.type).lower(), 30)]
    if column.name in table.primary_key:
        parts.append("key")
    if column.name in references:
        parts.append(f"→ {cut(references[column.name], 30)}")
    texts = [cut(" ".join(format_cell(v).split()), 18) for v in values if v is not None][:2]
    if texts:
        parts.append(f"e.g. {', '.join(texts)}")
    return " · ".join(part for part in parts if part)


def _step(step: Step) -> dict[str, Any]:
    writes = step.kind is StepKind.GENERATE
    return {
        "ok": step.ok,
        "kind": _STEP_NAMES[step.kind],
        # What is written is the step's whole content.
        "text": "" if writes and step.sql else cut(step.text, 400),
        "time": format_duration(step.duration_s) if step.duration_s >= 0.0005 else "",
        "sql": cut(step.sql, 2_000) if writes else "",
    }


def _effort(answer: AgentAnswer) -> str:
    attempts = f"{answer.attempts} {'attempt' if answer.attempts == 1 else 'attempts'}"
    return f"{attempts}, {format_duration(answer.duration_s)}"


def _sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a file."""
    return text if "." in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(f"{template}.html.j2").render(**values).strip()
