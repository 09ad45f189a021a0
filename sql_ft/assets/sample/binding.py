"""Binding an intent's variables to a schema: tables, columns, literals, wordings.

Every verb of the intents' first lines is a method of `Binder`. A verb that finds
nothing suitable raises `NoFitError`, and the generator tries another schema.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from sql_ft.assets.sample import wording
from sql_ft.assets.sample.domain import Column, Role, Schema, Table
from sql_ft.assets.sample.literals import LiteralWriter
from sql_ft.assets.sample.slots import Slot

_COMPACT_PLACES = re.compile(r"(?:(?<=\.one\} \{)(?=\w\.say)|(?<=\{)(?=\w\.says))(\w)")


class NoFitError(Exception):
    """This schema offers nothing that the intent's verb asks for."""


class Binder:
    """Binds one intent to one schema, and remembers which columns were used.

    Args:
        rng: Source of all choices.
        schema: The business asked about.
        literals: How this row writes literals in SQL and in the question.
        phrasing: The question template, which decides where short names are wanted.
    """

    def __init__(
        self, rng: random.Random, schema: Schema, literals: LiteralWriter, phrasing: str
    ) -> None:
        self.rng = rng
        self.schema = schema
        self.literals = literals
        self.slots: dict[str, Slot] = {}
        # "The game numbers of moves" reads badly: after a noun, and in the plural, a
        # column goes by a name without "of" if it has one.
        self._compact = set(_COMPACT_PLACES.findall(phrasing))
        self._wants_compact = False
        self.used: dict[str, list[str]] = {}

    def bind(self, needs: Sequence[tuple[tuple[str, ...], str]]) -> dict[str, Slot]:
        """Bind all variables in order.

        Raises:
            NoFitError: The schema lacks something; nothing else was wrong.
        """
        for variables, statement in needs:
            verb, *arguments = statement.split()
            self._wants_compact = any(variable in self._compact for variable in variables)
            slots = getattr(self, f"_bind_{verb}")(*arguments)
            for variable, slot in zip(variables, slots, strict=True):
                self.slots[variable] = slot
        return self.slots

    # Tables and links

    def _table_slot(self, table: Table) -> Slot:
        nouns = table.nouns[0]
        if len(table.nouns) > 1 and self.rng.random() < 0.3:
            nouns = self.rng.choice(table.nouns[1:])
        words = {
            "one": nouns[0],
            "many": nouns[1],
            "a_one": wording.article(nouns[0]),
            "who": "who" if table.is_people else "that",
            "its": "their" if table.is_people else "its",
        }
        self.used.setdefault(table.name, [])
        return Slot(table.name, words, table=table)

    def _bind_table(self) -> list[Slot]:
        return [self._table_slot(self.rng.choice(self.schema.tables))]

    def _links(self) -> list[tuple[Table, Column, Table]]:
        return [
            (table, column, self.schema.table(column.target))
            for table in self.schema.tables
            for column in table.with_roles("fk")
            if column.target != table.name
        ]

    def _link_slots(self, child: Table, foreign_key: Column, parent: Table) -> tuple[Slot, Slot]:
        key = parent.key
        if key is None:
            raise NoFitError(parent.name)
        return self._column_slot(child, foreign_key), self._column_slot(parent, key)

    def _bind_link(self) -> list[Slot]:
        links = self._links()
        if not links:
            raise NoFitError("link")
        child, foreign_key, parent = self.rng.choice(links)
        child_slot, parent_slot = self._table_slot(child), self._table_slot(parent)
        return [child_slot, parent_slot, *self._link_slots(child, foreign_key, parent)]

    def _bind_chain(self) -> list[Slot]:
        links = self._links()
        pairs = [
            (first, second)
            for first in links
            for second in links
            if first[2] is second[0] and first[0] is not second[2]
        ]
        if not pairs:
            raise NoFitError("chain")
        (a, ab, b), (_, be, e) = self.rng.choice(pairs)
        tables = [self._table_slot(table) for table in (a, b, e)]
        return [*tables, *self._link_slots(a, ab, b), *self._link_slots(b, be, e)]

    def _bind_bridge(self) -> list[Slot]:
        links = self._links()
        pairs = [
            (first, second)
            for first in links
            for second in links
            if first[0] is second[0] and first[2] is not second[2]
        ]
        if not pairs:
            raise NoFitError("bridge")
        (middle, mx, x), (_, my, y) = self.rng.choice(pairs)
        tables = [self._table_slot(table) for table in (middle, x, y)]
        return [*tables, *self._link_slots(middle, mx, x), *self._link_slots(middle, my, y)]

    def _bind_two_tables(self) -> list[Slot]:
        named = [table for table in self.schema.tables if table.with_roles("name")]
        if len(named) < 2:
            raise NoFitError("two tables")
        return [self._table_slot(table) for table in self.rng.sample(named, 2)]

    # Columns

    def _column_slot(self, table: Table, column: Column) -> Slot:
        says = column.says
        if self._wants_compact:
            says = tuple(say for say in says if " of " not in say) or says
        say = says[0]
        if len(says) > 1 and self.rng.random() < 0.4:
            say = self.rng.choice(says[1:])
        columns = self.used.setdefault(table.name, [])
        if column.name not in columns:
            columns.append(column.name)
        words = {
            "say": say,
            "says": wording.pluralize(say),
            "a": wording.article(say),
            "rel": column.relation,
        }
        return Slot(column.name, words, table=table, column=column)

    def _pick(self, variable: str, *roles: Role, nullable: bool = False) -> list[Slot]:
        table = self.slots[variable].table
        if table is None:
            raise NoFitError(variable)
        taken = {
            slot.column.name
            for slot in self.slots.values()
            if slot.column is not None and slot.table is table
        }
        # An empty value first or last in an ordering is a question of dialect, so columns
        # that may be empty are shown and tested for emptiness, but not ordered or compared.
        wants_blanks = "text" in roles
        free = [
            column
            for column in table.columns
            if column.role in roles
            and column.name not in taken
            and (column.nullable if nullable else wants_blanks or not column.nullable)
        ]
        if not free:
            raise NoFitError(f"{table.name}: {roles}")
        return [self._column_slot(table, self.rng.choice(free))]

    def _bind_show(self, variable: str) -> list[Slot]:
        table = self.slots[variable].table
        has_name = table is not None and bool(table.with_roles("name"))
        if has_name and self.rng.random() < 0.65:
            return self._pick(variable, "name")
        return self._pick(variable, "id", "name", "num", "rate", "date", "text")

    def _bind_name(self, variable: str) -> list[Slot]:
        table = self.slots[variable].table
        if table is not None and table.with_roles("name"):
            return self._pick(variable, "name")
        return self._pick(variable, "id")

    def _bind_other(self, variable: str) -> list[Slot]:
        return self._pick(variable, "cat", "num", "rate", "date", "text")

    def _bind_label(self, variable: str) -> list[Slot]:
        return self._pick(variable, "name", "cat", "cat")

    def _bind_title(self, variable: str) -> list[Slot]:
        return self._pick(variable, "name")

    def _bind_cat(self, variable: str) -> list[Slot]:
        return self._pick(variable, "cat")

    def _bind_num(self, variable: str) -> list[Slot]:
        return self._pick(variable, "num", "rate")

    def _bind_sum(self, variable: str) -> list[Slot]:
        return self._pick(variable, "num")

    def _bind_date(self, variable: str) -> list[Slot]:
        return self._pick(variable, "date")

    def _bind_blank(self, variable: str) -> list[Slot]:
        return self._pick(variable, "cat", "num", "rate", "date", "text", "name", nullable=True)

    def _bind_extreme(self, variable: str) -> list[Slot]:
        table = self.slots[variable].table
        columns = [c for c in table.columns if c.superlatives and not c.nullable] if table else []
        if table is None or not columns:
            raise NoFitError("superlative")
        column = self.rng.choice(columns)
        largest, smallest = column.superlatives or ("", "")
        direction = (
            Slot(" DESC", {"say": largest, "other": smallest})
            if self.rng.random() < 0.6
            else Slot("", {"say": smallest, "other": largest})
        )
        return [self._column_slot(table, column), direction]

    def _bind_calc(self, variable: str) -> list[Slot]:
        table = self.slots[variable].table
        if table is None or not table.calculations:
            raise NoFitError("calculation")
        calculation = self.rng.choice(table.calculations)
        left = self._column_slot(table, table.column(calculation.left))
        right = self._column_slot(table, table.column(calculation.right))
        verb = {"*": "multiplied by", "-": "minus", "+": "plus"}[calculation.operator]
        say = f"{left.words['say']} {verb} {right.words['say']}"
        return [Slot(f"{left.sql} {calculation.operator} {right.sql}", {"say": say})]

    # Conditions

    def _column_of(self, variable: str) -> tuple[Column, Mapping[str, str]]:
        slot = self.slots[variable]
        if slot.column is None:
            raise NoFitError(variable)
        return slot.column, slot.words

    def _values(self, variable: str, count: int) -> list[str]:
        column, _ = self._column_of(variable)
        if len(column.values) < count + (count > 2):
            raise NoFitError(f"{column.name}: {count} values")
        return self.rng.sample(column.values, count)

    def _equal_slot(self, variable: str, operator: str, value: str) -> Slot:
        column, words = self._column_of(variable)
        return self.literals.equality(column, words["say"], operator, value)

    def _bind_eq(self, variable: str) -> list[Slot]:
        return [self._equal_slot(variable, "=", self._values(variable, 1)[0])]

    def _bind_ne(self, variable: str) -> list[Slot]:
        return [self._equal_slot(variable, "<>", self._values(variable, 1)[0])]

    def _bind_two(self, variable: str) -> list[Slot]:
        return [self._equal_slot(variable, "=", value) for value in self._values(variable, 2)]

    def _bind_some(self, variable: str) -> list[Slot]:
        return [self.literals.membership(self._values(variable, 3))]

    def _bind_cmp(self, variable: str) -> list[Slot]:
        column, words = self._column_of(variable)
        return [self.literals.comparison(column, words["say"])]

    def _bind_cmpavg(self, variable: str) -> list[Slot]:
        column, words = self._column_of(variable)
        return [self.literals.comparison(column, words["say"], margin=0.4)]

    def _bind_cmpsum(self, variable: str) -> list[Slot]:
        column, words = self._column_of(variable)
        return [self.literals.comparison(column, words["say"], scale=self.rng.randint(2, 6))]

    def _bind_apart(self, variable: str) -> list[Slot]:
        column, words = self._column_of(variable)
        return list(self.literals.two_tails(column, words["say"]))

    def _bind_between(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        return [self.literals.number_range(column)]

    def _bind_part(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        return [self.literals.contains(column)]

    def _bind_prefix(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        return [self.literals.starts_with(column)]

    def _bind_on(self, variable: str) -> list[Slot]:
        column, words = self._column_of(variable)
        return [self.literals.date_comparison(column, words["say"])]

    def _bind_span(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        return [self.literals.date_range(column)]

    def _bind_year(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        return [self.literals.year(column)]

    def _bind_month(self, variable: str) -> list[Slot]:
        return [self.literals.month()]

    # Words without a column

    def _bind_agg(self, variable: str) -> list[Slot]:
        column, _ = self._column_of(variable)
        choices = [
            entry for entry in wording.AGGREGATES if column.role == "num" or entry[0] != "SUM"
        ]
        function, words = self.rng.choice(choices)
        return [Slot(function, {"say": self.rng.choice(words)})]

    def _bind_agg2(self) -> list[Slot]:
        function, words = self.rng.choice(wording.AGGREGATES)
        return [Slot(function, {"say": "sum" if function == "SUM" else words[0]})]

    def _bind_most(self) -> list[Slot]:
        if self.rng.random() < 0.6:
            return [Slot(" DESC", {"say": "highest"})]
        return [Slot("", {"say": "lowest"})]

    def _bind_mostfew(self) -> list[Slot]:
        if self.rng.random() < 0.65:
            return [Slot(" DESC", {"most": "most", "common": "most", "largest": "largest"})]
        return [Slot("", {"most": "fewest", "common": "least", "largest": "smallest"})]

    def _bind_latest(self) -> list[Slot]:
        if self.rng.random() < 0.6:
            return [Slot(" DESC", {"say": "latest", "first": "last", "old": "newest first"})]
        return [Slot("", {"say": "earliest", "first": "first", "old": "oldest first"})]

    def _bind_aboveavg(self) -> list[Slot]:
        if self.rng.random() < 0.6:
            return [Slot(">", {"say": "above", "adj": "above"})]
        return [Slot("<", {"say": "below", "adj": "below"})]

    def _bind_maxmin(self) -> list[Slot]:
        if self.rng.random() < 0.6:
            return [Slot("MAX", {"say": "highest"})]
        return [Slot("MIN", {"say": "lowest"})]

    def _bind_count(self) -> list[Slot]:
        return [self.literals.count(wording.COUNT_COMPARISONS)]

    def _bind_atleast(self) -> list[Slot]:
        # A parent without children never reaches a join, so "fewer than" would be ambiguous.
        upward = [entry for entry in wording.COUNT_COMPARISONS if entry[0] in (">", ">=", "=")]
        return [self.literals.count(upward)]

    def _bind_limit(self) -> list[Slot]:
        number = self.rng.choice((2, 3, 3, 4, 5, 5, 6, 7, 8, 10))
        return [Slot(str(number), {"say": wording.count_word(number, self.rng.random() < 0.5)})]
