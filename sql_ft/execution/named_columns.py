"""Which columns a query can show: a column that it cannot name need not be loaded."""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.tables import Schema

_EVERYTHING = (exp.Columns, exp.Pivot)


def named_columns(tree: exp.Expr, schema: Schema) -> frozenset[str] | None:
    """Names, of whatever kind, without which no column of a table shows in this query.

    Args:
        tree: A query in DuckDB's dialect.
        schema: Its tables.

    Returns:
        Names in lower case (`str.casefold`), more than the columns': tables and aliases stand
        among them. None if columns can show without being named: a star, a NATURAL join, a
        table taken as a value.
    """
    names, sources, bare = set(), {t.name.casefold() for t in schema.tables}, set()
    for node in nodes_of(tree):
        if isinstance(node, exp.Identifier):
            names.add(node.name.casefold())
        elif isinstance(node, exp.Star):
            if not isinstance(node.parent, exp.Count):
                return None
        elif isinstance(node, (exp.Table, exp.TableAlias)):
            sources.add(node.name.casefold())
        elif isinstance(node, exp.Column):
            if not node.table:
                bare.add(node.name.casefold())
        elif isinstance(node, _EVERYTHING) or (
            isinstance(node, exp.Join) and node.method.upper() == "NATURAL"
        ):
            return None
    # The engine takes such a name for the table's row where it is no column.
    return None if bare & sources else frozenset(names)
