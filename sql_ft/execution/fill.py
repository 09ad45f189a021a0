"""One candidate database: witnesses, near misses, noise, then the constraints.

`style` varies from candidate to candidate: with or without NULLs, with or without ties,
bare columns following their group's key or not. No one style tells everything apart.
"""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

from sqlglot import exp

from sql_ft.execution.plan import Plan, Test, choose
from sql_ft.execution.pools import Pool, fit
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.tables import Schema, Table
from sql_ft.execution.usage import Key
from sql_ft.execution.witness import Planner

Row = tuple[Any, ...]
MAX_ROWS = 150


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
    """

    null_rate: float
    fresh_rate: float
    noise_rows: int
    near_misses: bool
    dependent: bool
    repeat_rate: float
    graded: bool = False


STYLES = (
    Style(0.0, 0.35, 5, True, True, 0.5),
    Style(0.12, 0.2, 6, True, True, 0.5, graded=True),
    Style(0.0, 0.9, 4, True, True, 0.0),
    Style(0.0, 0.0, 9, True, True, 1.0),
    Style(0.0, 0.7, 0, False, True, 0.0, graded=True),
    Style(0.05, 0.5, 12, True, False, 0.5),
    Style(0.0, 0.8, 1, True, True, 0.0, graded=True),
    Style(0.0, 0.5, 2, False, True, 0.0, graded=True),
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
        rows: dict[str, list[dict[str, Any]]] = {t.name: [] for t in self.schema.tables}
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
            self._follow(rows)
        return self._constrained(rows, rng)

    def _add(
        self,
        rows: dict[str, list[dict[str, Any]]],
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
        rows: dict[str, list[dict[str, Any]]],
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
            rows[table.name].append(row)

    def _set_fresh(self, row: dict[str, Any], table: Table, column: str) -> None:
        found = table.find(column)
        if found is not None:
            self._fresh += 1
            pool = self.pools[table.name.casefold(), column]
            row[found.name] = pool.fresh(self._fresh)

    def _near_misses(
        self, rows: dict[str, list[dict[str, Any]]], plan: Plan, style: Style, rng: Random
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
                    self._add(rows, once, style, rng, apart=(row, key[1]))

    def _pool_of(self, members: list[tuple[int, Key]]) -> Pool:
        pools = [self.pools[key] for _, key in members]
        first = pools[0]
        if len(pools) == 1:
            return first
        hits = [h for p in pools for h in p.hits if p.type == first.type]
        return dataclasses.replace(first, hits=list(dict.fromkeys(hits)))

    def _noise(self, table: Table, style: Style, rng: Random, nulls: bool = True) -> dict[str, Any]:
        row: dict[str, Any] = {}
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

    def _grade(self, rows: dict[str, list[dict[str, Any]]], rng: Random) -> None:
        """Give the groups of one table 1, 2, 3 … rows more than they have."""
        name, column = rng.choice(self.graded)
        values = list(dict.fromkeys(r[column] for r in rows[name] if r[column] is not None))
        if rng.random() < 0.5:
            # The values that satisfy the gold come often enough to differ in number.
            values = values[:4]
        templates = {v: [r for r in rows[name] if r[column] == v] for v in values}
        for size, value in enumerate(values[:6]):
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

    def _follow(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Make each (table, key column, column) of `dependencies` a functional dependency."""
        for name, key, column in self.dependencies:
            seen: dict[Any, Any] = {}
            for row in rows[name]:
                row[column] = seen.setdefault(row[key], row[column])

    def _constrained(
        self, rows: dict[str, list[dict[str, Any]]], rng: Random
    ) -> dict[str, list[Row]]:
        """Unique keys, NOT NULL and foreign keys hold afterwards."""
        order = _parents_first(self.schema)
        for table in order:
            rows[table.name] = self._unique(table, rows[table.name])
        # Children are repaired last, so that the parents they name are final.
        for table in reversed(order):
            for foreign in table.foreign_keys:
                self._add_parents(table, foreign, rows, rng)
        for table in order:
            rows[table.name] = self._unique(table, rows[table.name])
        for table in order:
            self._drop_orphans(table, rows)
        return {
            t.name: [tuple(r[c.name] for c in t.columns) for r in rows[t.name]]
            for t in self.schema.tables
        }

    def _unique(self, table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = [(c.name,) for c in table.columns if c.unique] + list(table.unique_keys)
        if table.primary_key and len(table.primary_key) > 1:
            keys.append(table.primary_key)
        required = [c.name for c in table.columns if not c.nullable]
        seen: set[tuple[Any, ...]] = set()
        kept = []
        for row in rows:
            marks = [(k, *(row[c] for c in k)) for k in keys]
            full = [m for m in marks if None not in m]
            if any(m in seen for m in full) or any(row[c] is None for c in required):
                continue
            seen.update(full)
            kept.append(row)
        return kept

    def _add_parents(
        self, table: Table, foreign: Any, rows: dict[str, list[dict[str, Any]]], rng: Random
    ) -> None:
        target = self.schema.find(foreign.ref_table)
        names = _target_columns(target, foreign)
        if target is None or not names:
            return
        present = {tuple(r[n] for n in names) for r in rows[target.name]}
        for row in rows[table.name]:
            wanted = _as_types(row, foreign.columns, target, names)
            if None in wanted or wanted in present or len(rows[target.name]) >= MAX_ROWS:
                continue
            parent = self._noise(target, STYLES[0], rng, nulls=False)
            parent.update(zip(names, wanted, strict=True))
            rows[target.name].append(parent)
            present.add(wanted)

    def _drop_orphans(self, table: Table, rows: dict[str, list[dict[str, Any]]]) -> None:
        for foreign in table.foreign_keys:
            target = self.schema.find(foreign.ref_table)
            names = _target_columns(target, foreign)
            if target is None or not names:
                continue
            present = {tuple(r[n] for n in names) for r in rows[target.name]}
            rows[table.name] = [
                r
                for r in rows[table.name]
                if None in (r[c] for c in foreign.columns)
                or _as_types(r, foreign.columns, target, names) in present
            ]


def _target_columns(target: Table | None, foreign: Any) -> tuple[str, ...]:
    """Referenced columns as the target spells them; () if they are not all there."""
    if target is None:
        return ()
    found = [target.find(n) for n in foreign.ref_columns or target.primary_key]
    if len(found) != len(foreign.columns):
        return ()
    names = tuple(c.name for c in found if c is not None)
    return names if len(names) == len(found) else ()


def _as_types(
    row: dict[str, Any], columns: tuple[str, ...], target: Table, names: tuple[str, ...]
) -> tuple[Any, ...]:
    """A row's foreign key as its parent would hold it: a text may refer to a number."""
    found = [target.find(name) for name in names]
    return tuple(
        fit(row[own], other.type if other is not None else "")
        for own, other in zip(columns, found, strict=True)
    )


def _parents_first(schema: Schema) -> list[Table]:
    done: list[Table] = []
    waiting = list(schema.tables)
    while waiting:
        ready = [
            t
            for t in waiting
            if not any(
                schema.find(f.ref_table) in waiting and schema.find(f.ref_table) is not t
                for f in t.foreign_keys
            )
        ] or waiting[:1]
        for table in ready:
            done.append(table)
            waiting.remove(table)
    return done


def _less(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return False
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a < b
    return str(a) < str(b)
