"""What a query can see of its database, and how much it can make of it.

The sandbox loads no column that no query names, and runs queries over few rows without the
engine's optimizer. Both are decided here, from the query and its schema alone.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping

from sqlglot import exp

from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.tables import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Footprint:
    """What is known about a translated query.

    Attributes:
        names: Names in lower case (`str.casefold`), of tables and aliases too, without which
            no column shows. None if columns can show without being named: a star, a NATURAL
            join, a table taken as a value, columns counted by position.
        reads: Table → how often the query reads it, where that bounds its work: no source of
            rows but tables. None for all others.
    """

    names: frozenset[str] | None = None
    reads: Mapping[str, int] | None = None


UNKNOWN = Footprint()

_UNNAMED = (exp.Columns, exp.Pivot, exp.PositionalColumn, exp.Dot)
# A CTE may be read often, and what it or a subquery in FROM computes and nobody uses is left out
# by the optimizer alone.
_SOURCES = (exp.With, exp.UDTF)


def footprint_of(tree: exp.Expr, schema: Schema, dialect: str = "sqlite") -> Footprint:
    """Look at a translated query.

    Args:
        tree: In DuckDB's dialect.
        schema: Its tables.
        dialect: What it was written in. Only SQLite's meaning is translated into functions
            that never raise, so that the order of evaluation does not matter.
    """
    nodes = nodes_of(tree)
    return Footprint(_names(nodes, schema), _reads(nodes) if dialect == "sqlite" else None)


def _names(nodes: list[exp.Expr], schema: Schema) -> frozenset[str] | None:
    names, sources, bare = set(), {t.name.casefold() for t in schema.tables}, set()
    for node in nodes:
        if isinstance(node, exp.Identifier):
            names.add(node.name.casefold())
        elif isinstance(node, exp.Star):
            if not isinstance(node.parent, exp.Count):
                return None
        elif isinstance(node, exp.Table):
            sources.add(node.name.casefold())
        elif isinstance(node, exp.TableAlias):
            # `t AS x(b)` names columns by their position; a CTE's are those that it selects.
            if node.args.get("columns") and not isinstance(node.parent, exp.CTE):
                return None
            sources.add(node.name.casefold())
        elif isinstance(node, exp.Column):
            if not node.table:
                bare.add(node.name.casefold())
        elif isinstance(node, _UNNAMED) or (
            isinstance(node, exp.Join) and node.method.upper() in ("NATURAL", "POSITIONAL")
        ):
            return None
    # The engine takes such a name for the table's row where it is no column.
    return None if bare & sources else frozenset(names)


def _reads(nodes: list[exp.Expr]) -> Mapping[str, int] | None:
    reads: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, exp.Table):
            if not isinstance(node.this, exp.Identifier):
                return None
            reads[node.name.casefold()] += 1
        elif isinstance(node, _SOURCES) or (
            isinstance(node.parent, (exp.From, exp.Join)) and node.arg_key == "this"
        ):
            return None
    return reads
