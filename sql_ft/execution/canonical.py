"""One spelling for queries that differ in spelling only.

Names of tables and columns in lower case, columns qualified, table aliases numbered in
order of appearance, output names left out where nothing refers to them, INNER and ASC
left out, equalities with their sides in one order, chains of AND sorted. Two queries with
the same canonical text return the same rows on every database, so the second needs no
execution. What is not plain is left as it is: then the texts differ and execution decides.
"""

from __future__ import annotations

import re

from sqlglot import exp

from sql_ft.execution import guard
from sql_ft.execution.resolve import Env, Resolver
from sql_ft.execution.schema import Schema

_CONSTANTS = re.compile(r"'(?:[^']|'')*'|(?<![\w\"])\d[\w.]*")
_MAY_NAME_OUTPUTS = ("order", "having", "group", "qualify", "where", "distinct", "windows")


class CanonicalGold:
    """A translated gold that predictions are compared with.

    Args:
        sql: `Translated.sql` of the gold.
        schema: Tables that its names are resolved in.
    """

    def __init__(self, sql: str, schema: Schema) -> None:
        self.sql, self.schema = sql, schema
        self._constants: list[str] | None = None
        self._text: str | None = None

    def equals(self, sql: str, tree: exp.Expr) -> bool:
        """True if a translated prediction is this gold in another spelling.

        Args:
            sql: `Translated.sql` of the prediction.
            tree: `Translated.tree` of the prediction; not changed.
        """
        if sql == self.sql:
            return True
        # Most predictions that are not the gold use other constants, which is quick to see.
        if self._constants is None:
            self._constants = _constants(self.sql)
        if _constants(sql) != self._constants:
            return False
        if self._text is None:
            gold = guard.parse_one(self.sql, "duckdb")
            self._text = canonical_text(gold, self.schema)
        return canonical_text(tree.copy(), self.schema) == self._text


def canonical_text(tree: exp.Expr, schema: Schema) -> str:
    """Canonical spelling of a query in DuckDB's dialect; the tree is changed."""
    _drop_output_names(tree)
    _rename(tree, Resolver(tree, schema))
    for node in list(tree.find_all(exp.Join, exp.Ordered)):
        if isinstance(node, exp.Join) and node.args.get("kind") == "INNER":
            node.set("kind", None)
        elif isinstance(node, exp.Ordered) and not node.args.get("desc"):
            node.set("desc", None)
    for node in reversed(list(tree.find_all(exp.EQ))):
        if node.left.sql() > node.right.sql():
            left, right = node.left, node.right
            node.set("this", right)
            node.set("expression", left)
    for node in reversed(list(tree.find_all(exp.And))):
        if not isinstance(node.parent, exp.And):
            _sort_chain(node)
    return tree.sql(dialect="duckdb", identify=True, comments=False)


def _constants(sql: str) -> list[str]:
    return sorted(_CONSTANTS.findall(sql))


def _drop_output_names(tree: exp.Expr) -> None:
    """Names of the result's columns are not compared, but other clauses may use them."""
    if not isinstance(tree, exp.Select):
        return
    clauses = [tree.args.get(key) for key in _MAY_NAME_OUTPUTS]
    clauses += [p.unalias() for p in tree.expressions]
    used = {
        column.name.casefold()
        for clause in clauses
        for node in (clause if isinstance(clause, list) else [clause])
        if isinstance(node, exp.Expr)
        for column in node.find_all(exp.Column)
        if not column.table
    }
    for projection in list(tree.expressions):
        if isinstance(projection, exp.Alias) and projection.alias.casefold() not in used:
            projection.replace(projection.this)


def _rename(tree: exp.Expr, resolver: Resolver) -> None:
    """Number the aliases of tables, and qualify the columns; all of them or none."""
    aliases: dict[tuple[int, str], str] = {}
    tables: list[tuple[exp.Table, str]] = []
    for select in tree.find_all(exp.Select):
        env = resolver.envs.get(id(select))
        items = _plain_items(select, env) if env is not None else None
        if env is None or items is None:
            return
        for item, source in zip(items, env.sources, strict=True):
            aliases[id(select), source.alias] = f"_{len(aliases)}"
            tables.append((item, aliases[id(select), source.alias]))
    columns: list[tuple[exp.Column, str, str]] = []
    for column in tree.find_all(exp.Column):
        found, env = resolver.resolve(column), resolver.scope_of(column)
        if isinstance(column.this, exp.Star) or found is None:
            return
        if env is None:
            # An output's name, in ORDER BY or HAVING: it has been kept.
            if column.table:
                return
            continue
        alias = aliases.get((id(env.select), found.alias))
        if alias is None or found.column is None or _ambiguous(column, env):
            return
        columns.append((column, found.column.name, alias))
    for column, name, alias in columns:
        column.set("this", exp.to_identifier(name.casefold(), quoted=True))
        column.set("table", exp.to_identifier(alias, quoted=True))
    for item, alias in tables:
        item.set("this", exp.to_identifier(item.name.casefold(), quoted=True))
        item.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def _plain_items(select: exp.Expr, env: Env) -> list[exp.Table] | None:
    """Items of FROM if all are tables of the schema under names of their own, else None."""
    clause = select.args.get("from_")
    items = [clause.this] if clause is not None else []
    joins = select.args.get("joins") or ()
    items += [join.this for join in joins]
    plain = [
        item
        for item, source in zip(items, env.sources, strict=False)
        if isinstance(item, exp.Table)
        and isinstance(item.this, exp.Identifier)
        and source.table is not None
        and not (item.db or item.args.get("joins") or item.args.get("sample"))
        and len((item.args.get("alias") or exp.TableAlias()).args.get("columns") or ()) == 0
    ]
    if len(plain) < len(items) or len(items) != len(env.sources):
        return None
    if len({s.alias for s in env.sources}) < len(env.sources):
        return None
    if any(j.args.get("using") or j.args.get("method") for j in joins):
        return None
    return plain


def _ambiguous(column: exp.Column, env: Env) -> bool:
    """Engines refuse a name that two tables have, or take an output's name first."""
    if column.table:
        return False
    name = column.name.casefold()
    tables = sum(source.find(name) is not None for source in env.sources)
    return tables > 1 or name in env.outputs


def _sort_chain(node: exp.Expr) -> None:
    parts = sorted(node.flatten(), key=lambda part: part.sql())
    for part in parts:
        part.pop()
    chain = parts[0]
    for part in parts[1:]:
        chain = exp.And(this=chain, expression=part)
    node.replace(chain)
