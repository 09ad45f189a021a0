"""Values for columns: hits, near misses, boundaries and fillers.

Values come from the gold's literals and the question's numbers and quoted words, so
that every condition has rows on both sides of it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from random import Random
from typing import Any

from sql_ft.execution.tables import Schema
from sql_ft.execution.usage import Key, Usage, is_number

_WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "haven", "iris", "jade",
          "karst", "lotus", "maple", "north", "onyx", "pearl")  # fmt: skip
_DATE = re.compile(r"^(\d{4})-(\d{1,2})-(\d{1,2})")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"\"([^\"]+)\"|'([^']+)'")
_VALUES_A_WORDING, _VALUES_A_GOLD = 6, 60
_DATE_NAME = re.compile(r"date|time|day|_at$|since|birth", re.IGNORECASE)


@dataclasses.dataclass(slots=True)
class Pool:
    """Values of one column, or of columns that are joined.

    Attributes:
        type: DuckDB type.
        hits: Values that a condition names.
        near: Values just beside those.
        fillers: Others, few enough that rows share them.
        key: The values join tables.
        source: The pool whose values these are, written in another type: a text column
            that refers to a number.
    """

    type: str
    hits: list[Any]
    near: list[Any]
    fillers: list[Any]
    key: bool = False
    source: Pool | None = None

    @property
    def all(self) -> list[Any]:
        """Every value, hits first."""
        return list(dict.fromkeys([*self.hits, *self.near, *self.fillers]))

    def fresh(self, number: int) -> Any:
        """A value that is unlikely to be anywhere else; different for each `number`."""
        if self.source is not None:
            return convert(self.source.fresh(number), self.type)
        if self.type == "BIGINT":
            return 1000 + 7 * number
        if self.type == "DOUBLE":
            return 1000.5 + 7.25 * number
        if self.type in ("DATE", "TIMESTAMP"):
            return _as_type(dt.date(2001, 1, 1) + dt.timedelta(days=11 * number), self.type)
        if self.type == "BOOLEAN":
            return bool(number % 2)
        if self.fillers and isinstance(self.fillers[0], str) and _DATE.match(self.fillers[0]):
            return (dt.date(2001, 1, 1) + dt.timedelta(days=11 * number)).isoformat()
        return f"{_WORDS[number % len(_WORDS)]}{number}"


def build_pools(schema: Schema, usage: Usage, question: str, rng: Random) -> dict[Key, Pool]:
    """One pool a column; columns that are linked share one."""
    keys = {
        (t.name.casefold(), c.name.casefold()): (c.name, c.type)
        for t in schema.tables
        for c in t.columns
    }
    for table in schema.tables:
        for foreign in table.foreign_keys:
            _link_declared(schema, usage, table.name, foreign.columns, foreign)
    _link_by_name(schema, usage)
    numbers, words = _values_said(question)
    pools: dict[Key, Pool] = {}
    for members in usage.links.classes(keys).values():
        kind = _common_kind([keys[member][1] for member in members])
        literals: list[Any] = []
        patterns: list[str] = []
        dated = False
        for member in members:
            use = usage.use(member)
            literals += use.literals
            patterns += use.patterns
            dated |= use.date or (
                keys[member][1] == "VARCHAR" and bool(_DATE_NAME.search(member[1]))
            )
        pool = _pool(kind, literals, patterns, dated, rng)
        if not pool.hits:
            pool.near += _from_question(kind, numbers, words)
        pool.key = len(members) > 1
        for member in members:
            own = keys[member][1]
            pools[member] = pool if own == kind else derive_pool(pool, own)
    return pools


def _common_kind(kinds: list[str]) -> str:
    """Type of the values that joined columns share: numbers have a text, texts no number."""
    if len(set(kinds)) > 1 and set(kinds) <= {"BIGINT", "DOUBLE", "VARCHAR"}:
        return "BIGINT" if "BIGINT" in kinds else "DOUBLE"
    return kinds[0]


def derive_pool(pool: Pool, kind: str) -> Pool:
    """The same values in another type; those that have no form in it are left out."""

    def converted(values: list[Any]) -> list[Any]:
        return [v for v in (convert(value, kind) for value in values) if v is not None]

    return Pool(
        kind,
        converted(pool.hits),
        converted(pool.near),
        converted(pool.fillers) or _pool(kind, [], [], False, Random(0)).fillers,
        pool.key,
        pool,
    )


def _link_declared(schema: Schema, usage: Usage, table: str, columns: Any, foreign: Any) -> None:
    target = schema.find(foreign.ref_table)
    if target is None:
        return
    wanted = foreign.ref_columns or target.primary_key
    for own, other in zip(columns, wanted, strict=False):
        if target.find(other) is not None:
            usage.links.join(
                (table.casefold(), own.casefold()), (target.name.casefold(), other.casefold())
            )


def _link_by_name(schema: Schema, usage: Usage) -> None:
    """Columns of one name in two tables, where it looks like an identifier."""
    seen: dict[str, Key] = {}
    for table in schema.tables:
        for column in table.columns:
            name = column.name.casefold()
            if name == "id" or not re.search(r"(_|\b)(id|code|no|key|number)$|id$", name):
                continue
            key = (table.name.casefold(), name)
            other = seen.setdefault(name + column.type, key)
            if other != key:
                usage.links.join(other, key)


def _values_said(question: str) -> tuple[list[float], list[str]]:
    """Numbers and quoted words of each wording, one a line, each once."""
    numbers: dict[float, None] = {}
    words: dict[str, None] = {}
    for line in question.splitlines():
        numbers |= dict.fromkeys([float(n) for n in _NUMBER.findall(line)][:_VALUES_A_WORDING])
        quoted = [w for pair in _QUOTED.findall(line) for w in pair if w]
        words |= dict.fromkeys(quoted[:_VALUES_A_WORDING])
    return list(numbers)[:_VALUES_A_GOLD], list(words)[:_VALUES_A_GOLD]


def _from_question(kind: str, numbers: list[float], words: list[str]) -> list[Any]:
    if kind == "BIGINT":
        return [int(n) for n in numbers if n.is_integer()]
    if kind == "DOUBLE":
        return list(numbers)
    return list(words) if kind == "VARCHAR" else []


def _pool(kind: str, literals: list[Any], patterns: list[str], dated: bool, rng: Random) -> Pool:
    hits = list(dict.fromkeys(v for v in (convert(x, kind) for x in literals) if v is not None))
    near: list[Any] = []
    if kind in ("BIGINT", "DOUBLE"):
        for value in hits:
            near += [value - 1, value + 1]
            if kind == "DOUBLE":
                near += [value - 0.5, value + 0.5]
        base = [abs(int(h)) for h in hits] or [20]
        low, high = min(base), max(base)
        spread = max(6, (high - low) // 2, high // 4)
        fillers: list[Any] = sorted(
            {rng.randint(max(0, low - spread), high + spread) for _ in range(9)}
        )
        if not hits:
            fillers = [1, 2, 3, 4, 5, 7, *fillers]
        if kind == "DOUBLE":
            near = [float(v) for v in near]
            fillers = [v + 0.5 * (i % 2) for i, v in enumerate(fillers)]
    elif kind == "BOOLEAN":
        fillers = [False, True]
    elif kind in ("DATE", "TIMESTAMP"):
        near = [v + dt.timedelta(days=d) for v in hits for d in (-1, 1)]
        start = _as_type(dt.date(2018, 1, 15), kind)
        fillers = [start + dt.timedelta(days=97 * i) for i in range(8)]
    else:
        dated |= any(_DATE.match(str(h)) for h in hits)
        for value in hits:
            near += _near_texts(value)
        for pattern in patterns:
            hits += [_instance(pattern, "", "k"), _instance(pattern, "ab", "k")]
            near += [_instance(pattern, "ab", "k").upper(), "q" + _instance(pattern, "", "k"),
                     _instance(pattern, "", "k") + "q", _instance(pattern, "", "")[1:]]  # fmt: skip
        if dated:
            days = [dt.date(2018, 1, 15) + dt.timedelta(days=97 * i) for i in range(8)]
            fillers = [d.isoformat() for d in days]
        elif hits and all(is_number(str(h)) for h in hits):
            fillers = [str(rng.randint(1, 60)) for _ in range(7)]
        else:
            fillers = rng.sample(_WORDS, 7)
    hits = list(dict.fromkeys(hits))
    return Pool(kind, hits, [n for n in dict.fromkeys(near) if n not in hits], fillers)


def _near_texts(value: str) -> list[Any]:
    match = _DATE.match(value)
    if match:
        try:
            day = dt.date(*(int(g) for g in match.groups()))
        except ValueError:
            return [value + "x"]
        rest = value[match.end() :]
        return [(day + dt.timedelta(days=d)).isoformat() + rest for d in (-1, 1, 365)]
    if is_number(value) and value.strip().lstrip("+-").isdigit():
        number = int(value)
        return [str(number - 1), str(number + 1), value + "0"]
    variants = [value.lower(), value.upper(), value + "x", "x" + value, value[:-1], value + " "]
    return [v for v in variants if v and v != value]


def _instance(pattern: str, many: str, one: str) -> str:
    return pattern.replace("%", many).replace("_", one)


def convert(value: Any, kind: str) -> Any:
    """A value in a column's type, None if it cannot be one."""
    if value is None:
        return None
    if kind == "VARCHAR":
        if isinstance(value, float):
            return repr(value)
        return str(value)
    if kind in ("BIGINT", "DOUBLE"):
        try:
            number = float(value)
        except ValueError:
            return None
        if abs(number) > 1e15 or number != number:
            return None
        return number if kind == "DOUBLE" else int(number)
    if kind == "BOOLEAN":
        return {"1": True, "0": False, "true": True, "false": False}.get(str(value).lower())
    if kind in ("DATE", "TIMESTAMP"):
        try:
            return _as_type(dt.date.fromisoformat(str(value)[:10]), kind)
        except ValueError:
            return None
    return value


def fit(value: Any, kind: str) -> Any:
    """A value of some column in the type of a column that is joined to it."""
    text = kind in ("VARCHAR", "BLOB")
    if isinstance(value, str) != text or (isinstance(value, float) and kind == "BIGINT"):
        return convert(value, kind)
    return value


def _as_type(day: dt.date, kind: str) -> Any:
    return dt.datetime(day.year, day.month, day.day) if kind == "TIMESTAMP" else day
