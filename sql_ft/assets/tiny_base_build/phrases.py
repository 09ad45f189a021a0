"""Fragments of questions: columns, conditions and noun phrases in many wordings."""

# Wordings stay on one line each, whatever their length.
# ruff: noqa: E501

from __future__ import annotations

import random
from collections.abc import Sequence

from sql_ft.assets.tiny_base_build import lexicon as lx
from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.literals import draw_literal
from sql_ft.assets.tiny_base_build.render import Style
from sql_ft.assets.tiny_base_build.schemas import Column, Table

COMPARABLE = ("name", "text", "number", "year", "date", "flag")
NUMERIC = ("number", "year")
_PLACES = ("city", "country", "region", "state", "town", "district", "county", "continent")


def say_column(rng: random.Random, column: Column, owner: str = "") -> str:
    """A wording for a column: its plain phrase, a synonym, a part, or the raw identifier.

    `owner` is the noun the column belongs to, where the sentence must say it.
    """
    if owner:
        said = say_column(rng, column)
        if said.startswith(owner) or said == column.name:
            return said
        return rng.choice((f"{owner} {said}", f"{owner} {said}", f"{said} of the {owner}"))
    roll = rng.random()
    words = column.phrases[0].split()
    if roll > 0.94 and len(words) > 1 and column.kind in ("name", "number", "date"):
        return words[-1] if rng.random() < 0.7 else " ".join(words[:-1])
    if roll < 0.05:
        return column.name
    if roll < 0.72:
        return column.phrases[0]
    return rng.choice(column.phrases)


def say_value(rng: random.Random, text: str, numeric: bool) -> str:
    """A literal as a question spells it."""
    if numeric:
        if text.isdigit() and int(text) >= 10000 and rng.random() < 0.08:
            return f"{int(text):,}"
        return text
    roll = rng.random()
    if roll < 0.55:
        return text
    if roll < 0.75:
        return f'"{text}"'
    return f"'{text}'" if roll < 0.95 else text.lower()


MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def say_date(rng: random.Random, text: str) -> str:
    """An ISO date as a question spells it; anything else as a text."""
    if len(text) != 10 or rng.random() < 0.75 or not text[:4].isdigit():
        return say_value(rng, text, False)
    year, month, day = text[:4], MONTH_NAMES[int(text[5:7]) - 1], int(text[8:])
    return rng.choice(
        (f"{day} {month} {year}", f"{month} {day}, {year}", f"{day} {month[:3]} {year}")
    )


def enumerate_words(rng: random.Random, words: Sequence[str]) -> str:
    """Join words as a list: ``a, b and c``."""
    if len(words) == 1:
        return words[0]
    last = rng.choice((" and ", " and ", " and ", ", and ", " as well as ", ", along with the "))
    if len(words) > 2 and last == " and " and rng.random() < 0.4:
        last = ", and "
    return ", ".join(words[:-1]) + last + words[-1]


def is_numeric(column: Column) -> bool:
    """True if literals of `column` are written without quotes."""
    if column.kind in ("number", "year"):
        return True
    if column.kind in ("id", "fk"):
        return True
    return column.kind == "flag" and column.values == ("1", "0")


def literal(rng: random.Random, column: Column) -> qt.Lit:
    """A literal to compare `column` with."""
    text = draw_literal(rng, column.kind, column.phrases[0], column.values)
    numeric = is_numeric(column)
    if numeric and not text.replace(".", "", 1).replace("-", "", 1).isdigit():
        numeric = False
    return qt.Lit(text, numeric)


def _article(phrase: str) -> str:
    return "an" if phrase[:1].lower() in "aeiou" else "a"


def _wrap(rng: random.Random, phrase: str, tail: str, entity: Table, plural: bool) -> str:
    """One of the relative constructions that say `phrase` `tail` of an entity.

    `tail` reads after "is": ``greater than 5``, ``Oslo``.
    """
    who = rng.choice(("who", "that")) if entity.person else rng.choice(("that", "which"))
    have = "have" if plural else "has"
    article = _article(phrase)
    named = not tail[:1].isalpha() or tail[:1].isupper()
    of = "of " if named and not tail.startswith("equal to ") else ""
    return rng.choice((
        f"whose {phrase} is {tail}", f"whose {phrase} is {tail}", f"with {phrase} {tail}",
        f"with {article} {phrase} {of}{tail}",
        f"{who} {have} {article} {phrase} of {tail}" if named else f"{who} {have} {phrase} {tail}",
        f"where the {phrase} is {tail}", f"for which the {phrase} is {tail}",
        f"having {phrase} {tail}", f"with {phrase} of {tail}", f"in which the {phrase} is {tail}",
        f"recorded with {phrase} {tail}", f"showing {article} {phrase} {tail}",
        f"({phrase} {tail})", f"where {phrase} is {tail}", f"{who} {have} {phrase} {tail}",
    ))  # fmt: skip


def _number_condition(
    rng: random.Random, ref: qt.Col, entity: Table, plural: bool, owner: str
) -> tuple[qt.Condition, str]:
    column = ref.column
    phrase = say_column(rng, column, owner)
    value = literal(rng, column)
    said = say_value(rng, value.text, value.numeric)
    roll = rng.random()
    countable = (not owner and phrase.startswith("number of ")) or (
        not owner and column.phrases[-1].startswith("number of ")
    )
    thing = phrase.removeprefix("number of ")
    if roll < 0.12 and value.numeric:
        other = literal(rng, column)
        low, high = sorted((value, other), key=lambda v: float(v.text))
        if rng.random() < 0.75:
            cond: qt.Condition = qt.Between(ref, low, high)
        else:
            parts: list[qt.Condition] = [qt.Compare(ref, ">=", low), qt.Compare(ref, "<=", high)]
            cond = qt.Junction("AND", parts)
        a, b = low.text, high.text
        tail = rng.choice((f"between {a} and {b}", f"in the range {a} to {b}", f"from {a} to {b}"))
        return cond, _wrap(rng, phrase, tail, entity, plural)
    adjectives = None if owner else lx.ADJECTIVES.get(column.phrases[0])
    if roll < 0.46:
        if adjectives and rng.random() < 0.45:
            return qt.Compare(ref, ">", value), f"{adjectives[2]} {said}"
        if countable and rng.random() < 0.6:
            return qt.Compare(ref, ">", value), f"with more than {said} {thing}"
        word = rng.choice(("greater than", "more than", "above", "over", "higher than",
                           "larger than", "exceeding", "bigger than"))  # fmt: skip
        if column.kind == "year":
            word = rng.choice(("after", "later than", "greater than"))
        return qt.Compare(ref, ">", value), _wrap(rng, phrase, f"{word} {said}", entity, plural)
    if roll < 0.7:
        if adjectives and rng.random() < 0.45:
            return qt.Compare(ref, "<", value), f"{adjectives[3]} {said}"
        if countable and rng.random() < 0.6:
            word = rng.choice(("fewer than", "less than"))
            return qt.Compare(ref, "<", value), f"with {word} {said} {thing}"
        word = rng.choice(("less than", "below", "under", "smaller than", "lower than"))
        if column.kind == "year":
            word = rng.choice(("before", "earlier than", "less than"))
        return qt.Compare(ref, "<", value), _wrap(rng, phrase, f"{word} {said}", entity, plural)
    if roll < 0.8:
        tail = rng.choice((f"at least {said}", f"{said} or more", f"no less than {said}",
                           f"greater than or equal to {said}", f"not below {said}"))  # fmt: skip
        return qt.Compare(ref, ">=", value), _wrap(rng, phrase, tail, entity, plural)
    if roll < 0.87:
        tail = rng.choice((f"at most {said}", f"{said} or less", f"no more than {said}",
                           f"less than or equal to {said}", f"up to {said}"))  # fmt: skip
        return qt.Compare(ref, "<=", value), _wrap(rng, phrase, tail, entity, plural)
    if roll < 0.91:
        tail = rng.choice((f"not {said}", f"not equal to {said}", f"other than {said}"))
        return qt.Compare(ref, "<>", value), _wrap(rng, phrase, tail, entity, plural)
    tail = rng.choice((said, f"exactly {said}", f"equal to {said}"))
    return qt.Compare(ref, "=", value), _wrap(rng, phrase, tail, entity, plural)


def _date_condition(
    rng: random.Random, ref: qt.Col, entity: Table, plural: bool, style: Style, owner: str
) -> tuple[qt.Condition, str]:
    phrase = say_column(rng, ref.column, owner)
    value = literal(rng, ref.column)
    roll = rng.random()
    if roll < 0.33:
        year = rng.randint(1960, 2025)
        tail = rng.choice((f"in {year}", f"in the year {year}", f"during {year}"))
        text = rng.choice((f"whose {phrase} is {tail}", f"with {_article(phrase)} {phrase} {tail}",
                           f"where the {phrase} falls {tail}", f"with {phrase} {tail}"))  # fmt: skip
        return _in_year(ref, str(year), style), text
    said = say_date(rng, value.text)
    if roll < 0.55:
        operator, word = rng.choice(((">", "after"), (">", "later than"), (">=", "on or after"),
                                     (">=", "since"), (">=", "starting from")))  # fmt: skip
    elif roll < 0.77:
        operator, word = rng.choice((("<", "before"), ("<", "earlier than"), ("<=", "on or before"),
                                     ("<=", "up to"), ("<", "prior to")))  # fmt: skip
    elif roll < 0.9:
        low, high = sorted((value.text, draw_literal(rng, "date", "", ref.column.values)))
        words = f"between {low} and {high}" if rng.random() < 0.7 else f"from {low} to {high}"
        return (
            qt.Between(ref, qt.Lit(low, False), qt.Lit(high, False)),
            _wrap(rng, phrase, words, entity, plural),
        )
    else:
        operator, word = "=", "on"
    return qt.Compare(ref, operator, value), rng.choice((
        f"whose {phrase} is {word} {said}", f"with {_article(phrase)} {phrase} {word} {said}",
        f"with {phrase} {word} {said}", f"where the {phrase} is {word} {said}",
    ))  # fmt: skip


def _in_year(ref: qt.Col, year: str, style: Style) -> qt.Condition:
    if style.year_function == "like":
        return qt.Like(ref, f"{year}%")
    if style.year_function == "range":
        return qt.Between(ref, qt.Lit(f"{year}-01-01", False), qt.Lit(f"{year}-12-31", False))
    return qt.Compare(qt.YearOf(ref), "=", qt.Lit(year, style.year_function == "year"))


def _text_condition(
    rng: random.Random, ref: qt.Col, entity: Table, plural: bool, style: Style, owner: str
) -> tuple[qt.Condition, str]:
    column = ref.column
    phrase = say_column(rng, column, owner)
    value = literal(rng, column)
    said = say_value(rng, value.text, value.numeric)
    roll = rng.random()
    have = "have" if plural else "has"
    if roll < 0.06 and column.kind in ("name", "text"):
        return _like_condition(rng, ref, phrase, plural)
    if roll < 0.11:
        negated = rng.random() < 0.4
        if negated:
            text = rng.choice(
                (
                    f"with a known {phrase}",
                    f"that {have} a {phrase} recorded",
                    f"whose {phrase} is not missing",
                    f"whose {phrase} is not null",
                )
            )
        else:
            text = rng.choice((f"without a {phrase}", f"with no {phrase}", f"whose {phrase} is missing",
                               f"that {have} no {phrase} recorded", f"whose {phrase} is null",
                               f"with an unknown {phrase}"))  # fmt: skip
        return qt.IsNull(ref, negated), text
    if roll < 0.19:
        other = literal(rng, column)
        if other.text != value.text:
            said2 = say_value(rng, other.text, other.numeric)
            tail = f"{said} or {said2}"
            if rng.random() < 0.55:
                either: qt.Condition = qt.InSet(ref, [value, other])
            else:
                either = qt.Junction(
                    "OR", [qt.Compare(ref, "=", value), qt.Compare(ref, "=", other)]
                )
            if rng.random() < 0.3:
                tail = "either " + tail
            return either, _wrap(rng, phrase, tail, entity, plural)
    if roll < 0.26:
        tail = rng.choice((f"not {said}", f"other than {said}", f"different from {said}"))
        return qt.Compare(ref, "<>", value), _wrap(rng, phrase, tail, entity, plural)
    equal: qt.Condition = qt.Compare(ref, "=", value)
    if style.chatty and rng.random() < 0.06 and not value.numeric:
        equal = qt.Like(ref, f"%{value.text}%")
    if column.kind == "text" and not owner and rng.random() < 0.25:
        if column.phrases[0].endswith(_PLACES):
            return equal, rng.choice(
                (f"from {said}", f"in {said}", f"located in {said}", f"based in {said}")
            )
        if rng.random() < 0.5:
            return equal, rng.choice((f"that {'are' if plural else 'is'} {said}", f"of {phrase} {said}",
                                      f"in the {said} {phrase}", f"under the {phrase} {said}",
                                      f"marked {said}", f"listed as {said}", f"of the {said} {phrase}"))  # fmt: skip
    if column.kind == "name" and not owner and rng.random() < 0.3:
        return equal, rng.choice((f"named {said}", f"called {said}", f"titled {said}"))
    return equal, _wrap(rng, phrase, said, entity, plural)


def _like_condition(
    rng: random.Random, ref: qt.Col, phrase: str, plural: bool
) -> tuple[qt.Condition, str]:
    word = rng.choice(lx.WORDS)
    if rng.random() < 0.35:
        word = word[: rng.randint(1, 3)]
    if rng.random() < 0.4:
        word = word.capitalize()
    said = rng.choice((f'"{word}"', f"'{word}'", word))
    way = rng.random()
    if way < 0.5:
        text = rng.choice((f"whose {phrase} contains {said}", f"with {said} in the {phrase}",
                           f"whose {phrase} includes the word {said}", f"with {phrase} containing {said}",
                           f"whose {phrase} has the substring {said}"))  # fmt: skip
        return qt.Like(ref, f"%{word}%"), text
    if way < 0.8:
        text = rng.choice((f"whose {phrase} starts with {said}", f"with {phrase} starting with {said}",
                           f"whose {phrase} begins with {said}"))  # fmt: skip
        return qt.Like(ref, f"{word}%"), text
    if way < 0.92:
        text = rng.choice((f"whose {phrase} ends with {said}", f"with {phrase} ending in {said}"))
        return qt.Like(ref, f"%{word}"), text
    text = rng.choice(
        (f"whose {phrase} does not contain {said}", f"without {said} in the {phrase}")
    )
    return qt.Like(ref, f"%{word}%", negated=True), text


def _flag_condition(rng: random.Random, ref: qt.Col, plural: bool) -> tuple[qt.Condition, str]:
    column = ref.column
    yes = rng.random() < 0.7
    value = column.values[0 if yes else 1] if column.values else ("1" if yes else "0")
    be = "are" if plural else "is"
    word = column.phrases[0]
    if yes:
        text = rng.choice((f"that {be} {word}", f"which {be} {word}", f"marked as {word}"))
    else:
        text = rng.choice(
            (f"that {be} not {word}", f"which {be} not {word}", f"not marked as {word}")
        )
    return qt.Compare(ref, "=", qt.Lit(value, is_numeric(column))), text


def condition(
    rng: random.Random, style: Style, source: qt.Source, column: Column, plural: bool = True,
    owner: str = "",
) -> tuple[qt.Condition, str]:  # fmt: skip
    """A random condition on `column`, and how a question says it after the noun."""
    ref = qt.Col(source, column)
    if column.kind in NUMERIC:
        return _number_condition(rng, ref, source.table, plural, owner)
    if column.kind == "date":
        return _date_condition(rng, ref, source.table, plural, style, owner)
    if column.kind == "flag" and column.values:
        return _flag_condition(rng, ref, plural)
    return _text_condition(rng, ref, source.table, plural, style, owner)


def conditions(
    rng: random.Random, style: Style, source: qt.Source, count: int, plural: bool = True
) -> tuple[list[qt.Condition], str]:
    """Up to `count` conditions on different columns, joined by and (at times or)."""
    columns = source.table.of_kind(*COMPARABLE)
    chosen = rng.sample(columns, min(count, len(columns)))
    if not chosen:
        return [], ""
    pairs = [condition(rng, style, source, c, plural) for c in chosen]
    if len(pairs) == 2 and rng.random() < 0.18:
        joined = qt.Junction("OR", [p[0] for p in pairs])
        return [joined], f"{pairs[0][1]} or {pairs[1][1]}"
    words = rng.choice((" and ", " and ", " and also ", " and "))
    return [p[0] for p in pairs], words.join(p[1] for p in pairs)


def noun(rng: random.Random, table: Table, said: str, plural: bool = True) -> str:
    """The entity with its conditions: ``pilots whose age is over 40``."""
    word = table.many if plural else table.one
    if rng.random() < 0.03:
        word = table.name
    return f"{word} {said}" if said else word
