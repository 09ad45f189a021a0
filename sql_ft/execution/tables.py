"""The shape of a database: tables, columns, keys. Values only."""

from __future__ import annotations

import dataclasses

MIXED = "MIXED"
NUMERIC_AFFINITIES = frozenset({"INTEGER", "REAL", "NUMERIC", MIXED})


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: As the DDL first spells it.
        type: Normalised DuckDB type: ``BIGINT``, ``DOUBLE``, ``VARCHAR``, ``DATE``,
            ``TIMESTAMP``, ``BOOLEAN`` or ``BLOB``.
        declared_type: The type as the DDL wrote it ("" if it wrote none).
        nullable: False for NOT NULL and primary-key columns.
        unique: True if the column alone is declared UNIQUE or is the primary key.
        affinity: SQLite's affinity of a column whose values were read
            (`sql_ft.data.sqlite_file`), `MIXED` if numbers and text stand beside each other
            in it; "" where `type` tells it.
    """

    name: str
    type: str
    declared_type: str = ""
    nullable: bool = True
    unique: bool = False
    affinity: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of the owning table refer to `ref_columns` of `ref_table`."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table; `unique_keys` are further multi-column UNIQUE constraints."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()

    def find(self, column: str) -> Column | None:
        """Column of that name, letter case ignored."""
        wanted = column.casefold()
        return next((c for c in self.columns if c.name.casefold() == wanted), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Schema:
    """All tables of one database; names are unique without regard to letter case."""

    tables: tuple[Table, ...]

    def find(self, table: str) -> Table | None:
        """Table of that name, letter case ignored."""
        wanted = table.casefold()
        return next((t for t in self.tables if t.name.casefold() == wanted), None)


def create_sql(schema: Schema) -> list[str]:
    """DuckDB CREATE TABLE statements, one a table (types only, no constraints)."""
    return [
        f"CREATE TABLE {quote_name(t.name)} ("
        + ", ".join(f"{quote_name(c.name)} {c.type}" for c in t.columns)
        + ")"
        for t in schema.tables
    ]


def quote_name(name: str) -> str:
    """Identifier in double quotes, inner quotes doubled."""
    return '"' + name.replace('"', '""') + '"'
