"""Small pieces of English: plurals, articles, comparisons, aggregates, dates.

Each entry pairs the SQL side with its wordings, so that a wording can never drift
from what it means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_IRREGULAR = {
    "person": "people",
    "child": "children",
    "staff": "staff",
    "shelf": "shelves",
    "ID": "IDs",
}
_HEAD_ENDS = re.compile(r"^(.*?)( (?:of|in|per|for|on|at|to|by|from|with|left|under) .*)$")

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# Operator, words after "whose X", words after "with a X" (or after a phrase, "priced at").
NUMBER_COMPARISONS: tuple[tuple[str, str, str], ...] = (
    (">", "is above {}", "above {}"),
    (">", "is more than {}", "of more than {}"),
    (">", "is greater than {}", "greater than {}"),
    (">", "exceeds {}", "of over {}"),
    (">", "is higher than {}", "higher than {}"),
    (">=", "is at least {}", "of at least {}"),
    (">=", "is {} or more", "of {} or more"),
    (">=", "is no less than {}", "of no less than {}"),
    ("<", "is below {}", "below {}"),
    ("<", "is under {}", "of under {}"),
    ("<", "is less than {}", "of less than {}"),
    ("<", "is lower than {}", "lower than {}"),
    ("<=", "is at most {}", "of at most {}"),
    ("<=", "is {} or less", "of {} or less"),
    ("<=", "does not exceed {}", "of no more than {}"),
)

COUNT_COMPARISONS: tuple[tuple[str, str], ...] = (
    (">", "more than {}"),
    (">", "over {}"),
    (">=", "at least {}"),
    (">=", "{} or more"),
    (">=", "no fewer than {}"),
    ("<", "fewer than {}"),
    ("<", "less than {}"),
    ("<=", "at most {}"),
    ("<=", "no more than {}"),
    ("=", "exactly {}"),
)

DATE_COMPARISONS: tuple[tuple[str, str], ...] = (
    ("<", "before {}"),
    ("<", "earlier than {}"),
    (">", "after {}"),
    (">", "later than {}"),
    (">=", "on or after {}"),
    (">=", "on {} or later"),
    ("<=", "on or before {}"),
    ("<=", "no later than {}"),
)

# SQL function, wordings that go before a column's name.
AGGREGATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AVG", ("average", "mean")),
    ("SUM", ("total", "combined", "summed")),
    ("MAX", ("highest", "maximum", "top")),
    ("MIN", ("lowest", "minimum", "smallest")),
)


def pluralize(phrase: str) -> str:
    """Plural of a noun phrase; the head is the last word before "of", "in", "per" …"""
    split = _HEAD_ENDS.match(phrase)
    if split:
        return pluralize(split[1]) + split[2]
    start, space, word = phrase.rpartition(" ")
    if word in _IRREGULAR:
        plural = _IRREGULAR[word]
    elif re.search(r"[^aeiou]y$", word):
        plural = word[:-1] + "ies"
    elif re.search(r"(s|x|z|ch|sh)$", word):
        plural = word + "es"
    else:
        plural = word + "s"
    return start + space + plural


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    consonant = re.match(r"(?i)(uni|use|usa|one|eu)", phrase)
    vowel = re.match(r"(?i)([aeiou]|hour)", phrase) and not consonant
    return ("an " if vowel else "a ") + phrase


def split_identifier(name: str) -> str:
    """``hull_type`` and ``HullType`` as the words "hull type"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.replace("_", " "))
    return spaced.lower()


def count_word(number: int, as_word: bool) -> str:
    """A small count as a word or as digits."""
    return _NUMBER_WORDS[number] if as_word and number < len(_NUMBER_WORDS) else str(number)


def join_words(words: Sequence[str], conjunction: str) -> str:
    """``a, b or c``."""
    return ", ".join(words[:-1]) + f" {conjunction} " + words[-1]


def spoken_date(year: int, month: int, day: int) -> str:
    """A date as people write it, e.g. ``4 March 2022``."""
    return f"{day} {MONTHS[month - 1]} {year}"


def finish_sentence(text: str) -> str:
    """The text with capital letters, and without the stutter of "title titles"."""
    text = re.sub(r"(?i)\b([a-z]{2,}) (?=\1(?:s|es)?\b)", "", text)
    text = re.sub(r"(?<=[?.] )[a-z]", lambda letter: letter[0].upper(), text)
    return text[:1].upper() + text[1:]
