"""An evaluation set as a person reads it in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.evaluation.result_text import format_cell
from sql_ft.execution.databases import Database
from sql_ft.execution.tables import Schema, create_sql

MAX_ROWS, SHOWN_ROWS = 16, 10
"""Up to `MAX_ROWS` rows are shown whole, of longer tables the first `SHOWN_ROWS`."""

SHOWN_IDS = 4
SHOWN_SURVIVORS = 12


def show_set(evaluation_set: EvaluationSet, folder: Path) -> RenderableType:
    """Counts, exclusions by reason, mutants told apart and those that were not."""
    items = evaluation_set.items
    total = sum(item.mutants_total for item in items)
    killed = sum(item.mutants_killed for item in items)
    whole = sum(item.mutants_total == item.mutants_killed for item in items)
    counts = Counter(len(item.databases) for item in items)
    facts = [
        ("folder", str(folder)),
        ("content hash", evaluation_set.hash),
        ("dialect", evaluation_set.dialect),
        ("questions", f"{len(evaluation_set.entries)}, of which {len(items)} can be scored"),
        ("schemas", str(len({item.sample.schema_group for item in items}))),
        ("databases a question", ", ".join(f"{k}: {n}" for k, n in sorted(counts.items()))),
        (
            "mutants told apart",
            f"{killed:,} of {total:,} ({killed / total:.2%})" if total else "none ran",
        ),
        ("golds told from all", f"{whole} of {len(items)}"),
    ]
    parts: list[RenderableType] = [_pairs(facts)]
    if evaluation_set.excluded:
        rows = [
            (reason, str(len(ids)), _some(ids)) for reason, ids in evaluation_set.excluded.items()
        ]
        parts.append(_table("Set aside", ("reason", "questions", "ids"), rows))
    survivors = _survivors(items)
    if survivors:
        rows = [(name, str(len(ids)), _some(ids)) for name, ids in survivors[:SHOWN_SURVIVORS]]
        title = "Mutants that no database tells from the gold"
        if len(survivors) > SHOWN_SURVIVORS:
            title += f" (the {SHOWN_SURVIVORS} most frequent kinds of {len(survivors)})"
        parts.append(_table(title, ("kind", "mutants", "ids"), rows))
    return Group(*parts)


def show_item(item: EvaluationItem) -> RenderableType:
    """One question: schema, gold, and its databases with the gold's result on each."""
    sample = item.sample
    facts = [
        ("id", sample.id),
        ("question", sample.question),
        ("schema group", sample.schema_group),
        *sorted(sample.tags.items()),
    ]
    if item.exclusion:
        facts += [("set aside", item.exclusion), ("because", item.exclusion_detail)]
    else:
        facts += [
            ("row order counts", "yes" if item.ordered else "no"),
            ("translation", ", ".join(item.notes) or "changed nothing"),
            ("mutants told apart", f"{item.mutants_killed} of {item.mutants_total}"),
            *[("not told apart", name) for name in item.survivors],
        ]
    parts: list[RenderableType] = [_pairs(facts)]
    schema = "\n".join(create_sql(item.schema)) if item.schema is not None else sample.context
    for title, sql in (
        ("schema", schema),
        ("gold as written", sample.gold_sql),
        ("gold as executed", item.gold_sql),
    ):
        code = Syntax(sql, "sql", word_wrap=True, background_color="default")
        parts.append(Panel(code, title=title, title_align="left", box=box.SIMPLE))
    for index, database in enumerate(item.databases):
        parts += _database(database, item.schema)
        if index < len(item.gold_results):
            result = item.gold_results[index]
            parts.append(
                _table(f"gold's result on {database.name}", result.columns, _texts(result.rows))
            )
    return Group(*parts)


def _database(database: Database, schema: Schema | None) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(f"\ndatabase {database.name}", style="bold")]
    for name, rows in database.rows.items():
        table = schema.find(name) if schema is not None else None
        columns = [column.name for column in table.columns] if table is not None else []
        parts.append(_table(name, columns, _texts(rows)))
    return parts


def _texts(rows: Sequence[Sequence[object]]) -> list[tuple[str, ...]]:
    return [tuple(format_cell(value) for value in row) for row in rows]


def _survivors(items: Iterable[EvaluationItem]) -> list[tuple[str, list[str]]]:
    """Kind of mutant → ids of the questions with such survivors, most frequent first."""
    found: dict[str, list[str]] = {}
    for item in items:
        for name in item.survivors:
            found.setdefault(name.partition(":")[0], []).append(item.sample.id)
    return sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))


def _some(ids: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(ids))
    more = f" and {len(distinct) - SHOWN_IDS} more" if len(distinct) > SHOWN_IDS else ""
    return ", ".join(distinct[:SHOWN_IDS]) + more


def _pairs(facts: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in facts:
        table.add_row(Text(label), Text(text))
    return table


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Group:
    # A table's own title would be folded to the width of a narrow table.
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    shown = rows if len(rows) <= MAX_ROWS else rows[:SHOWN_ROWS]
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    parts: list[RenderableType] = [Text(f"\n{title}", style="italic"), table]
    if len(shown) < len(rows):
        parts.append(Text(f"  … {len(rows) - len(shown)} more rows", style="dim"))
    return Group(*parts)
