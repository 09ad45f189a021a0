"""A live schema → the CREATE TABLE text that a model is shown, within a budget."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from sql_ft.errors import DataError
from sql_ft.execution.tables import ForeignKey, Table, quote_name
from sql_ft.serving.query import LiveSchema

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORD = re.compile(r"[a-z]+|\d+")
_MOST_CHARS = 40
# A name in the question weighs more than a value that stands in it.
_TABLE_WEIGHT, _COLUMN_WEIGHT, _VALUE_WEIGHT = 3.0, 1.0, 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaContext:
    """A schema as the model is shown it.

    Attributes:
        text: CREATE TABLE statements.
        tables: Names of the tables in it.
        left_out: Names of those that did not fit.
    """

    text: str
    tables: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def render_context(
    live: LiveSchema,
    question: str,
    *,
    fits: Callable[[str], bool],
    sample_values: int = 0,
) -> SchemaContext:
    """Write a schema within a budget; the tables nearest to the question stay.

    Everything is shown if it fits. If not, sample values go first. Then tables are added
    in the order of what they share with the question (their name, their columns, their
    values), each followed by the tables that its foreign keys lead to, while they fit.

    Args:
        live: From `LiveDatabase.schema`.
        question: Chooses among tables if not all fit.
        fits: Whether a text is short enough, e.g. by counting tokens.
        sample_values: Values shown beside each column, as a comment; left out first.

    Raises:
        DataError: Not even the best table fits.
    """
    tables = live.schema.tables
    for shown in dict.fromkeys((sample_values, 0)):
        text = _write(live, tables, shown)
        if fits(text):
            return SchemaContext(text, tuple(t.name for t in tables))
    chosen: list[Table] = []
    for table in _ranked(live, question):
        if table in chosen:
            continue
        # In the order of the schema, as if the others did not exist.
        wider = [t for t in tables if t in chosen or t is table]
        if fits(_write(live, wider, 0)):
            chosen = wider
    if not chosen:
        raise DataError(
            f"no table of the schema ({len(tables)} tables) fits the model's context with this "
            "question",
            setting="generation.max_new_tokens",
            expected="a shorter question, narrower tables (a view), or a larger model",
        )
    names = tuple(t.name for t in chosen)
    left_out = tuple(t.name for t in tables if t not in chosen)
    return SchemaContext(_write(live, chosen, 0), names, left_out)


def create_statement(table: Table, samples: dict[str, tuple[Any, ...]] | None = None) -> str:
    """CREATE TABLE of one table: names, types, keys, and perhaps values as comments."""
    parts = []
    for column in table.columns:
        kind = column.declared_type or column.type
        key = " PRIMARY KEY" if table.primary_key == (column.name,) else ""
        parts.append((f"{_name(column.name)} {kind}{key}", _values(samples, column.name)))
    if len(table.primary_key) > 1:
        parts.append((f"PRIMARY KEY ({_names(table.primary_key)})", ""))
    parts.extend((_reference(key), "") for key in table.foreign_keys)
    if not any(comment for _, comment in parts):
        return f"CREATE TABLE {_name(table.name)} ({', '.join(text for text, _ in parts)})"
    last = len(parts) - 1
    lines = [
        f"  {text}{',' if i < last else ''}{comment}" for i, (text, comment) in enumerate(parts)
    ]
    return f"CREATE TABLE {_name(table.name)} (\n" + "\n".join(lines) + "\n)"


def _write(live: LiveSchema, tables: Sequence[Table], sample_values: int) -> str:
    shown = {t.name for t in tables}
    texts = []
    for table in tables:
        # A key that leads to a table which is not shown tells nothing.
        keys = tuple(k for k in table.foreign_keys if k.ref_table in shown)
        samples = {
            column: values[:sample_values]
            for column, values in live.samples.get(table.name, {}).items()
        }
        kept = dataclasses.replace(table, foreign_keys=keys)
        texts.append(create_statement(kept, samples if sample_values else None))
    # As the contexts of the data that models are trained on.
    return "; ".join(texts)


def _ranked(live: LiveSchema, question: str) -> list[Table]:
    """Tables by what they share with the question, each followed by its neighbours."""
    words = set(_stems(question))
    folded = question.casefold()
    tables = live.schema.tables
    scores = {t.name: _score(live, t, words, folded) for t in tables}
    order = sorted(tables, key=lambda t: -scores[t.name])
    ranked: dict[str, Table] = {}
    for table in order:
        ranked.setdefault(table.name, table)
        if scores[table.name] > 0:
            for key in table.foreign_keys:
                neighbour = live.schema.find(key.ref_table)
                if neighbour is not None:
                    ranked.setdefault(neighbour.name, neighbour)
    return list(ranked.values())


def _score(live: LiveSchema, table: Table, words: set[str], question: str) -> float:
    score = _TABLE_WEIGHT * _overlap(table.name, words)
    for column in table.columns:
        score += _COLUMN_WEIGHT * _overlap(column.name, words)
        values = live.samples.get(table.name, {}).get(column.name, ())
        if any(isinstance(v, str) and len(v) > 2 and v.casefold() in question for v in values):
            score += _VALUE_WEIGHT
    return score


def _overlap(name: str, words: set[str]) -> float:
    """Share of a name's words that the question has."""
    own = _stems(name)
    return sum(word in words for word in own) / len(own) if own else 0.0


def _stems(text: str) -> list[str]:
    # camelCase and snake_case alike; plurals count as singulars.
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower()
    return [w.removesuffix("s") if len(w) > 3 else w for w in _WORD.findall(spaced)]


def _name(name: str) -> str:
    return name if _PLAIN.match(name) else quote_name(name)


def _names(names: Sequence[str]) -> str:
    return ", ".join(_name(name) for name in names)


def _reference(key: ForeignKey) -> str:
    target = f"({_names(key.ref_columns)})" if key.ref_columns else ""
    return f"FOREIGN KEY ({_names(key.columns)}) REFERENCES {_name(key.ref_table)}{target}"


def _values(samples: dict[str, tuple[Any, ...]] | None, column: str) -> str:
    values = (samples or {}).get(column, ())
    if not values:
        return ""
    # One line: what stands in a cell must not end the comment and go on as SQL.
    shown = [" ".join(str(v).split())[:_MOST_CHARS] for v in values]
    return f" -- e.g. {', '.join(shown)}"
