"""Literals and conditions: the same value once for SQL and once for the question."""

from __future__ import annotations

import calendar
import random
from collections.abc import Sequence

from sql_ft.assets.sample import wording
from sql_ft.assets.sample.domain import Column, Schema
from sql_ft.assets.sample.slots import Slot


class LiteralWriter:
    """Writes the literals of one row, in one style throughout the row.

    Args:
        rng: Source of all choices.
        schema: Its identifiers are never double-quoted as literals, because SQLite
            would then read a column.
    """

    def __init__(self, rng: random.Random, schema: Schema) -> None:
        self._rng = rng
        self._double = rng.random() < 0.5
        self._mark = rng.choices(("", "'", '"'), weights=(6, 3, 2))[0]
        self._spoken_dates = rng.random() < 0.2
        self._identifiers = {table.name.lower() for table in schema.tables} | {
            column.name.lower() for table in schema.tables for column in table.columns
        }

    def sql_text(self, value: str) -> str:
        """The SQL literal, double-quoted in about half of the rows as in the real data."""
        if self._double and value.lower() not in self._identifiers:
            return f'"{value}"'
        return f"'{value}'"

    def spoken(self, value: str) -> str:
        """The value as the question shows it."""
        return f"{self._mark}{value}{self._mark}"

    # Text

    def equality(self, column: Column, say: str, operator: str, value: str) -> Slot:
        """``column = value`` or ``column <> value``."""
        shown = self.spoken(value)
        if column.role == "name":
            after = [f"named {shown}", f"with the {say} {shown}", f"called {shown}"]
            if say != "name":
                after = [f"with the {say} {shown}", f"whose {say} is {shown}"]
            predicates = [f"have the {say} {shown}"]
        else:
            after = [
                f"whose {say} is {shown}",
                f"with {say} {shown}",
                f"with {wording.article(say)} of {shown}",
            ]
            predicates = [
                f"have {shown} as their {say}",
                f"have {wording.article(say)} of {shown}",
            ]
            if column.phrase:
                after += [f"{column.phrase} {shown}"] * 3
                predicates += [f"are {column.phrase} {shown}"] * 2
        words = {
            "val": shown,
            "post": self._rng.choice(after),
            "pred": self._rng.choice(predicates),
        }
        return Slot(f"{operator} {self.sql_text(value)}", words)

    def membership(self, values: Sequence[str]) -> Slot:
        """``IN (a, b, c)``."""
        shown = [self.spoken(value) for value in values]
        words = {
            "any": wording.join_words(shown, "or"),
            "all": wording.join_words(shown, "and"),
        }
        return Slot(f"IN ({', '.join(self.sql_text(value) for value in values)})", words)

    def contains(self, column: Column) -> Slot:
        """``LIKE '%part%'`` with a word, or part of one, of some value."""
        word = self._rng.choice(self._rng.choice(column.values).split())
        part = word if len(word) < 4 or self._rng.random() < 0.6 else word[1:4]
        return Slot(f"LIKE {self.sql_text(f'%{part}%')}", {"val": self._quoted(part)})

    def starts_with(self, column: Column) -> Slot:
        """``LIKE 'part%'``."""
        start = self._rng.choice(column.values)[: self._rng.choice((1, 2, 2, 3))].rstrip()
        return Slot(f"LIKE {self.sql_text(start + '%')}", {"val": self._quoted(start)})

    def _quoted(self, part: str) -> str:
        mark = self._mark or "'"
        return f"{mark}{part}{mark}"

    # Numbers

    def _number(self, column: Column, low_share: float, high_share: float, scale: int = 1) -> str:
        span = column.high - column.low
        raw = (column.low + span * self._rng.uniform(low_share, high_share)) * scale
        if column.decimals:
            return f"{round(raw * 2) / 2 if span > 4 else round(raw, 1):g}"
        digits = len(str(int(raw)))
        step = 1
        if digits >= 3:
            step = self._rng.choice((5, 10)) * 10 ** (digits - 3)
        elif digits == 2 and self._rng.random() < 0.6:
            step = 5
        return str(max(1, round(raw / step) * step))

    def _compare(self, column: Column, say: str, entry: tuple[str, str, str], number: str) -> Slot:
        operator, is_form, with_form = (part.format(number) for part in entry)
        bare = with_form.removeprefix("of ")
        noun = wording.article(say)
        after = [f"whose {say} {is_form}", f"with {noun} {with_form}"]
        if column.phrase and with_form.startswith("of "):
            after += [f"{column.phrase} {bare}"] * 2
        words = {
            "val": number,
            "isform": is_form,
            "with": with_form,
            "bare": bare,
            "cmp": is_form.removeprefix("is "),
            "post": self._rng.choice(after),
            "pred": f"have {noun} {with_form}",
        }
        return Slot(f"{operator} {number}", words)

    def comparison(self, column: Column, say: str, scale: int = 1, margin: float = 0.15) -> Slot:
        """``column > number`` and its kin.

        Args:
            column: Column whose span the number is taken from.
            say: How the question calls it.
            scale: Factor for sums over several rows.
            margin: Share of the span at either end that the number stays clear of.
        """
        entry = self._rng.choice(wording.NUMBER_COMPARISONS)
        return self._compare(column, say, entry, self._number(column, margin, 1 - margin, scale))

    def two_tails(self, column: Column, say: str) -> tuple[Slot, Slot]:
        """One comparison above a high number and one below a low number."""
        entries = wording.NUMBER_COMPARISONS
        above = self._rng.choice([entry for entry in entries if entry[0].startswith(">")])
        below = self._rng.choice([entry for entry in entries if entry[0].startswith("<")])
        return (
            self._compare(column, say, above, self._number(column, 0.6, 0.85)),
            self._compare(column, say, below, self._number(column, 0.15, 0.4)),
        )

    def number_range(self, column: Column) -> Slot:
        """``BETWEEN low AND high``."""
        low = self._number(column, 0.1, 0.4)
        high = self._number(column, 0.55, 0.9)
        return Slot(f"BETWEEN {low} AND {high}", {"low": low, "high": high})

    def count(self, entries: Sequence[tuple[str, str]]) -> Slot:
        """Comparison of a number of rows, for HAVING."""
        operator, say = self._rng.choice(list(entries))
        number = self._rng.choice((2, 2, 2, 3, 3, 3, 4, 5))
        spoken = wording.count_word(number, self._rng.random() < 0.5)
        return Slot(f"{operator} {number}", {"say": say.format(spoken)})

    # Dates

    def _date(self, column: Column, first_year: int, last_year: int) -> tuple[str, str]:
        year = self._rng.randint(first_year, last_year)
        month = self._rng.randint(1, 12)
        day = self._rng.choice(
            (1, 1, 15, self._rng.randint(1, 28), calendar.monthrange(year, month)[1])
        )
        iso = f"{year:04d}-{month:02d}-{day:02d}"
        return iso, wording.spoken_date(year, month, day) if self._spoken_dates else iso

    def date_comparison(self, column: Column, say: str) -> Slot:
        """``column < 'YYYY-MM-DD'`` and its kin."""
        operator, form = self._rng.choice(wording.DATE_COMPARISONS)
        iso, spoken = self._date(column, int(column.low), int(column.high))
        bare = form.format(spoken)
        noun = wording.article(say)
        after = [f"whose {say} is {bare}", f"with {noun} {bare}"]
        predicates = [f"have {noun} {bare}"]
        if column.phrase:
            after += [f"{column.phrase} {bare}"] * 2
            if not column.phrase.endswith("ing"):
                predicates += [f"were {column.phrase} {bare}"]
        words = {
            "bare": bare,
            "post": self._rng.choice(after),
            "pred": self._rng.choice(predicates),
        }
        return Slot(f"{operator} {self.sql_text(iso)}", words)

    def date_range(self, column: Column) -> Slot:
        """``BETWEEN 'YYYY-MM-DD' AND 'YYYY-MM-DD'``."""
        first, last = int(column.low), int(column.high)
        middle = (first + last) // 2
        low, low_spoken = self._date(column, first, middle)
        high, high_spoken = self._date(column, min(middle + 1, last), last)
        if high <= low:
            low, high, low_spoken, high_spoken = high, low, high_spoken, low_spoken
        return Slot(
            f"BETWEEN {self.sql_text(low)} AND {self.sql_text(high)}",
            {"low": low_spoken, "high": high_spoken},
        )

    def year(self, column: Column) -> Slot:
        """A year of the column's span, as text, because STRFTIME gives text."""
        year = str(self._rng.randint(int(column.low), int(column.high)))
        return Slot(self.sql_text(year), {"say": year})

    def month(self) -> Slot:
        """A month as two digits."""
        month = self._rng.randint(1, 12)
        return Slot(self.sql_text(f"{month:02d}"), {"say": wording.MONTHS[month - 1]})
