"""CREATE TABLE text → tables, columns, types, keys and foreign keys."""

from __future__ import annotations

import dataclasses

import sqlglot
import sqlglot.errors
from sqlglot import exp

from sql_ft.errors import SchemaError
from sql_ft.execution import ddl_fallback
from sql_ft.execution.infer import infer_types
from sql_ft.execution.tables import Column, ForeignKey, Schema, Table, create_sql, quote_name

__all__ = [
    "Column",
    "ForeignKey",
    "Schema",
    "Table",
    "create_sql",
    "infer_types",
    "normalize_type",
    "parse_schema",
    "quote_name",
]

MAX_DDL_CHARS = 1_000_000


def parse_schema(ddl: str, dialect: str = "sqlite") -> Schema:
    """Read CREATE TABLE statements; repeated ones of one table are merged.

    sqlglot reads the text; what it cannot read (names such as ``2nd_leg`` or ``a&b``
    without quotes) goes through `ddl_fallback`, which only splits.

    Raises:
        SchemaError: The text holds no CREATE TABLE that can be understood.
    """
    if "\x00" in ddl or len(ddl) > MAX_DDL_CHARS:
        raise SchemaError(
            f"CREATE TABLE text has a NUL byte or {len(ddl)} characters",
            expected=f"text without NUL bytes, at most {MAX_DDL_CHARS} characters",
        )
    try:
        tables = [_from_tree(create, dialect) for create in _create_trees(ddl, dialect)]
    except (sqlglot.errors.SqlglotError, _UnreadableError, RecursionError):
        tables = [_from_draft(draft, dialect) for draft in ddl_fallback.split_ddl(ddl)]
    if not tables:
        raise SchemaError(
            f"no CREATE TABLE statement in {ddl[:120]!r}",
            expected="CREATE TABLE name (column type, …)",
        )
    return Schema(_merge(tables))


class _UnreadableError(Exception):
    """sqlglot read the text, but not as plain CREATE TABLE statements."""


def _create_trees(ddl: str, dialect: str) -> list[exp.Create]:
    creates = []
    for statement in sqlglot.parse(ddl, dialect=dialect):
        if isinstance(statement, exp.Command):
            raise _UnreadableError
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            if not isinstance(statement.this, exp.Schema):
                raise _UnreadableError
            creates.append(statement)
    return creates


def _from_tree(create: exp.Create, dialect: str) -> Table:
    schema = create.this
    columns: list[Column] = []
    keys: list[tuple[str, ...]] = []
    foreign: list[ForeignKey] = []
    primary: tuple[str, ...] = ()
    for item in schema.expressions:
        if isinstance(item, exp.Constraint):
            items = item.expressions
        else:
            items = [item]
        for part in items:
            if isinstance(part, exp.ColumnDef):
                column, is_primary, reference = _column(part, dialect)
                columns.append(column)
                if is_primary:
                    primary = (*primary, column.name)
                if reference is not None:
                    foreign.append(reference)
            elif isinstance(part, exp.Identifier):
                columns.append(Column(part.name, normalize_type("", dialect)))
            elif isinstance(part, exp.PrimaryKey):
                primary = tuple(_names(part))
            elif isinstance(part, exp.UniqueColumnConstraint):
                keys.append(tuple(_names(part)))
            elif isinstance(part, exp.ForeignKey):
                foreign.append(_reference(tuple(_names(part)), part.args.get("reference")))
    if not columns or any(not c.name for c in columns):
        raise _UnreadableError
    return _finish(schema.this.name, columns, primary, foreign, keys)


def _column(definition: exp.ColumnDef, dialect: str) -> tuple[Column, bool, ForeignKey | None]:
    kind = definition.args.get("kind")
    declared = kind.sql(dialect=dialect) if kind is not None else ""
    kinds = [c.args.get("kind") for c in definition.args.get("constraints") or ()]
    primary = any(isinstance(k, exp.PrimaryKeyColumnConstraint) for k in kinds)
    unique = any(isinstance(k, exp.UniqueColumnConstraint) for k in kinds)
    not_null = any(
        isinstance(k, exp.NotNullColumnConstraint) and not k.args.get("allow_null") for k in kinds
    )
    reference = next((k for k in kinds if isinstance(k, exp.Reference)), None)
    column = Column(
        definition.name, normalize_type(declared, dialect), declared, not not_null, unique
    )
    return column, primary, _reference((column.name,), reference) if reference else None


def _names(node: exp.Expr) -> list[str]:
    found = node.expressions
    if not found and isinstance(node.this, exp.Schema):
        found = node.this.expressions
    return [(n.find(exp.Identifier) or n).name for n in found]


def _reference(columns: tuple[str, ...], reference: exp.Expr | None) -> ForeignKey:
    target = reference.this if reference is not None else None
    if isinstance(target, exp.Schema):
        return ForeignKey(columns, target.this.name, tuple(_names(target)))
    if isinstance(target, exp.Table):
        return ForeignKey(columns, target.name, ())
    raise _UnreadableError


def _from_draft(draft: ddl_fallback.Draft, dialect: str) -> Table:
    columns = [
        Column(c.name, normalize_type(c.type, dialect), c.type, not c.not_null, c.unique)
        for c in draft.columns
    ]
    foreign = [ForeignKey(*f) for f in draft.foreign_keys]
    return _finish(draft.name, columns, draft.primary_key, foreign, list(draft.unique_keys))


def _finish(
    name: str,
    columns: list[Column],
    primary: tuple[str, ...],
    foreign: list[ForeignKey],
    keys: list[tuple[str, ...]],
) -> Table:
    """Spell key columns as the columns themselves are; mark single-column keys."""
    spelling = {c.name.casefold(): c.name for c in columns}

    def spell(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(spelling[n.casefold()] for n in names if n.casefold() in spelling)

    primary = spell(primary)
    single = {k[0].casefold() for k in [primary, *(spell(k) for k in keys)] if len(k) == 1}
    primary_names = {p.casefold() for p in primary}
    unique_columns: dict[str, Column] = {}
    for column in columns:
        key = column.name.casefold()
        unique_columns.setdefault(
            key,
            dataclasses.replace(
                column,
                nullable=column.nullable and key not in primary_names,
                unique=column.unique or key in single,
            ),
        )
    return Table(
        name,
        tuple(unique_columns.values()),
        primary,
        tuple(
            dataclasses.replace(f, columns=spell(f.columns)) for f in foreign if spell(f.columns)
        ),
        tuple(k for k in (spell(k) for k in keys) if len(k) > 1),
    )


def _merge(tables: list[Table]) -> tuple[Table, ...]:
    merged: dict[str, Table] = {}
    for table in tables:
        key = table.name.casefold()
        first = merged.get(key)
        if first is None:
            merged[key] = table
            continue
        columns = {c.name.casefold(): c for c in first.columns}
        # The dataset writes "(Id VARCHAR)" for an alias of which no column is used; a
        # number type on one alias and text on another means that it is a number.
        for column in table.columns:
            known = columns.get(column.name.casefold())
            if known is None or (known.type == "VARCHAR" and column.type != "VARCHAR"):
                name = column.name if known is None else known.name
                columns[column.name.casefold()] = dataclasses.replace(column, name=name)
        merged[key] = Table(
            first.name,
            tuple(columns.values()),
            first.primary_key or table.primary_key,
            tuple(dict.fromkeys(first.foreign_keys + table.foreign_keys)),
            tuple(dict.fromkeys(first.unique_keys + table.unique_keys)),
        )
    return tuple(merged.values())


def normalize_type(declared: str, dialect: str = "sqlite") -> str:
    """DuckDB type of a declared type.

    For SQLite the rules follow its column affinity (https://sqlite.org/datatype3.html,
    section 3.1), and dates stay text and booleans numbers, as SQLite keeps them. The one
    deviation: NUMERIC becomes DOUBLE, because a DuckDB column has a single type.
    """
    text = declared.upper()
    temporal = dialect != "sqlite"
    if "BOOL" in text:
        return "BOOLEAN" if temporal else "BIGINT"
    if "TIMESTAMP" in text or "DATETIME" in text:
        return "TIMESTAMP" if temporal else "VARCHAR"
    if text.startswith("DATE"):
        return "DATE" if temporal else "VARCHAR"
    if "INTERVAL" in text or text.startswith("TIME") or "POINT" in text:
        return "VARCHAR"
    if "INT" in text or "SERIAL" in text or text.startswith(("YEAR", "BIT")):
        return "BIGINT"
    if "BLOB" in text or "BYTEA" in text or "BINARY" in text:
        return "BLOB" if temporal else "VARCHAR"
    if any(word in text for word in ("CHAR", "TEXT", "CLOB", "STRING")):
        return "VARCHAR"
    if any(word in text for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC", "MONEY")):
        return "DOUBLE"
    return "VARCHAR"
