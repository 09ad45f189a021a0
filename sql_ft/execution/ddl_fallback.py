"""CREATE TABLE text that no SQL parser reads: split it, do not understand it.

Rebuilt and scraped schemas hold names such as ``2nd_leg``, ``glos_&_wilts`` or
``18–49_rating`` without quotes. Everything that a statement needs is found by
brackets, commas and white space alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_CREATE = re.compile(
    r"\bCREATE\s+(?:TEMP\w*\s+|EXTERNAL\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?", re.IGNORECASE
)
_QUOTES = {'"': '"', "`": "`", "[": "]", "'": "'"}
_TABLE_CONSTRAINT = re.compile(
    r"^(?:CONSTRAINT\s+\S+\s+)?(PRIMARY\s+KEY|UNIQUE(?:\s+KEY|\s+INDEX)?|FOREIGN\s+KEY|CHECK"
    r"|KEY|INDEX)\b[^(]*\(",
    re.IGNORECASE,
)
_COLUMN_CONSTRAINT = re.compile(
    r"\b(PRIMARY\s+KEY|NOT\s+NULL|NULL|UNIQUE|DEFAULT|CHECK|REFERENCES|COLLATE"
    r"|AUTO_?INCREMENT|GENERATED|COMMENT|ON)\b",
    re.IGNORECASE,
)
_TYPE = re.compile(
    r"^(?:(?:unsigned|long|tiny|small|medium|big|double|var|n|nvar)?\s*"
    r"(?:int|integer|real|float|double|precision|text|char|character|varchar|clob|blob|bool|boolean"
    r"|date|datetime|time|timestamp|year|numeric|number|decimal|money|string|bit)\w*"
    r"(?:\s*\([^)]*\))?\s*)+$",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class DraftColumn:
    """One column as text."""

    name: str
    type: str
    not_null: bool
    unique: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """One CREATE TABLE as text; foreign keys are (columns, table, columns)."""

    name: str
    columns: tuple[DraftColumn, ...]
    primary_key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]


def split_ddl(ddl: str) -> list[Draft]:
    """All CREATE TABLE statements that have a bracketed column list."""
    ddl = re.sub(r"--[^\n]*|/\*.*?\*/", " ", ddl, flags=re.DOTALL)
    drafts = []
    for match in _CREATE.finditer(ddl):
        opening = _find_open(ddl, match.end())
        if opening is None:
            continue
        name = _unquote(ddl[match.end() : opening].strip())
        closing = _find_close(ddl, opening)
        if name and closing is not None:
            draft = _draft(name, ddl[opening + 1 : closing])
            if draft.columns:
                drafts.append(draft)
    return drafts


def _draft(name: str, body: str) -> Draft:
    columns: list[DraftColumn] = []
    primary: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = []
    foreign: list[tuple[tuple[str, ...], str, tuple[str, ...]]] = []
    for item in _split_commas(body):
        constraint = _TABLE_CONSTRAINT.match(item)
        if constraint is None:
            column, is_primary, reference = _draft_column(item)
            if not column.name:
                continue
            columns.append(column)
            if is_primary:
                primary = (*primary, column.name)
            if reference is not None:
                foreign.append(((column.name,), *reference))
            continue
        kind = constraint.group(1).upper().split()[0]
        names = _bracketed(item, constraint.end() - 1)
        if kind == "PRIMARY":
            primary = names
        elif kind == "UNIQUE":
            unique.append(names)
        elif kind == "FOREIGN":
            reference = _references(item)
            if reference is not None:
                foreign.append((names, *reference))
    return Draft(name, tuple(columns), primary, tuple(unique), tuple(foreign))


def _draft_column(
    item: str,
) -> tuple[DraftColumn, bool, tuple[str, tuple[str, ...]] | None]:
    name, rest = _split_name(item)
    cut = _COLUMN_CONSTRAINT.search(rest)
    declared = (rest[: cut.start()] if cut else rest).strip()
    tail = rest[cut.start() :] if cut else ""
    primary = re.search(r"\bPRIMARY\s+KEY\b", tail, re.IGNORECASE) is not None
    column = DraftColumn(
        name,
        declared,
        re.search(r"\bNOT\s+NULL\b", tail, re.IGNORECASE) is not None,
        re.search(r"\bUNIQUE\b", tail, re.IGNORECASE) is not None,
    )
    return column, primary, _references(tail)


def _split_name(item: str) -> tuple[str, str]:
    closing = _QUOTES.get(item[:1])
    if closing:
        end = item.find(closing, 1)
        if end > 0:
            return item[1:end], item[end + 1 :]
    words = item.split()
    if len(words) > 2 and _COLUMN_CONSTRAINT.search(item) is None:
        # An unquoted name with spaces: everything before the words that are a type.
        for start in range(1, len(words)):
            if _TYPE.match(" ".join(words[start:])):
                return " ".join(words[:start]), " ".join(words[start:])
    name, _, rest = item.partition(" ")
    return name.strip(), rest


def _references(text: str) -> tuple[str, tuple[str, ...]] | None:
    match = re.search(r"\bREFERENCES\s+([^\s(]+)\s*(\()?", text, re.IGNORECASE)
    if match is None:
        return None
    columns = _bracketed(text, match.end() - 1) if match.group(2) else ()
    return _unquote(match.group(1)), columns


def _bracketed(text: str, opening: int) -> tuple[str, ...]:
    closing = _find_close(text, opening)
    inner = text[opening + 1 : closing if closing is not None else len(text)]
    return tuple(_unquote(part.strip()) for part in _split_commas(inner))


def _unquote(name: str) -> str:
    closing = _QUOTES.get(name[:1])
    if closing and name.endswith(closing) and len(name) > 1:
        return name[1:-1]
    return name


def _scan(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Characters outside quotes, with their places."""
    place = start
    while place < len(text):
        char = text[place]
        if char in "\"`'":
            end = text.find(char, place + 1)
            if end > 0:
                place = end + 1
                continue
        yield place, char
        place += 1


def _find_open(text: str, start: int) -> int | None:
    return next((p for p, c in _scan(text, start) if c == "("), None)


def _find_close(text: str, opening: int) -> int | None:
    depth = 0
    for place, char in _scan(text, opening):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return place
    return None


def _split_commas(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, char in _scan(text, 0):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return [" ".join(p.split()) for p in parts if p.strip()]
