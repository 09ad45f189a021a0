"""Why a query should be tried again, in words that a model can use."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_ft.errors import SqlTranslationError
from sql_ft.evaluation.adherence import unresolved_names
from sql_ft.execution.dialect import parse_query
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.schema import parse_schema
from sql_ft.execution.tables import Column, Schema, Table, quote_name
from sql_ft.serving.query import QueryResult, QueryTarget

_MOST_LITERALS = 4
_MOST_VALUES = 3
_PROBE_TIMEOUT_S = 1.0
# SQLite has them in every table.
_IMPLICIT_COLUMNS = frozenset({"rowid", "oid", "_rowid_"})


def diagnose(
    sql: str,
    context: str | Schema,
    result: QueryResult | None,
    database: QueryTarget | None = None,
) -> str:
    """Why a query should be tried again, in one line for the model; "" if it should not.

    An empty result alone is no reason: it may be the answer. It is one where the database
    shows that a text which the query compares a column with does not occur in that column.

    Args:
        sql: One query.
        context: CREATE TABLE statements that its names must come from, or their schema.
        result: Its result, if it was executed.
        database: Asked, if the result is empty, whether the values it compares with occur.
    """
    schema = parse_schema(context) if isinstance(context, str) else context
    if not sql.strip():
        return "no SQL was written"
    if result is not None and result.ok:
        if not result.says_nothing or database is None:
            return ""
        return _absent_values(sql, schema, database)
    problem = check_names(sql, schema)
    if result is None or problem:
        return problem
    return f"{result.status.value.replace('_', ' ')}: {result.error}"


def check_names(sql: str, schema: Schema) -> str:
    """What is wrong with a query before it runs; "" if it is one query on known names."""
    try:
        tree = parse_query(sql, schema)
    except SqlTranslationError as error:
        return f"{error.status.replace('_', ' ')}: {error.message}"
    missing = [
        name
        for name in unresolved_names(tree, schema)
        if name != "<scope>" and name.rpartition(".")[2] not in _IMPLICIT_COLUMNS
    ]
    if not missing:
        return ""
    return "; ".join(_missing_name(name, schema) for name in missing[:3])


def _missing_name(name: str, schema: Schema) -> str:
    tables = {t.name.casefold(): t.name for t in schema.tables}
    columns = {c.name.casefold(): c.name for t in schema.tables for c in t.columns}
    _, dot, column = name.rpartition(".")
    holders = [t.name for t in schema.tables if t.find(column or name)]
    if dot and holders:
        return f"{name} does not exist; {column} is a column of {', '.join(holders[:3])}"
    close = difflib.get_close_matches((column or name).casefold(), {**tables, **columns}, n=3)
    near = [{**columns, **tables}[c] for c in close]
    hint = f"; the schema has {', '.join(near)}" if near else ""
    return f"{name} does not exist in the schema{hint}"


def _absent_values(sql: str, schema: Schema, database: QueryTarget) -> str:
    found = []
    for table, column, text in list(_compared_texts(sql, schema))[:_MOST_LITERALS]:
        where = f"{quote_name(column.name)} = {_literal(text)}"
        hit = _probe(database, f"SELECT 1 FROM {quote_name(table.name)} WHERE {where} LIMIT 1")
        if hit is None or hit:
            continue
        values = _near_values(database, table, column, text)
        if values:
            shown = ", ".join(_literal(v) for v in values)
            found.append(f"no row has {column.name} = {_literal(text)}; it holds {shown}")
    return "; ".join(found)


def _compared_texts(sql: str, schema: Schema) -> Iterator[tuple[Table, Column, str]]:
    """Columns that a query wants to be equal to a text."""
    try:
        tree = parse_query(sql, schema)
        resolver = Resolver(tree, schema)
    except (SqlTranslationError, SqlglotError, RecursionError):
        return
    for node in tree.find_all(exp.EQ, exp.In):
        column, texts = _sides(node)
        if column is None:
            continue
        resolved = resolver.resolve(column)
        if resolved is None or resolved.table is None or resolved.column is None:
            continue
        for text in texts:
            yield resolved.table, resolved.column, text


def _sides(node: exp.Expr) -> tuple[exp.Column | None, list[str]]:
    parts = (
        [node.this, *node.expressions] if isinstance(node, exp.In) else [*node.iter_expressions()]
    )
    columns = [p for p in parts if isinstance(p, exp.Column)]
    texts = [p.name for p in parts if isinstance(p, exp.Literal) and p.is_string]
    return (columns[0] if len(columns) == 1 else None), texts


def _near_values(database: QueryTarget, table: Table, column: Column, text: str) -> list[str]:
    """What the column holds that looks like the text; else its first values."""
    name, source = quote_name(column.name), quote_name(table.name)
    part = f"instr(lower({name}), {_literal(text.lower())}) > 0"
    for where in (f"lower({name}) = {_literal(text.lower())}", part, f"{name} IS NOT NULL"):
        query = f"SELECT DISTINCT {name} FROM {source} WHERE {where} LIMIT {_MOST_VALUES}"
        values = _probe(database, query)
        if values:
            return [str(value)[:60] for value in values]
    return []


def _probe(database: QueryTarget, sql: str) -> list[object] | None:
    """First column of a small query; None if it failed."""
    result = database.run(sql, timeout_s=_PROBE_TIMEOUT_S, max_rows=_MOST_VALUES)
    return [row[0] for row in result.rows] if result.ok else None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
