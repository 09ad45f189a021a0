"""Word pools of the pretraining grammar: entities, attributes, values (`lexicon.toml`)."""

from __future__ import annotations

import tomllib
from importlib import resources

Entries = tuple[tuple[str, ...], ...]


def split_entries(text: str) -> Entries:
    """Return the ``;``-separated entries, each split into its ``|`` alternatives."""
    entries = (e.strip() for e in text.replace("\n", " ").split(";"))
    return tuple(tuple(p.strip() for p in e.split("|")) for e in entries if e)


_POOLS = tomllib.loads((resources.files(__package__) / "lexicon.toml").read_text("utf-8"))


def _words(name: str) -> tuple[str, ...]:
    return tuple(_POOLS[name].split())


# Singular nouns a table can be about; people apart, since they take "who".
PEOPLE = _words("people")
THINGS = _words("things")
MODIFIERS = _words("modifiers")
FIRST_NAMES = _words("first_names")
LAST_NAMES = _words("last_names")
PLACES = _words("places")
COUNTRIES = _words("countries")
WORDS = _words("words")

# Columns by kind: the plain phrase, then synonyms.
NAME_ATTRIBUTES = split_entries(_POOLS["name_attributes"])
CATEGORY_ATTRIBUTES = split_entries(_POOLS["category_attributes"])
NUMBER_ATTRIBUTES = split_entries(_POOLS["number_attributes"])
DATE_ATTRIBUTES = split_entries(_POOLS["date_attributes"])
YEAR_ATTRIBUTES = split_entries(_POOLS["year_attributes"])
FLAG_ATTRIBUTES = split_entries(_POOLS["flag_attributes"])
# Verb as a column writes it (with on, at or date), and the noun a question uses.
MOMENTS = split_entries(_POOLS["moments"])
# A number phrase, then its units as ``suffix=words``.
UNITS = split_entries(_POOLS["units"])
CATEGORY_VALUES = tuple(e[0] for e in split_entries(_POOLS["category_values"]))

IRREGULAR_PLURALS = {
    "child": "children", "fish": "fish", "series": "series", "species": "species",
    "aircraft": "aircraft", "dice": "dice", "person": "people", "shelf": "shelves",
    "knife": "knives", "leaf": "leaves", "mouse": "mice", "analysis": "analyses",
}  # fmt: skip

# (number phrase) -> (most, least, more than, less than)
ADJECTIVES = {
    "age": ("oldest", "youngest", "older than", "younger than"),
    "height": ("tallest", "shortest", "taller than", "shorter than"),
    "weight": ("heaviest", "lightest", "heavier than", "lighter than"),
    "length": ("longest", "shortest", "longer than", "shorter than"),
    "width": ("widest", "narrowest", "wider than", "narrower than"),
    "depth": ("deepest", "shallowest", "deeper than", "shallower than"),
    "price": ("most expensive", "cheapest", "more expensive than", "cheaper than"),
    "cost": ("costliest", "least costly", "costing more than", "costing less than"),
    "speed": ("fastest", "slowest", "faster than", "slower than"),
    "population": ("most populous", "least populous", "more populous than", "less populous than"),
    "area": ("largest", "smallest", "larger than", "smaller than"),
    "duration": ("longest", "shortest", "longer than", "shorter than"),
    "salary": ("best paid", "worst paid", "earning more than", "earning less than"),
    "distance": ("farthest", "nearest", "farther than", "nearer than"),
    "temperature": ("hottest", "coldest", "hotter than", "colder than"),
    "capacity": ("largest", "smallest", "larger than", "smaller than"),
    "power": ("most powerful", "least powerful", "more powerful than", "less powerful than"),
    "rating": ("best rated", "worst rated", "rated above", "rated below"),
    "elevation": ("highest", "lowest", "higher than", "lower than"),
    "budget": ("best funded", "least funded", "funded above", "funded below"),
}


def plural_of(noun: str) -> str:
    """English plural of a noun or of a phrase's last word."""
    head, _, last = noun.rpartition(" ")
    low = last.lower()
    if low in IRREGULAR_PLURALS:
        many = IRREGULAR_PLURALS[low]
    elif low.endswith("y") and low[-2:-1] not in "aeiou":
        many = last[:-1] + "ies"
    elif low.endswith(("s", "x", "z", "ch", "sh")):
        many = last + "es"
    else:
        many = last + "s"
    return f"{head} {many}" if head else many
