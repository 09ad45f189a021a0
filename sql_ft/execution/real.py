"""A database that exists: its schema, and rows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sqlglot import exp

from sql_ft.execution.databases import Database
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.tables import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class RealDatabase:
    """What a file holds, shared by all samples that ask about it.

    Attributes:
        schema: Declared keys and foreign keys; types from declaration and content.
        database: Its rows, under the name `databases.REAL`.
        capped: Table → rows in the file, for tables of which only a part was read.
    """

    schema: Schema
    database: Database
    capped: Mapping[str, int] = dataclasses.field(default_factory=dict)


def observed_schema(real: RealDatabase, gold_tree: exp.Expr) -> Schema:
    """The schema with NOT NULL where the rows show no NULL.

    Public schemas seldom declare NOT NULL; where no row of a table has a NULL in a column, a
    COUNT(column) is meant as COUNT(*). Tables without rows show nothing, and a column that
    the gold itself tests with IS NULL stays as declared.
    """
    resolver = Resolver(gold_tree, real.schema)
    tested = {
        (found.table.name, found.column.name)
        for test in gold_tree.find_all(exp.Is)
        for column in test.find_all(exp.Column)
        if (found := resolver.resolve(column)) is not None and found.table and found.column
    }
    tables = []
    for table in real.schema.tables:
        rows = real.database.rows.get(table.name, ())
        columns = tuple(
            dataclasses.replace(c, nullable=False)
            if rows
            and c.nullable
            and (table.name, c.name) not in tested
            and all(row[place] is not None for row in rows)
            else c
            for place, c in enumerate(table.columns)
        )
        tables.append(dataclasses.replace(table, columns=columns))
    return Schema(tuple(tables))
