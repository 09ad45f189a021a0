"""Hypothesis strategies: schemas with constraints, queries over them, results.

A query is a template over the names of its schema (``$t0`` a table, ``$t0c1`` a column), so
that one query can be written for several spellings of the same schema.
"""

from __future__ import annotations

import dataclasses
from string import Template

from hypothesis import strategies as st

from sql_ft.execution.schema import quote_name
from sql_ft.execution.tables import Column, ForeignKey, Schema, Table

TYPES = ("BIGINT", "DOUBLE", "VARCHAR")
TEXTS = ("x", "it's", "a b", "Zed", "zed", "12", "2020-02-29", "100%", "_")


@dataclasses.dataclass(frozen=True)
class Case:
    """A schema and queries over it."""

    schema: Schema
    templates: tuple[str, ...]

    def sql(self, number: int, names: dict[str, str]) -> str:
        """Query `number` with its names spelled as in `names`, all quoted."""
        quoted = {key: quote_name(name) for key, name in names.items()}
        return Template(self.templates[number]).substitute(quoted)


def plain_names(schema: Schema) -> dict[str, str]:
    """Placeholders → the schema's own names."""
    names = {f"t{i}": t.name for i, t in enumerate(schema.tables)}
    return names | {
        f"t{i}c{j}": c.name for i, t in enumerate(schema.tables) for j, c in enumerate(t.columns)
    }


@st.composite
def schemas(draw) -> Schema:
    """One to three tables with keys, UNIQUE, NOT NULL and foreign keys (also to itself)."""
    tables: list[Table] = []
    for number in range(draw(st.integers(1, 3))):
        columns = []
        for place in range(draw(st.integers(2, 4))):
            nullable, unique = draw(st.booleans()), draw(st.integers(0, 5)) == 0
            columns.append(
                Column(f"t{number}c{place}", draw(st.sampled_from(TYPES)), "", nullable, unique)
            )
        primary: tuple[str, ...] = ()
        kind = draw(st.sampled_from(["none", "single", "double"]))
        if kind == "single":
            primary = (columns[0].name,)
            columns[0] = dataclasses.replace(columns[0], nullable=False, unique=True)
        elif kind == "double":
            primary = (columns[0].name, columns[1].name)
            columns[:2] = [dataclasses.replace(c, nullable=False) for c in columns[:2]]
        table = Table(f"t{number}", tuple(columns), primary)
        tables.append(draw(_with_foreign_key(table, tables)))
    return Schema(tuple(tables))


@st.composite
def _with_foreign_key(draw, table: Table, others: list[Table]) -> Table:
    targets = [t for t in [*others, table] if len(t.primary_key) == 1]
    if not targets or not draw(st.booleans()):
        return table
    target = draw(st.sampled_from(targets))
    key = target.find(target.primary_key[0])
    own = table.columns[-1]
    if own.name in table.primary_key:
        return table
    # A row may refer to itself only if some row refers to nothing.
    own = dataclasses.replace(own, type=key.type, nullable=own.nullable or target is table)
    foreign = ForeignKey((own.name,), target.name, (key.name,))
    return dataclasses.replace(table, columns=(*table.columns[:-1], own), foreign_keys=(foreign,))


@st.composite
def cases(draw, queries: int = 1) -> Case:
    """A schema and `queries` queries over it."""
    schema = draw(schemas())
    return Case(schema, tuple(draw(_query(schema)) for _ in range(queries)))


@st.composite
def _query(draw, schema: Schema) -> str:
    tables = range(len(schema.tables))
    number = draw(st.sampled_from(tables))
    shape = draw(st.sampled_from(["rows", "rows", "join", "group", "in", "average", "set"]))
    place = draw(st.sampled_from(_places(schema, number)))
    where = draw(st.one_of(st.just(""), _where(schema, number)))
    if shape == "group":
        inner = draw(st.sampled_from(["COUNT(*)", f"COUNT({place})", f"MAX({place})",
                                      f"COUNT(DISTINCT {place})", f"SUM({place})"]))  # fmt: skip
        key = draw(st.sampled_from(_places(schema, number)))
        having = draw(st.sampled_from(["", " HAVING COUNT(*) > 1", " HAVING COUNT(*) <= 2"]))
        return f"SELECT {key}, {inner} FROM $t{number}{where} GROUP BY {key}{having}"
    if shape == "in":
        other = draw(st.sampled_from(tables))
        inside = draw(st.sampled_from(_places(schema, other)))
        negated = draw(st.sampled_from(["", "NOT "]))
        nested = draw(st.one_of(st.just(""), _where(schema, other)))
        return (
            f"SELECT {place} FROM $t{number} WHERE {place} {negated}IN"
            f" (SELECT {inside} FROM $t{other}{nested})"
        )
    if shape == "average":
        numbers = [
            f"$t{number}.$t{number}c{i}"
            for i, c in enumerate(schema.tables[number].columns)
            if c.type != "VARCHAR"
        ]
        if numbers:
            column = draw(st.sampled_from(numbers))
            return (
                f"SELECT {place} FROM $t{number} WHERE {column} >"
                f" (SELECT AVG({column}) FROM $t{number}{where})"
            )
    if shape == "set":
        operator = draw(st.sampled_from(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]))
        other_where = draw(_where(schema, number))
        return (
            f"SELECT {place} FROM $t{number}{where} {operator}"
            f" SELECT {place} FROM $t{number}{other_where}"
        )
    source = f"$t{number}"
    if shape == "join" and len(schema.tables) > 1:
        other = draw(st.sampled_from([t for t in tables if t != number]))
        pairs = [
            (f"$t{number}.$t{number}c{i}", f"$t{other}.$t{other}c{j}")
            for i, a in enumerate(schema.tables[number].columns)
            for j, b in enumerate(schema.tables[other].columns)
            if a.type == b.type
        ]
        if pairs:
            left, right = draw(st.sampled_from(pairs))
            kind = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
            source += f" {kind} $t{other} ON {left} = {right}"
    distinct = draw(st.sampled_from(["", "DISTINCT "]))
    order = draw(st.sampled_from(["", f" ORDER BY {place}", f" ORDER BY {place} DESC"]))
    limit = draw(st.sampled_from(["", " LIMIT 1", " LIMIT 3"])) if order else ""
    return f"SELECT {distinct}{place} FROM {source}{where}{order}{limit}"


def _places(schema: Schema, number: int) -> list[str]:
    return [f"$t{number}.$t{number}c{i}" for i in range(len(schema.tables[number].columns))]


@st.composite
def _where(draw, schema: Schema, number: int) -> str:
    parts = draw(st.lists(_condition(schema, number), min_size=1, max_size=2))
    return " WHERE " + draw(st.sampled_from([" AND ", " OR "])).join(parts)


@st.composite
def _condition(draw, schema: Schema, number: int) -> str:
    place = draw(st.integers(0, len(schema.tables[number].columns) - 1))
    column = f"$t{number}.$t{number}c{place}"
    kind = schema.tables[number].columns[place].type
    literal = draw(literals(kind))
    shape = draw(st.sampled_from(["compare", "compare", "null", "in", "between", "like"]))
    if shape == "null":
        return f"{column} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if shape == "in":
        return f"{column} IN ({literal}, {draw(literals(kind))})"
    if shape == "between":
        return f"{column} BETWEEN {literal} AND {draw(literals(kind))}"
    if shape == "like" and kind == "VARCHAR":
        pattern = draw(st.sampled_from(["x%", "%e%", "_", "%b"]))
        return f"{column} {draw(st.sampled_from(['', 'NOT ']))}LIKE '{pattern}'"
    return f"{column} {draw(st.sampled_from(['=', '<>', '<', '<=', '>', '>=']))} {literal}"


def literals(kind: str) -> st.SearchStrategy[str]:
    """SQL text of a literal of a type."""
    if kind == "BIGINT":
        return st.integers(0, 60).map(str)
    if kind == "DOUBLE":
        return st.integers(0, 120).map(lambda n: repr(n / 2))
    return st.sampled_from(TEXTS).map(lambda t: "'" + t.replace("'", "''") + "'")


def result_values() -> st.SearchStrategy[object]:
    """Values as engines return them; few, so that rows repeat."""
    return st.one_of(
        st.none(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "B"]),
        st.sampled_from([0.5, -2.25, 1e9, float("nan"), float("inf")]), st.booleans(),
    )  # fmt: skip


@st.composite
def bags(draw, min_rows: int = 0) -> tuple[int, list[tuple[object, ...]]]:
    """(number of columns, rows)."""
    width = draw(st.integers(1, 4))
    row = st.tuples(*[result_values()] * width)
    return width, draw(st.lists(row, min_size=min_rows, max_size=12))
