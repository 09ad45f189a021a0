"""Business schemas in a compact written form, and the parser of that form.

One schema reads like this::

    [ferry_line]
    ferries: ferry/ferries, vessel/vessels
      ferry_id id
      ferry_name name Aurora, Kestrel, Stormvik
      hull cat catamaran, monohull -> hull type
      seats num 80..900 -> seating capacity ^ roomiest/smallest
    !skippers: skipper/skippers
      skipper_id id
      full_name name Ada Moss, Bo Lind -> name
      ferry_id fk ferries assigned to
      hired_on date? 2009..2023 -> hiring date @ hired

``[name]`` opens a schema, an unindented line a table (``!`` marks people) with its
nouns, an indented line a column: its SQL name, its role, the role's arguments, then
``->`` how it is called in questions, ``@`` a phrase that can stand before a value
("hired after …"), ``^`` its superlatives (largest/smallest). ``?`` marks a column
that may be empty; ``= a * b`` below a table names an arithmetic the table allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from sql_ft.assets.sample.wording import pluralize, split_identifier

Role = Literal["id", "name", "cat", "num", "rate", "date", "text", "fk"]

_ROLES = ("id", "name", "cat", "num", "rate", "date", "text", "fk")
_MARKERS = re.compile(r"\s+(->|@|\^)\s+")
_RANGE = re.compile(r"^(\d+(?:\.\d)?)\.\.(\d+(?:\.\d)?)$")
_CALC = re.compile(r"^= (\w+) ([*+-]) (\w+)$")


@dataclass(frozen=True)
class Column:
    """One column and all that a question may say about it.

    Attributes:
        name: SQL name.
        role: ``num`` adds up, ``rate`` is numeric but must not be summed.
        says: How a question calls it, the usual wording first.
        values: Literals of a ``name`` or ``cat`` column.
        low: Smallest value (``num``, ``rate``) or first year (``date``).
        high: Largest value or last year.
        decimals: Digits after the point of a numeric column, 0 or 1.
        nullable: Whether the business allows an empty value.
        phrase: Words that can stand before a value, e.g. ``based in``.
        superlatives: Adjectives for the largest and the smallest value.
        target: Table a foreign key points to.
        relation: Words between a row and the row its foreign key points to.
    """

    name: str
    role: Role
    says: tuple[str, ...]
    values: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    decimals: int = 0
    nullable: bool = False
    phrase: str = ""
    superlatives: tuple[str, str] | None = None
    target: str = ""
    relation: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers that may be compared and averaged."""
        return self.role in ("num", "rate")

    @property
    def declared_type(self) -> str:
        """The type a careful author of the DDL would have written."""
        if self.is_numeric:
            return "REAL" if self.decimals else "INTEGER"
        if self.role in ("id", "fk"):
            return "INTEGER" if self.name.lower().endswith(("id", "no")) else "VARCHAR"
        return "DATE" if self.role == "date" else "VARCHAR"


@dataclass(frozen=True)
class Calculation:
    """An arithmetic between two numeric columns of one table that means something."""

    left: str
    operator: str
    right: str


@dataclass(frozen=True)
class Table:
    """One table: SQL name, nouns as (singular, plural), columns.

    Attributes:
        name: SQL name.
        nouns: Pairs of singular and plural, the usual noun first.
        columns: In declared order, the key first.
        is_people: Whether a row is a person ("who", not "that").
        calculations: Arithmetic the table allows.
    """

    name: str
    nouns: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    is_people: bool = False
    calculations: tuple[Calculation, ...] = ()

    def with_roles(self, *roles: Role) -> list[Column]:
        """Columns of any of these roles, in declared order."""
        return [column for column in self.columns if column.role in roles]

    def column(self, name: str) -> Column:
        """The column of this SQL name (KeyError if there is none)."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")

    @property
    def key(self) -> Column | None:
        """The identifying column, if the table has one."""
        keys = self.with_roles("id")
        return keys[0] if keys else None


@dataclass(frozen=True)
class Schema:
    """One invented business: its ``db_id`` and tables."""

    db_id: str
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table of this SQL name (KeyError if there is none)."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"{self.db_id}.{name}")


def parse_schemas(text: str) -> tuple[Schema, ...]:
    """Read schemas from their written form.

    Raises:
        ValueError: A line does not follow the form, or a foreign key points nowhere.
    """
    schemas: list[Schema] = []
    for block in re.split(r"(?m)^(?=\[)", text.strip()):
        if block.strip():
            schemas.append(_parse_schema(block))
    return tuple(schemas)


def _parse_schema(block: str) -> Schema:
    lines = [line.rstrip() for line in block.splitlines() if line.strip()]
    db_id = lines[0].strip("[] ")
    tables: list[Table] = []
    for chunk in _table_chunks(lines[1:]):
        tables.append(_parse_table(chunk))
    schema = Schema(db_id, tuple(tables))
    for table in tables:
        for column in table.with_roles("fk"):
            if schema.table(column.target).key is None:
                raise ValueError(f"{db_id}: {table.name}.{column.name} points at no key")
    return schema


def _table_chunks(lines: list[str]) -> list[list[str]]:
    chunks: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            chunks[-1].append(line.strip())
        else:
            chunks.append([line])
    return chunks


def _parse_table(chunk: list[str]) -> Table:
    name, _, nouns_text = chunk[0].partition(":")
    nouns = []
    for pair in nouns_text.split(","):
        singular, _, plural = pair.strip().partition("/")
        nouns.append((singular, plural or pluralize(singular)))
    columns = []
    calculations = []
    for line in chunk[1:]:
        calculation = _CALC.match(line)
        if calculation:
            calculations.append(Calculation(calculation[1], calculation[2], calculation[3]))
        else:
            columns.append(_parse_column(line))
    return Table(
        name.lstrip("!"), tuple(nouns), tuple(columns), name.startswith("!"), tuple(calculations)
    )


def _parse_column(line: str) -> Column:
    head, *marked = _MARKERS.split(line)
    marks = dict(zip(marked[::2], marked[1::2], strict=True))
    if len(marks) != len(marked) // 2:
        raise ValueError(f"a marker twice in {line!r}")
    name, _, rest = head.partition(" ")
    role_text, _, arguments = rest.partition(" ")
    nullable = role_text.endswith("?")
    role_text = role_text.rstrip("?")
    if role_text not in _ROLES:
        raise ValueError(f"unknown role {role_text!r} in {line!r}")
    role = cast(Role, role_text)
    values: tuple[str, ...] = ()
    low = high = 0.0
    decimals = 0
    target = relation = ""
    if role in ("name", "cat"):
        values = tuple(value.strip() for value in arguments.split(","))
        if len(values) < 3:
            raise ValueError(f"fewer than three values in {line!r}")
    elif role in ("num", "rate", "date"):
        span = _RANGE.match(arguments)
        if not span:
            raise ValueError(f"no low..high in {line!r}")
        low, high = float(span[1]), float(span[2])
        decimals = 1 if "." in span[1] else 0
    elif role == "fk":
        target, _, relation = arguments.partition(" ")
        if not relation:
            raise ValueError(f"no relation in {line!r}")
    says = tuple(say.strip() for say in marks.get("->", _default_say(name, role)).split(","))
    extremes = marks.get("^", "").split("/")
    return Column(
        name=name,
        role=role,
        says=says,
        values=values,
        low=low,
        high=high,
        decimals=decimals,
        nullable=nullable,
        phrase=marks.get("@", ""),
        superlatives=(extremes[0], extremes[1]) if len(extremes) == 2 else None,
        target=target,
        relation=relation,
    )


def _default_say(name: str, role: Role) -> str:
    if role == "id":
        return "ID"
    if role == "name":
        return "name"
    return split_identifier(name)
