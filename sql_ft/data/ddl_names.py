"""Table and column names out of CREATE TABLE text, and nothing else.

Grouping needs names only and must never fail on a context that is merely odd (WikiSQL
columns are called ``2004_05`` or ``no``; some types are prose), so this reads tokens
instead of parsing SQL. `sql_ft.execution.schema` is the real parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CREATE = re.compile(
    r"\bCREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?", re.IGNORECASE
)
_QUOTES = {'"': '"', "`": "`", "[": "]", "'": "'"}
_BARE_NAME = re.compile(r"[^\s(),;]+")
_CONSTRAINTS = frozenset({"primary", "foreign", "unique", "check", "constraint", "key", "index"})


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table as one CREATE TABLE names it; all names in lower case, quotes removed."""

    name: str
    columns: frozenset[str]


def _read_name(text: str, start: int) -> tuple[str, int]:
    """Return the name at `start` (unquoted) and the position after it."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start < len(text) and text[start] in _QUOTES:
        end = text.find(_QUOTES[text[start]], start + 1)
        if end > 0:
            return text[start + 1 : end].strip(), end + 1
    match = _BARE_NAME.match(text, start)
    return (match.group(), match.end()) if match else ("", start)


def _split_body(text: str, start: int) -> tuple[list[str], int]:
    """Split the parenthesised list that opens at `start` at its own commas."""
    parts: list[str] = []
    depth = 0
    begin = start + 1
    quote = ""
    for position in range(start, len(text)):
        char = text[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"`'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                parts.append(text[begin:position])
                return parts, position + 1
        elif char == "," and depth == 1:
            parts.append(text[begin:position])
            begin = position + 1
    parts.append(text[begin:])
    return parts, len(text)


def read_tables(context: str) -> list[NamedTable]:
    """Return the tables of a context in order; a repeated name appears repeatedly."""
    tables = []
    for match in _CREATE.finditer(context):
        name, position = _read_name(context, match.end())
        # main.orders and "main"."orders" are the table orders.
        while name and position < len(context) and context[position] == ".":
            name, position = _read_name(context, position + 1)
        name = name.rsplit(".", 1)[-1].strip("\"`'[]").lower()
        if not name:
            continue
        while position < len(context) and context[position].isspace():
            position += 1
        columns: set[str] = set()
        if position < len(context) and context[position] == "(":
            for part in _split_body(context, position)[0]:
                quoted = part.lstrip()[:1] in _QUOTES
                column, _ = _read_name(part, 0)
                if column and (quoted or column.lower() not in _CONSTRAINTS):
                    columns.add(column.lower())
        tables.append(NamedTable(name, frozenset(columns)))
    return tables


def table_names(context: str) -> frozenset[str]:
    """Return the names of the tables of a context, in lower case."""
    return frozenset(table.name for table in read_tables(context))


def split_statements(context: str) -> list[str]:
    """Cut a context before each CREATE TABLE; comments between two go with the first."""
    starts = [match.start() for match in _CREATE.finditer(context)]
    ends = [*starts[1:], len(context)]
    return [context[start:end].strip() for start, end in zip(starts, ends, strict=True)]
