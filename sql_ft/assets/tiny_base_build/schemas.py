"""Random databases: tables, columns, links, with a phrase for everything that has a name."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence

from sql_ft.assets.tiny_base_build import lexicon as lx

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


@dataclasses.dataclass(slots=True, eq=False)
class Column:
    """One column.

    Attributes:
        name: Identifier as the DDL writes it.
        phrases: Ways to say it in a question, the plainest first.
        kind: ``id``, ``fk``, ``name``, ``text``, ``number``, ``year``, ``date`` or ``flag``.
        values: Literals to ask for, without quotes; empty: drawn by kind.
        expanded: Written-out identifier if `name` is an abbreviation, else "".
    """

    name: str
    phrases: tuple[str, ...]
    kind: str
    values: tuple[str, ...] = ()
    expanded: str = ""


@dataclasses.dataclass(slots=True, eq=False)
class Link:
    """A foreign key: `column` of the owning table refers to `parent_column` of `parent`."""

    column: Column
    parent: Table
    parent_column: Column


@dataclasses.dataclass(slots=True, eq=False)
class Table:
    """One table: what a row is called, its columns, and its foreign keys."""

    name: str
    one: str
    many: str
    person: bool
    columns: list[Column]
    key: Column | None = None
    links: list[Link] = dataclasses.field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Column]:
        """Columns of the given kinds, in order."""
        return [c for c in self.columns if c.kind in kinds]


@dataclasses.dataclass(slots=True, eq=False)
class Database:
    """Tables that belong together."""

    tables: list[Table]

    def pairs(self) -> list[tuple[Table, Link]]:
        """Every (child table, link to its parent)."""
        return [(t, link) for t in self.tables for link in t.links]


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that means nothing: it can only be copied, never recalled."""
    syllables = rng.choice((2, 2, 3))
    word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(syllables))
    return word + rng.choice(("", "n", "r", "l", "s", "t", "x", "k"))


def _snake(words: list[str]) -> str:
    return "_".join(w.lower() for w in words)


def _title_snake(words: list[str]) -> str:
    return "_".join(w.capitalize() for w in words)


def _camel(words: list[str]) -> str:
    return "".join(w.capitalize() for w in words)


def _lower_camel(words: list[str]) -> str:
    return words[0].lower() + "".join(w.capitalize() for w in words[1:])


def _upper(words: list[str]) -> str:
    return "_".join(w.upper() for w in words)


def _joined(words: list[str]) -> str:
    return "".join(w.lower() for w in words)


_STYLES: tuple[tuple[Callable[[list[str]], str], float], ...] = (
    (_snake, 0.58), (_title_snake, 0.12), (_camel, 0.1), (_lower_camel, 0.08),
    (_upper, 0.06), (_joined, 0.06),
)  # fmt: skip


def _abbreviate(word: str) -> str:
    if len(word) <= 4:
        return word
    if len(word) <= 6:
        return word[:3]
    kept = word[0] + "".join(c for c in word[1:] if c not in _VOWELS)
    return kept[:5]


@dataclasses.dataclass(frozen=True, slots=True)
class Naming:
    """How one database spells identifiers."""

    join: Callable[[list[str]], str]
    plural_tables: bool
    key_prefixed: bool
    column_prefix: float
    abbreviation: float
    key_word: str

    @classmethod
    def draw(cls, rng: random.Random) -> Naming:
        """A random naming style."""
        styles, weights = zip(*_STYLES, strict=True)
        return cls(
            join=rng.choices(styles, weights)[0],
            plural_tables=rng.random() < 0.55,
            key_prefixed=rng.random() < 0.7,
            column_prefix=rng.choice((0.0, 0.0, 0.1, 0.5)),
            abbreviation=rng.choice((0.0, 0.0, 0.0, 0.05, 0.3)),
            key_word=rng.choices(("id", "code", "no", "key", "number"), (20, 1, 1, 1, 1))[0],
        )


_POOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "name": lx.split_entries(lx.NAME_ATTRIBUTES),
    "text": lx.split_entries(lx.CATEGORY_ATTRIBUTES),
    "number": lx.split_entries(lx.NUMBER_ATTRIBUTES),
    "date": lx.split_entries(lx.DATE_ATTRIBUTES),
    "year": lx.split_entries(lx.YEAR_ATTRIBUTES),
    "flag": lx.split_entries(lx.FLAG_ATTRIBUTES),
}
_KINDS = ("text", "number", "name", "date", "year", "flag")
_KIND_WEIGHTS = (0.34, 0.34, 0.13, 0.1, 0.06, 0.03)


_MOMENTS = tuple(
    tuple(part.strip() for part in entry) for entry in lx.split_entries(lx.MOMENTS)
)  # fmt: skip
_UNITS = {e[0]: e[1:] for e in lx.split_entries(lx.UNITS)}


def _named_apart(rng: random.Random, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """(phrases, identifier words) where the identifier is no plain spelling of the phrase."""
    if kind == "date":
        verb, noun = rng.choice(_MOMENTS)
        word = rng.choice(("on", "on", "at", "date"))
        said = (f"{noun} date", f"date {verb}", f"date of {noun}", f"{noun} day")
        return said, (verb, word)
    phrases = rng.choice(_POOLS["number"])
    unit = next((u for name, u in _UNITS.items() if phrases[0].endswith(name)), None)
    if unit is None:
        return None
    short, long = rng.choice([u.split("=") for u in unit])
    return (*phrases, f"{phrases[0]} in {long}"), (*phrases[0].split(), short)


def _draw_attribute(rng: random.Random, kind: str) -> tuple[str, ...]:
    roll = rng.random()
    if roll < 0.1 and kind in ("text", "number", "name"):
        word = invented_word(rng)
        if rng.random() < 0.5:
            return (word,)
        return (f"{word} {rng.choice(_POOLS[kind])[0]}",)
    phrases = rng.choice(_POOLS[kind])
    if roll < 0.3:
        modifier = rng.choice(lx.MODIFIERS)
        return tuple(f"{modifier} {p}" for p in phrases)
    if roll < 0.38 and kind in ("number", "date"):
        noun = rng.choice(lx.THINGS)
        return (f"{noun} {phrases[0]}", f"{phrases[0]} of the {noun}")
    if roll < 0.43 and kind == "number":
        noun = lx.plural_of(rng.choice(lx.THINGS + lx.PEOPLE))
        if rng.random() < 0.5:
            return (f"number of {noun}",)
        return (f"{noun} count", f"number of {noun}", f"count of {noun}")
    return phrases


def build_column(rng: random.Random, naming: Naming, entity: str, kind: str) -> Column:
    """A random column of `kind` for a table about `entity`."""
    apart = None
    if (kind == "date" and rng.random() < 0.35) or (kind == "number" and rng.random() < 0.25):
        apart = _named_apart(rng, kind)
    phrases = apart[0] if apart else _draw_attribute(rng, kind)
    words = list(apart[1]) if apart else phrases[0].replace("-", " ").split()
    if kind == "flag":
        words = [*rng.choice((["is"], ["is"], [])), *words]
    prefixed = rng.random() < naming.column_prefix or (phrases[0] == "name" and rng.random() < 0.3)
    if prefixed and kind != "flag":
        words = [*entity.split(), *words]
        if rng.random() < 0.3:
            phrases = (f"{entity} {phrases[0]}", *phrases)
    name = naming.join(words)
    expanded = ""
    if rng.random() < naming.abbreviation:
        short = naming.join([_abbreviate(w) for w in words])
        if short != name:
            name, expanded = short, name
    values: tuple[str, ...] = ()
    if kind in ("text", "flag"):
        values = _draw_values(rng, kind, phrases[0])
    return Column(name, phrases, kind, values, expanded)


def _draw_values(rng: random.Random, kind: str, phrase: str) -> tuple[str, ...]:
    if kind == "flag":
        return rng.choice((("1", "0"), ("Y", "N"), ("T", "F"), ("Yes", "No"), ("true", "false")))
    if phrase.endswith(("city", "hometown", "venue", "origin", "location", "county", "state")):
        return tuple(rng.sample(lx.PLACES, 6))
    if phrase.endswith(("country", "nationality", "region", "continent")):
        return tuple(rng.sample(lx.COUNTRIES, 6))
    roll = rng.random()
    if roll < 0.55:
        values = rng.sample(_CATEGORY_VALUES, 6)
        if rng.random() < 0.4:
            values = [v.title() for v in values]
        return tuple(values)
    if roll < 0.8:
        return tuple(w.capitalize() for w in rng.sample(lx.WORDS, 6))
    if roll < 0.9:
        return tuple(f"{rng.choice('ABCDEXZ')}{rng.randint(1, 99)}" for _ in range(6))
    return tuple(invented_word(rng).capitalize() for _ in range(6))


_CATEGORY_VALUES = [e[0] for e in lx.split_entries(lx.CATEGORY_VALUES)]


def draw_literal(rng: random.Random, column: Column) -> str:
    """A value to compare `column` with, without quotes."""
    if column.values and rng.random() < 0.9:
        return rng.choice(column.values)
    kind = column.kind
    if kind == "number":
        top = rng.choice((10, 100, 1000, 10000, 100000))
        number = rng.randint(1, top)
        if rng.random() < 0.3 and top >= 100:
            number = max(1, round(number, -2 if top > 1000 else -1))
        return f"{number / 10:.1f}" if rng.random() < 0.08 else str(number)
    if kind == "year":
        return str(rng.randint(1900, 2025))
    if kind == "date":
        return draw_date(rng)
    if kind in ("id", "fk"):
        return str(rng.randint(1, 500))
    if kind == "name":
        return _draw_name(rng, column.phrases[0])
    return rng.choice(lx.WORDS).capitalize()


def draw_date(rng: random.Random) -> str:
    """A date, nearly always ISO."""
    year, month, day = rng.randint(1950, 2025), rng.randint(1, 12), rng.randint(1, 28)
    if rng.random() < 0.08:
        return f"{year}-{month:02d}-{day:02d} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:00"
    return f"{year}-{month:02d}-{day:02d}"


def _draw_name(rng: random.Random, phrase: str) -> str:
    if "first" in phrase or "given" in phrase:
        return rng.choice(lx.FIRST_NAMES)
    if "last" in phrase or "surname" in phrase:
        return rng.choice(lx.LAST_NAMES)
    if "email" in phrase:
        return f"{rng.choice(lx.FIRST_NAMES).lower()}@{rng.choice(lx.WORDS)}.com"
    if "phone" in phrase:
        return f"{rng.randint(200, 999)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"
    if "number" in phrase or "code" in phrase or "reference" in phrase:
        return f"{rng.choice('ABCDKMPQRSTX')}{rng.choice('ABCDKMPQRSTX')}-{rng.randint(1, 9999)}"
    if "address" in phrase or "street" in phrase:
        return f"{rng.randint(1, 999)} {rng.choice(lx.WORDS).capitalize()} Street"
    roll = rng.random()
    if roll < 0.45:
        return f"{rng.choice(lx.FIRST_NAMES)} {rng.choice(lx.LAST_NAMES)}"
    words = [rng.choice(lx.WORDS).capitalize() for _ in range(rng.choice((1, 2, 2, 3)))]
    if roll < 0.6:
        words.append(rng.choice(lx.THINGS).capitalize())
    if roll > 0.93:
        words = [invented_word(rng).capitalize()]
    return " ".join(words)


def _draw_entity(rng: random.Random, used: set[str]) -> tuple[str, bool]:
    for _ in range(50):
        roll = rng.random()
        if roll < 0.35:
            noun, person = rng.choice(lx.PEOPLE), True
        elif roll < 0.85:
            noun, person = rng.choice(lx.THINGS), False
        elif roll < 0.95:
            noun, person = f"{rng.choice(lx.THINGS)} {rng.choice(lx.THINGS)}", False
        else:
            noun, person = invented_word(rng), False
        if noun not in used and lx.plural_of(noun) not in used:
            used.add(noun)
            return noun, person
    raise RuntimeError("the lexicon has too few entities to draw a fresh one")


def _draw_table(rng: random.Random, naming: Naming, used: set[str]) -> Table:
    one, person = _draw_entity(rng, used)
    many = lx.plural_of(one)
    name = naming.join((many if naming.plural_tables else one).split())
    if rng.random() < 0.1:
        # The question's noun is not the table's: it must be found by its columns.
        other, person = _draw_entity(rng, used)
        one, many = other, lx.plural_of(other)
    columns: list[Column] = []
    key = None
    if rng.random() < 0.9:
        words = [*one.split(), naming.key_word] if naming.key_prefixed else [naming.key_word]
        phrases = (f"{one} {naming.key_word}", naming.key_word, f"{naming.key_word} of the {one}")
        key = Column(naming.join(words), phrases, "id")
        columns.append(key)
    kinds = rng.choices(_KINDS, _KIND_WEIGHTS, k=rng.randint(1, 7))
    if rng.random() < 0.8:
        kinds.insert(0, "name")
    taken = {c.name.lower() for c in columns}
    for kind in kinds:
        column = build_column(rng, naming, one, kind)
        if kind == "name" and "name" not in {p.split()[-1] for c in columns for p in c.phrases}:
            plain = rng.random() < 0.6
            if plain:
                words = ["name"] if rng.random() > naming.column_prefix + 0.15 else [one, "name"]
                column = Column(naming.join(" ".join(words).split()), ("name",), "name")
        if column.name.lower() not in taken:
            taken.add(column.name.lower())
            columns.append(column)
    return Table(name, one, many, person, columns, key)


def _link(rng: random.Random, naming: Naming, child: Table, parent: Table) -> None:
    """Give `child` a foreign key to `parent`, which gets a key if it has none."""
    if parent.key is None:
        phrases = (f"{parent.one} id", "id")
        parent.key = Column(naming.join([*parent.one.split(), "id"]), phrases, "id")
        parent.columns.insert(0, parent.key)
    key_name = parent.key.name
    owned = [*parent.one.split(), naming.key_word]
    generic = not naming.key_prefixed
    name = naming.join(owned) if generic or rng.random() < 0.15 else key_name
    if rng.random() < 0.06:
        name = naming.join([rng.choice(lx.MODIFIERS), *owned])
    if any(c.name.lower() == name.lower() for c in child.columns):
        name = naming.join(["ref", *owned])
        if any(c.name.lower() == name.lower() for c in child.columns):
            return
    column = Column(name, (f"{parent.one} {naming.key_word}",), "fk")
    child.columns.insert(rng.randint(0, len(child.columns)), column)
    child.links.append(Link(column, parent, parent.key))


def draw_database(rng: random.Random, table_count: int | None = None) -> Database:
    """A database of one to five linked tables over random things."""
    naming = Naming.draw(rng)
    if table_count is None:
        table_count = rng.choices((1, 2, 3, 4, 5), (0.26, 0.32, 0.26, 0.12, 0.04))[0]
    used: set[str] = set()
    tables = [_draw_table(rng, naming, used) for _ in range(table_count)]
    for i in range(1, table_count):
        parents = rng.sample(tables[:i], min(i, 2 if rng.random() < 0.35 else 1))
        for parent in parents:
            if rng.random() < 0.85:
                _link(rng, naming, tables[i], parent)
            else:
                _link(rng, naming, parent, tables[i])
    if table_count >= 3 and rng.random() < 0.35:
        _as_link_table(rng, naming, tables)
    rng.shuffle(tables)
    return Database(tables)


def _as_link_table(rng: random.Random, naming: Naming, tables: Sequence[Table]) -> None:
    """Make the last table connect the first two, as enrolment connects student and course."""
    first, second, last = tables[0], tables[1], tables[-1]
    if last is second:
        return
    for parent in (first, second):
        if all(link.parent is not parent for link in last.links) and all(
            link.parent is not last for link in parent.links
        ):
            _link(rng, naming, last, parent)
