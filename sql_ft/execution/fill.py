"""One candidate database: witnesses, near misses, noise, then the constraints.

`style` varies from candidate to candidate: with or without NULLs, with or without ties,
bare columns following their group's key or not. No one style tells everything apart.
"""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

from sqlglot import exp

from sql_ft.execution.constraints import MAX_ROWS, Record, Row, constrain
from sql_ft.execution.plan import Plan, Test, choose
from sql_ft.execution.pools import Pool, fit
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.tables import Schema, Table
from sql_ft.execution.usage import Key
from sql_ft.execution.witness import Planner


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """How a candidate differs from others.

    Attributes:
        null_rate: Share of NULLs in columns that may be NULL.
        fresh_rate: Share of values that occur nowhere else (no ties).
        noise_rows: Rows a table gets besides those made for the gold.
        near_misses: Whether requirements are also broken one at a time.
        dependent: Columns that the gold takes from "some row" follow the group's key.
        repeat_rate: How often rows that satisfy the gold come twice.
        graded: Groups get different numbers of rows.
        merged: Different keys share the values that follow them (two people of one name).
        orphans: A join gets many rows that find no partner.
        empty: One table has no rows.
        twins: Every row comes twice, alike but for its keys.
    """

    null_rate: float
    fresh_rate: float
    noise_rows: int
    near_misses: bool
    dependent: bool
    repeat_rate: float
    graded: bool = False
    merged: bool = False
    orphans: bool = False
    empty: bool = False
    twins: bool = False


STYLES = (
    Style(0.0, 0.35, 5, True, True, 0.5),
    Style(0.12, 0.2, 6, True, True, 0.5, graded=True),
    Style(0.0, 0.9, 4, True, True, 0.0),
    Style(0.0, 0.0, 9, True, True, 1.0),
    Style(0.0, 0.7, 0, False, True, 0.0, graded=True),
    Style(0.05, 0.5, 12, True, False, 0.5),
    Style(0.0, 0.8, 1, True, True, 0.0, graded=True),
    Style(0.0, 0.5, 2, False, True, 0.0, graded=True),
    Style(0.25, 0.3, 6, True, True, 0.0, orphans=True),
    Style(0.0, 0.5, 4, False, True, 0.0, graded=True, merged=True),
    Style(0.05, 0.4, 5, True, True, 0.5, empty=True),
    Style(0.0, 0.7, 2, True, True, 0.0, twins=True),
)


class Filler:
    """Makes candidate databases for one gold."""

    def __init__(
        self,
        schema: Schema,
        tree: exp.Expr,
        pools: dict[Key, Pool],
        dependencies: list[tuple[str, str, str]],
        graded: list[tuple[str, str]],
    ) -> None:
        self.schema, self.tree, self.pools = schema, tree, pools
        self.dependencies, self.graded = dependencies, graded
        self._resolver = Resolver(tree, schema)
        self._fresh = 0

    def fill(self, style: Style, rng: Random) -> dict[str, list[Row]]:
        """Rows of every table; the same arguments give the same rows."""
        self._fresh = rng.randrange(50)
        rows: dict[str, list[Record]] = {t.name: [] for t in self.schema.tables}
        plan = Planner(self.tree, self._resolver, rng).make()
        for _ in range(plan.witnesses + rng.randrange(2)):
            before = {name: len(present) for name, present in rows.items()}
            self._add(rows, plan, style, rng)
            if rng.random() < style.repeat_rate:
                self._repeat(rows, before, style, rng)
            plan_again = Planner(self.tree, self._resolver, rng).make()
            plan = plan_again if plan_again.tables else plan
        if style.near_misses:
            self._near_misses(rows, plan, style, rng)
        for table in self.schema.tables:
            for _ in range(rng.randrange(style.noise_rows // 2 + 1, style.noise_rows + 2)):
                rows[table.name].append(self._noise(table, style, rng))
            present = rows[table.name]
            if present and not table.primary_key and rng.random() < 0.5:
                present.append(dict(rng.choice(present)))
        for table in self.schema.tables:
            rng.shuffle(rows[table.name])
        if style.graded and self.graded:
            self._grade(rows, rng)
        if style.dependent:
            self._follow(rows, style, rng)
        if style.twins:
            self._add_twins(rows)
        if style.empty:
            rows[rng.choice(self.schema.tables).name].clear()
        return constrain(
            self.schema, rows, lambda table: self._noise(table, STYLES[0], rng, nulls=False)
        )

    def _add(
        self,
        rows: dict[str, list[Record]],
        plan: Plan,
        style: Style,
        rng: Random,
        violate: Test | None = None,
        apart: tuple[int, str] | None = None,
    ) -> None:
        """One combination of rows; `violate` is broken, `apart` gets a value of its own."""
        values: dict[int, Any] = {}
        compared = {id(c) for first, second, _ in plan.orders for c in (first, second)}
        for cell in plan.distinct_cells():
            # Nothing asks for a value: the row's own noise has fewer ties. Copies of a row
            # are there to fill a group, so they must agree.
            free = not cell.tests and len(cell.members) == 1 and id(cell) not in compared
            if free and plan.copies[cell.members[0][0]] == 1:
                continue
            pool = self._pool_of(cell.members)
            missed = violate is not None or apart is not None
            if missed and not cell.tests and pool.type != "BOOLEAN" and rng.random() < 0.7:
                # Joined to nothing else: no other row makes up for what is missed here.
                self._fresh += 1
                values[id(cell)] = pool.fresh(self._fresh)
                continue
            cell_violate = violate if violate in cell.tests else None
            values[id(cell)] = choose(cell, pool, rng, cell_violate)
        for first, second, operator in plan.orders:
            a, b = values[id(first)], values[id(second)]
            wrong = operator in (exp.LT, exp.LTE) and not _less(a, b)
            wrong |= operator in (exp.GT, exp.GTE) and not _less(b, a)
            if wrong:
                values[id(first)], values[id(second)] = b, a
        for number, table in enumerate(plan.tables):
            for copy in range(plan.copies[number]):
                if len(rows[table.name]) >= MAX_ROWS:
                    break
                row = self._noise(table, style, rng, nulls=False)
                if number == (apart or (-1,))[0] and apart is not None:
                    self._set_fresh(row, table, apart[1])
                for column in table.columns:
                    place = (number, column.name.casefold())
                    cell_found = plan.cells.get(place)
                    if cell_found is None or id(cell_found) not in values or place == apart:
                        continue
                    if copy and column.unique:
                        continue
                    # Joined columns need not have one type.
                    row[column.name] = fit(values[id(cell_found)], column.type)
                rows[table.name].append(row)

    def _repeat(
        self,
        rows: dict[str, list[Record]],
        before: dict[str, int],
        style: Style,
        rng: Random,
    ) -> None:
        """Once more the newest rows of one table, their unique columns changed."""
        grown = [t for t in self.schema.tables if len(rows[t.name]) > before[t.name]]
        for table in grown:
            if rng.random() < 0.5:
                continue
            row = dict(rows[table.name][-1])
            other = self._noise(table, style, rng, nulls=False)
            for column in table.columns:
                if column.unique or column.name in table.primary_key[-1:]:
                    row[column.name] = other[column.name]
            nullable = [c.name for c in table.columns if c.nullable and c.name in row]
            if style.null_rate and nullable and rng.random() < 0.3:
                row[rng.choice(nullable)] = None
            rows[table.name].append(row)

    def _set_fresh(self, row: Record, table: Table, column: str) -> None:
        found = table.find(column)
        if found is not None:
            self._fresh += 1
            pool = self.pools[table.name.casefold(), column]
            row[found.name] = pool.fresh(self._fresh)

    def _near_misses(
        self, rows: dict[str, list[Record]], plan: Plan, style: Style, rng: Random
    ) -> None:
        once = dataclasses.replace(plan, copies=[min(c, 2) for c in plan.copies])
        for cell in plan.distinct_cells():
            for test in cell.tests:
                if rng.random() < 0.8:
                    self._add(rows, once, style, rng, violate=test)
        joined = [c for c in plan.distinct_cells() if len(c.members) > 1]
        for cell in joined:
            for row, key in cell.members:
                if rng.random() < 0.7:
                    for _ in range(rng.randint(2, 6) if style.orphans else 1):
                        self._add(rows, once, style, rng, apart=(row, key[1]))

    def _pool_of(self, members: list[tuple[int, Key]]) -> Pool:
        pools = [self.pools[key] for _, key in members]
        first = pools[0]
        if len(pools) == 1:
            return first
        hits = [h for p in pools for h in p.hits if p.type == first.type]
        return dataclasses.replace(first, hits=list(dict.fromkeys(hits)))

    def _noise(self, table: Table, style: Style, rng: Random, nulls: bool = True) -> Record:
        row: Record = {}
        for column in table.columns:
            pool = self.pools[table.name.casefold(), column.name.casefold()]
            if nulls and column.nullable and rng.random() < style.null_rate:
                row[column.name] = None
            elif not pool.key and rng.random() < style.fresh_rate and pool.type != "BOOLEAN":
                self._fresh += 1
                row[column.name] = pool.fresh(self._fresh)
            else:
                draw = rng.random()
                source = pool.hits if draw < 0.35 else pool.near if draw < 0.55 else pool.fillers
                row[column.name] = rng.choice(source or pool.all)
        return row

    def _grade(self, rows: dict[str, list[Record]], rng: Random) -> None:
        """Give the groups of one table 1, 2, 3 … rows more than they have."""
        name, column = rng.choice(self.graded)
        values = list(dict.fromkeys(r[column] for r in rows[name] if r[column] is not None))
        if rng.random() < 0.5:
            # The values that satisfy the gold come often enough to differ in number.
            values = values[:4]
        templates = {v: [r for r in rows[name] if r[column] == v] for v in values}
        own_column = self.schema.find(name)
        if values and rng.random() < 0.3 and own_column is not None:
            found = own_column.find(column)
            if found is not None and found.nullable:
                values.append(None)
                templates[None] = [{**rng.choice(rows[name]), column: None}]
        for size, value in enumerate(values[-6:]):
            for _ in range(size * rng.choice((1, 2))):
                if len(rows[name]) < MAX_ROWS:
                    row = dict(rng.choice(templates[value]))
                    table = self.schema.find(name)
                    assert table is not None
                    other = self._noise(table, STYLES[2], rng, nulls=False)
                    for own in table.columns:
                        if own.unique or own.name in table.primary_key[-1:]:
                            row[own.name] = other[own.name]
                    rows[name].append(row)

    def _follow(self, rows: dict[str, list[Record]], style: Style, rng: Random) -> None:
        """Make each (table, key column, column) of `dependencies` a functional dependency."""
        merged: dict[tuple[str, str], dict[Any, int]] = {}
        for name, key, column in self.dependencies:
            seen: dict[Any, Any] = {}
            if style.merged and rows[name]:
                # One pick for all columns of a key, so that whole names agree.
                picks = merged.setdefault((name, key), {})
                shared = [rng.choice(rows[name])[column] for _ in range(2)]
                found = self.schema.find(name)
                own = found.find(column) if found is not None else None
                if own is not None and own.nullable and rng.random() < 0.5:
                    shared[0] = None
                for value in dict.fromkeys(row[key] for row in rows[name]):
                    seen[value] = shared[picks.setdefault(value, rng.randrange(2))]
            for row in rows[name]:
                row[column] = seen.setdefault(row[key], row[column])

    def _add_twins(self, rows: dict[str, list[Record]]) -> None:
        """Every row once more, alike but for its keys, and joined to twins where it was joined.

        Then the first row of any order ties with one that looks the same: LIMIT 1 is not
        left to chance, and "all rows with the largest value" is another answer.
        """
        renamed: dict[tuple[int, Any], Any] = {}
        for table in self.schema.tables:
            own = {c.name for c in table.columns if c.unique} | set(table.primary_key[-1:])
            for row in rows[table.name][: (MAX_ROWS - len(rows[table.name])) or None]:
                twin = dict(row)
                for name in own:
                    pool = self.pools[table.name.casefold(), name.casefold()]
                    place = (id(pool.source or pool), str(row[name]))
                    if row[name] is not None and place not in renamed:
                        self._fresh += 1
                        renamed[place] = (pool.source or pool).fresh(self._fresh)
                    twin[name] = fit(renamed.get(place), pool.type)
                rows[table.name].append(twin)


def _less(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return False
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a < b
    return str(a) < str(b)
