"""Random databases: tables, columns, links, with a phrase for everything that has a name."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence

from sql_ft.assets.tiny_base_build import lexicon as lx
from sql_ft.assets.tiny_base_build.literals import draw_values, invented_word

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
    """One table: what a row is called, its columns, and its foreign keys.

    `stem` is the noun that identifiers use; `one` and `many` are what questions say.
    """

    name: str
    one: str
    many: str
    person: bool
    columns: list[Column]
    key: Column | None = None
    links: list[Link] = dataclasses.field(default_factory=list)
    stem: str = ""

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
    words: Sequence[str]

    @classmethod
    def draw(cls, rng: random.Random, words: Sequence[str] = ()) -> Naming:
        """A random naming style; `words` are further nouns to name things with."""
        styles, weights = zip(*_STYLES, strict=True)
        return cls(
            join=rng.choices(styles, weights)[0],
            plural_tables=rng.random() < 0.55,
            key_prefixed=rng.random() < 0.7,
            column_prefix=rng.choice((0.0, 0.0, 0.1, 0.5)),
            abbreviation=rng.choice((0.0, 0.0, 0.0, 0.05, 0.3)),
            key_word=rng.choices(("id", "code", "no", "key", "number"), (20, 1, 1, 1, 1))[0],
            words=words,
        )

    def fresh_word(self, rng: random.Random) -> str:
        """A word that is not in the lexicon."""
        if self.words and rng.random() < 0.75:
            return rng.choice(self.words)
        return invented_word(rng)


_POOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "name": lx.NAME_ATTRIBUTES,
    "text": lx.CATEGORY_ATTRIBUTES,
    "number": lx.NUMBER_ATTRIBUTES,
    "date": lx.DATE_ATTRIBUTES,
    "year": lx.YEAR_ATTRIBUTES,
    "flag": lx.FLAG_ATTRIBUTES,
}
_KINDS = ("text", "number", "name", "date", "year", "flag")
_KIND_WEIGHTS = (0.34, 0.34, 0.13, 0.1, 0.06, 0.03)


_UNITS = {e[0]: e[1:] for e in lx.UNITS}


def _named_apart(rng: random.Random, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """(phrases, identifier words) where the identifier is no plain spelling of the phrase."""
    if kind == "date":
        verb, noun = rng.choice(lx.MOMENTS)
        word = rng.choice(("on", "on", "at", "date"))
        said = (f"{noun} date", f"date {verb}", f"date of {noun}", f"{noun} day")
        return said, (verb, word)
    phrases = rng.choice(_POOLS["number"])
    unit = next((u for name, u in _UNITS.items() if phrases[0].endswith(name)), None)
    if unit is None:
        return None
    short, long = rng.choice([u.split("=") for u in unit])
    return (*phrases, f"{phrases[0]} in {long}"), (*phrases[0].split(), short)


def _draw_attribute(rng: random.Random, naming: Naming, kind: str) -> tuple[str, ...]:
    roll = rng.random()
    if roll < 0.17 and kind in ("text", "number", "name"):
        word = naming.fresh_word(rng)
        shape = rng.random()
        if shape < 0.4:
            return (word,)
        if shape < 0.6:
            return (f"{word} {naming.fresh_word(rng)}",)
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
    phrases = apart[0] if apart else _draw_attribute(rng, naming, kind)
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
        values = draw_values(rng, kind, phrases[0])
    return Column(name, phrases, kind, values, expanded)


def _draw_entity(rng: random.Random, naming: Naming, used: set[str]) -> tuple[str, bool]:
    for _ in range(50):
        roll = rng.random()
        if roll < 0.28:
            noun, person = rng.choice(lx.PEOPLE), True
        elif roll < 0.68:
            noun, person = rng.choice(lx.THINGS), False
        elif roll < 0.75:
            noun, person = f"{rng.choice(lx.THINGS)} {rng.choice(lx.THINGS)}", False
        else:
            noun, person = naming.fresh_word(rng), rng.random() < 0.2
            if rng.random() < 0.12:
                noun = f"{noun} {rng.choice(lx.THINGS)}"
        if noun not in used and lx.plural_of(noun) not in used:
            used.add(noun)
            return noun, person
    raise RuntimeError("the lexicon has too few entities to draw a fresh one")


def _draw_table(rng: random.Random, naming: Naming, used: set[str]) -> Table:
    stem, person = _draw_entity(rng, naming, used)
    one = stem
    many = lx.plural_of(one)
    name = naming.join((many if naming.plural_tables else one).split())
    if rng.random() < 0.1:
        # The question's noun is not the table's: the table must be found by its columns.
        one, person = _draw_entity(rng, naming, used)
        many = lx.plural_of(one)
    columns: list[Column] = []
    key = None
    if rng.random() < 0.9:
        words = [*stem.split(), naming.key_word] if naming.key_prefixed else [naming.key_word]
        phrases = (f"{one} {naming.key_word}", naming.key_word, f"{naming.key_word} of the {one}")
        key = Column(naming.join(words), phrases, "id")
        columns.append(key)
    kinds = rng.choices(_KINDS, _KIND_WEIGHTS, k=rng.randint(1, 7))
    if rng.random() < 0.8:
        kinds.insert(0, "name")
    taken = {c.name.lower() for c in columns}
    for kind in kinds:
        column = build_column(rng, naming, stem, kind)
        if kind == "name" and "name" not in {p.split()[-1] for c in columns for p in c.phrases}:
            plain = rng.random() < 0.6
            if plain:
                words = ["name"] if rng.random() > naming.column_prefix + 0.15 else [stem, "name"]
                column = Column(naming.join(" ".join(words).split()), ("name",), "name")
        if column.name.lower() not in taken:
            taken.add(column.name.lower())
            columns.append(column)
    return Table(name, one, many, person, columns, key, stem=stem)


def _link(rng: random.Random, naming: Naming, child: Table, parent: Table) -> None:
    """Give `child` a foreign key to `parent`, which gets a key if it has none."""
    if parent.key is None:
        phrases = (f"{parent.one} id", "id")
        parent.key = Column(naming.join([*parent.stem.split(), "id"]), phrases, "id")
        parent.columns.insert(0, parent.key)
    key_name = parent.key.name
    owned = [*parent.stem.split(), naming.key_word]
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


def draw_database(rng: random.Random, words: Sequence[str] = ()) -> Database:
    """A database of one to five linked tables over random things.

    Args:
        rng: Source of all choices.
        words: Further words to name tables and columns with.
    """
    naming = Naming.draw(rng, words)
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
