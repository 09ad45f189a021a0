"""CREATE TABLE statements for an answer, with the public dataset's quirks."""

from __future__ import annotations

import random
from collections.abc import Iterable

from sql_ft.assets.tiny_base_build.render import Renderer
from sql_ft.assets.tiny_base_build.schemas import Column, Database, Table

_REAL_TYPES = {
    "id": ("INTEGER", "INT"), "fk": ("INTEGER", "INT"), "number": ("INTEGER", "REAL", "NUMERIC"),
    "year": ("INTEGER", "INT"), "date": ("DATE", "TEXT", "TIMESTAMP"), "flag": ("INTEGER", "TEXT"),
    "name": ("TEXT", "VARCHAR(100)", "VARCHAR"), "text": ("TEXT", "VARCHAR(50)", "VARCHAR"),
}  # fmt: skip


def write_context(rng: random.Random, database: Database, renderer: Renderer) -> str:
    """DDL for an answer: only what it used, that and distractors, or the whole database."""
    roll = rng.random()
    if roll < 0.3:
        parts = _used_only(rng, renderer)
        typing = "used"
    else:
        parts = _with_others(rng, database, renderer, share=1.0 if roll < 0.75 else rng.random())
        typing = rng.choices(("used", "text", "real", "number", "none"),
                             (0.4, 0.15, 0.25, 0.17, 0.03))[0]  # fmt: skip
    multiline = typing == "real" and rng.random() < 0.35
    statements = [_create_table(rng, t, c, typing, renderer.numeric, multiline) for t, c in parts]
    joiner = ";\n" if multiline else "; "
    text = joiner.join(statements)
    return text + ";" if rng.random() < 0.15 else text


def _used_only(rng: random.Random, renderer: Renderer) -> list[tuple[Table, list[Column]]]:
    repeated = rng.random() < 0.5
    merged: dict[int, tuple[Table, list[Column]]] = {}
    for i, (source, columns) in enumerate(renderer.uses.items()):
        slot = i if repeated else id(source.table)
        entry = merged.setdefault(slot, (source.table, []))
        entry[1].extend(c for c in columns if c not in entry[1])
    return list(merged.values())


def _with_others(
    rng: random.Random, database: Database, renderer: Renderer, share: float
) -> list[tuple[Table, list[Column]]]:
    used: dict[int, dict[Column, None]] = {}
    for source, columns in renderer.uses.items():
        used.setdefault(id(source.table), {}).update(columns)
    parts = []
    for table in database.tables:
        needed = used.get(id(table))
        if needed is None and rng.random() > share:
            continue
        kept = [c for c in table.columns if (needed and c in needed) or rng.random() < share]
        parts.append((table, kept or table.columns[:1]))
    return parts


def _create_table(
    rng: random.Random,
    table: Table,
    columns: Iterable[Column],
    typing: str,
    numeric: set[Column],
    multiline: bool,
) -> str:
    entries = []
    for column in columns:
        if typing == "none":
            entries.append(column.name)
            continue
        if typing == "real":
            kind = rng.choice(_REAL_TYPES[column.kind])
            if column is table.key and rng.random() < 0.5:
                kind += " PRIMARY KEY"
        elif typing == "number":
            kind = "INTEGER" if column.kind in ("number", "year") else "VARCHAR"
        else:
            kind = "INTEGER" if typing == "used" and column in numeric else "VARCHAR"
        entries.append(f"{column.name} {kind}")
    if typing == "real" and rng.random() < 0.35:
        listed = {c.name for c in columns}
        for link in table.links:
            if link.column.name in listed:
                entries.append(
                    f"FOREIGN KEY ({link.column.name}) REFERENCES "
                    f"{link.parent.name}({link.parent_column.name})"
                )
    if not entries:
        entries.append("Id VARCHAR")
    if multiline:
        return f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(entries) + "\n)"
    return f"CREATE TABLE {table.name} ({', '.join(entries)})"
