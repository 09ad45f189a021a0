"""Random literals: names, categories, numbers, dates."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sql_ft.assets.tiny_base_build import lexicon as lx

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that means nothing: it can only be copied, never recalled."""
    syllables = rng.choice((2, 2, 3))
    word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(syllables))
    return word + rng.choice(("", "n", "r", "l", "s", "t", "x", "k"))


def draw_values(rng: random.Random, kind: str, phrase: str) -> tuple[str, ...]:
    """Literals a text or flag column called `phrase` may hold."""
    if kind == "flag":
        return rng.choice((("1", "0"), ("Y", "N"), ("T", "F"), ("Yes", "No"), ("true", "false")))
    if phrase.endswith(("city", "hometown", "venue", "origin", "location", "county", "state")):
        return tuple(rng.sample(lx.PLACES, 6))
    if phrase.endswith(("country", "nationality", "region", "continent")):
        return tuple(rng.sample(lx.COUNTRIES, 6))
    roll = rng.random()
    if roll < 0.55:
        values = rng.sample(lx.CATEGORY_VALUES, 6)
        if rng.random() < 0.4:
            values = [v.title() for v in values]
        return tuple(values)
    if roll < 0.8:
        return tuple(w.capitalize() for w in rng.sample(lx.WORDS, 6))
    if roll < 0.9:
        return tuple(f"{rng.choice('ABCDEXZ')}{rng.randint(1, 99)}" for _ in range(6))
    return tuple(invented_word(rng).capitalize() for _ in range(6))


def draw_literal(rng: random.Random, kind: str, phrase: str, values: Sequence[str]) -> str:
    """A value to compare a column with, without quotes.

    Args:
        rng: Source of all choices.
        kind: Kind of the column.
        phrase: Its plain phrase.
        values: Literals it is known to hold; mostly one of them is taken.
    """
    if values and rng.random() < 0.9:
        return rng.choice(values)
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
        return _draw_name(rng, phrase)
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
