"""How many columns a query may stand over, and when that need not be counted."""

from __future__ import annotations

from sqlglot import exp

from sql_ft.execution.tables import Schema

# A chain of CTEs, each the product of the one before with itself, has 2^n columns.
MAX_COLUMNS = 20_000


def has_few_columns(nodes: list[exp.Expr], schema: Schema) -> bool:
    """True if a query of these nodes is sure to stay below `MAX_COLUMNS`.

    Only where FROM holds nothing but tables: then no SELECT offers more columns than its
    tables have, once for each thing that it selects.
    """
    tables = selected = 0
    for node in nodes:
        if isinstance(node, exp.Table):
            tables += 1
        elif isinstance(node, exp.Select):
            selected += len(node.expressions)
        elif isinstance(node, exp.From | exp.Join):
            if not isinstance(node.this, exp.Table):
                return False
        elif isinstance(node, exp.CTE):
            return False
    widest = max((len(table.columns) for table in schema.tables), default=0)
    return (1 + tables * widest) * (1 + selected) <= MAX_COLUMNS
