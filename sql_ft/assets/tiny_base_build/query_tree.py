"""A small query tree: what the grammar builds and `render` writes."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from sql_ft.assets.tiny_base_build.schemas import Column, Table


@dataclasses.dataclass(slots=True, eq=False)
class Source:
    """One appearance of a table in a FROM clause; `qualified` columns must name it."""

    table: Table
    qualified: bool = False


@dataclasses.dataclass(slots=True)
class Col:
    """A column of one source."""

    source: Source
    column: Column


@dataclasses.dataclass(slots=True)
class Agg:
    """An aggregate; `argument` None is the star."""

    function: str
    argument: Expr | None = None
    distinct: bool = False


@dataclasses.dataclass(slots=True)
class Arith:
    """`left operator right`."""

    operator: str
    left: Expr
    right: Expr


@dataclasses.dataclass(slots=True)
class YearOf:
    """The year (or ``YYYY-MM`` if `month`) of a date column."""

    argument: Col
    month: bool = False


@dataclasses.dataclass(slots=True)
class MonthOf:
    """The two-digit month of a date column."""

    argument: Col


@dataclasses.dataclass(slots=True)
class Round:
    """ROUND to a number of digits."""

    argument: Expr
    digits: int


@dataclasses.dataclass(slots=True)
class Lit:
    """A literal; text is quoted."""

    text: str
    numeric: bool


@dataclasses.dataclass(slots=True)
class Star:
    """``*``."""


Expr: TypeAlias = "Col | Agg | Arith | YearOf | MonthOf | Round | Lit | Star | Query"


@dataclasses.dataclass(slots=True)
class Compare:
    """`left operator right`."""

    left: Expr
    operator: str
    right: Expr


@dataclasses.dataclass(slots=True)
class Between:
    """`left BETWEEN low AND high`."""

    left: Expr
    low: Lit
    high: Lit


@dataclasses.dataclass(slots=True)
class Like:
    """`left LIKE pattern`, or NOT LIKE."""

    left: Expr
    pattern: str
    negated: bool = False


@dataclasses.dataclass(slots=True)
class IsNull:
    """`left IS NULL`, or IS NOT NULL."""

    left: Expr
    negated: bool = False


@dataclasses.dataclass(slots=True)
class InSet:
    """`left IN (…)`: literals or a query."""

    left: Expr
    right: list[Lit] | Query
    negated: bool = False


@dataclasses.dataclass(slots=True)
class Exists:
    """EXISTS (query), or NOT EXISTS."""

    query: Query
    negated: bool = False


@dataclasses.dataclass(slots=True)
class Junction:
    """Conditions joined by AND or OR."""

    word: Literal["AND", "OR"]
    parts: list[Condition]


Condition: TypeAlias = "Compare | Between | Like | IsNull | InSet | Exists | Junction"


@dataclasses.dataclass(slots=True)
class Join:
    """One joined source with the equality that connects it."""

    source: Source
    left: Col
    right: Col
    outer: bool = False


@dataclasses.dataclass(slots=True)
class Query:
    """A SELECT, perhaps followed by a set operation and another one."""

    select: list[Expr]
    source: Source
    joins: list[Join] = dataclasses.field(default_factory=list)
    where: Condition | None = None
    group_by: list[Expr] = dataclasses.field(default_factory=list)
    having: Condition | None = None
    order_by: list[tuple[Expr, bool]] = dataclasses.field(default_factory=list)
    limit: int | None = None
    distinct: bool = False
    set_operation: tuple[str, Query] | None = None


def conjunction(parts: list[Condition], word: Literal["AND", "OR"] = "AND") -> Condition | None:
    """One condition out of any number of them."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Junction(word, parts)


@dataclasses.dataclass(slots=True)
class Item:
    """One question with its query.

    Attributes:
        question: The sentence.
        query: Answers exactly what was asked.
        extras: Select items that a talkative writer adds, each with the odds of adding it.
        kind: Name of the intent.
    """

    question: str
    query: Query
    extras: list[tuple[Expr, float]]
    kind: str
