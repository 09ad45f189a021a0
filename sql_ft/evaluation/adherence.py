"""Does every table and column of a query exist in the schema?

Names are resolved the way a binder does it, scope by scope: aliases, CTEs, derived
tables, correlated subqueries and select aliases count as what they stand for. An
ambiguous name exists, so it adheres, although no engine runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, ScopeType, traverse_scope

from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.schema import Schema, Table


def adheres_to_schema(tree: exp.Expr, schema: Schema) -> bool:
    """True if all tables and columns of the query resolve in the schema.

    Args:
        tree: One query, its double-quoted literals resolved (`Translated.source`).
        schema: Tables and columns; letter case is ignored.
    """
    return not unresolved_names(tree, schema)


def unresolved_names(tree: exp.Expr, schema: Schema) -> list[str]:
    """Names that do not exist, in order of appearance, without repeats.

    A query whose scopes cannot be told (one alias used twice) yields ``<scope>``.

    Args:
        tree: As for `adheres_to_schema`.
        schema: As for `adheres_to_schema`.
    """
    if _adheres_plainly(tree, schema):
        return []
    folded = tree.copy()
    for identifier in folded.find_all(exp.Identifier):
        identifier.set("this", identifier.name.casefold())
    tables = _Tables(
        (table.name.casefold(), {column.name.casefold() for column in table.columns})
        for table in schema.tables
    )
    try:
        scopes = traverse_scope(folded)
        names = [name for scope in scopes for name in _unresolved_in(scope, tables)]
    except (SqlglotError, RecursionError):
        return ["<scope>"]
    return list(dict.fromkeys(names))


def _adheres_plainly(tree: exp.Expr, schema: Schema) -> bool:
    """True if every SELECT reads tables only and finds each of its names in itself.

    Most queries do, and to build sqlglot's scopes for them takes ten times as long. False
    says nothing: the scopes decide.
    """
    nodes = nodes_of(tree)
    known = {table.name.casefold(): table for table in schema.tables}
    selects: dict[int, tuple[dict[str, set[str]], set[str]]] = {}
    unread = 0
    for node in nodes:
        if isinstance(node, exp.Select):
            sources = _plain_sources(node, known)
            if sources is None:
                return False
            selects[id(node)] = sources, {s.alias.casefold() for s in node.expressions}
            unread -= len(sources)
        elif isinstance(node, exp.Table):
            unread += 1
        elif isinstance(node, exp.CTE | exp.UDTF):
            return False
    # A table that no FROM or JOIN reads stands somewhere else (`x IN t`).
    return not unread and all(_is_plain(n, selects) for n in nodes if isinstance(n, exp.Column))


def _plain_sources(select: exp.Select, known: dict[str, Table]) -> dict[str, set[str]] | None:
    """Name in this SELECT → columns; None unless all are tables under names of their own."""
    joins = select.args.get("joins") or []
    if select.args.get("laterals") or any(join.args.get("using") for join in joins):
        return None
    clause = select.args.get("from_")
    sources: dict[str, set[str]] = {}
    for item in ([clause.this] if clause is not None else []) + [join.this for join in joins]:
        if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
            return None
        if any(value for name, value in item.args.items() if name not in ("this", "alias")):
            return None
        alias, table = item.alias_or_name.casefold(), known.get(item.name.casefold())
        if table is None or alias in sources or item.alias_column_names:
            return None
        sources[alias] = {column.name.casefold() for column in table.columns}
    return sources


def _is_plain(column: exp.Column, selects: dict[int, tuple[dict[str, set[str]], set[str]]]) -> bool:
    """True if the SELECT that the column stands in has it."""
    around = column.parent
    while around is not None and not isinstance(around, exp.Query):
        around = around.parent
    if around is None or id(around) not in selects:
        return False
    sources, aliases = selects[id(around)]
    qualifier, name = column.table.casefold(), column.name.casefold()
    if isinstance(column.this, exp.Star):
        return qualifier in sources
    if qualifier:
        return qualifier in sources and name in sources[qualifier]
    return any(name in columns for columns in sources.values()) or name in aliases


class _Tables(dict[str, set[str]]):
    """Table name → column names, and what is already known of a query's scopes.

    Without that, a chain of CTEs that each use the one before twice takes 2^n steps.
    """

    def __init__(self, items: Iterable[tuple[str, set[str]]]) -> None:
        super().__init__(items)
        self.outputs: dict[int, set[str] | None] = {}


def _unresolved_in(scope: Scope, tables: _Tables) -> Iterator[str]:
    for _, source in scope.selected_sources.values():
        if isinstance(source, exp.Table) and _table_columns(source, tables) is None:
            yield source.name or source.sql()
    for join in scope.find_all(exp.Join):
        for name in join.args.get("using") or ():
            if not _resolves(name.name, "", scope, tables):
                yield name.name
    for column in scope.find_all(exp.Column):
        name = "" if isinstance(column.this, exp.Star) else column.name
        if not _resolves(name, column.table, scope, tables):
            yield f"{column.table}.{name or '*'}" if column.table else name


def _resolves(name: str, qualifier: str, scope: Scope, tables: _Tables) -> bool:
    """True if the name is visible in the scope or in one around it."""
    here: Scope | None = scope
    visible = True
    while here is not None:
        if visible and _resolves_here(name, qualifier, here, tables):
            return True
        # A derived table, a CTE and a branch of a set operation do not see the names of
        # the query directly around them, only those further out.
        visible = here.scope_type in (ScopeType.SUBQUERY, ScopeType.UDTF)
        here = here.parent
    return False


def _resolves_here(name: str, qualifier: str, scope: Scope, tables: _Tables) -> bool:
    if isinstance(scope.expression, exp.SetOperation):
        return not qualifier and _has(_outputs(scope, tables), name)
    sources = scope.selected_sources
    if qualifier:
        if qualifier not in sources:
            return False
        return not name or _has(_source_columns(sources[qualifier][1], tables), name)
    if any(_has(_source_columns(source, tables), name) for _, source in sources.values()):
        return True
    return isinstance(scope.expression, exp.Select) and any(
        select.alias == name for select in scope.expression.selects
    )


def _has(columns: set[str] | None, name: str) -> bool:
    # None: the columns cannot be known (a missing table, reported once by itself, or a
    # table function), so the column is not reported a second time.
    return columns is None or name in columns


def _source_columns(source: exp.Expression | Scope, tables: _Tables) -> set[str] | None:
    if isinstance(source, Scope):
        return _outputs(source, tables)
    return _table_columns(source, tables)


def _table_columns(source: exp.Expression, tables: _Tables) -> set[str] | None:
    if not isinstance(source, exp.Table) or source.catalog or source.db not in ("", "main"):
        return None
    return tables.get(source.name) if isinstance(source.this, exp.Identifier) else None


def _outputs(scope: Scope, tables: _Tables) -> set[str] | None:
    """Column names that a CTE, derived table or set operation offers; None: unknown."""
    # All scopes live as long as the list of them, so no two have the same id.
    if id(scope) not in tables.outputs:
        tables.outputs[id(scope)] = _find_outputs(scope, tables)
    return tables.outputs[id(scope)]


def _find_outputs(scope: Scope, tables: _Tables) -> set[str] | None:
    expression = scope.expression
    declared = scope.outer_columns or _cte_columns(expression)
    if declared:
        return set(declared)
    if isinstance(expression, exp.SetOperation):
        # A set operation takes its names from its first branch.
        branches = scope.set_operation_scopes
        return _outputs(branches[0], tables) if branches else None
    if not isinstance(expression, exp.Select):
        return None
    names: set[str] = set()
    for select in expression.selects:
        if not select.is_star:
            names.add(select.alias_or_name)
            continue
        qualifier = select.table if isinstance(select, exp.Column) else ""
        for alias, (_, source) in scope.selected_sources.items():
            if qualifier in ("", alias):
                columns = _source_columns(source, tables)
                if columns is None:
                    return None
                names |= columns
    return names


def _cte_columns(expression: exp.Expr) -> list[str]:
    """Column list of the CTE around a query: sqlglot gives none inside a recursive one."""
    node = expression
    while isinstance(node.parent, exp.SetOperation | exp.Subquery):
        node = node.parent
    return list(node.parent.alias_column_names) if isinstance(node.parent, exp.CTE) else []
