"""Which table does a column of a query come from, and of what type is an expression?

sqlglot's own optimizer rejects or rewrites much of what public golds do, so this
resolver only looks: it follows SQLite's rules of name lookup, and leaves None where a
name resolves to nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution.column_bound import MAX_COLUMNS
from sql_ft.execution.nodes import nodes_of
from sql_ft.execution.tables import Column, Schema, Table
from sql_ft.records import ExecutionStatus

INTEGER, REAL, TEXT, OTHER = "BIGINT", "DOUBLE", "VARCHAR", ""
NUMERIC = (INTEGER, REAL)
Query = (exp.Select, exp.SetOperation, exp.Values)


@dataclasses.dataclass(frozen=True, slots=True)
class Resolved:
    """What a column or an output of a query is.

    Attributes:
        name: Output name.
        type: DuckDB type, "" if unknown.
        table: Base table, None for computed outputs.
        column: Base column, None for computed outputs.
        alias: Lower-case name of the FROM item it came through.
        affinity: True if SQLite gives it a column's affinity.
    """

    name: str
    type: str
    table: Table | None = None
    column: Column | None = None
    alias: str = ""
    affinity: bool = False


@dataclasses.dataclass(slots=True)
class Source:
    """One item of a FROM clause: its alias (lower case) and what it offers."""

    alias: str
    columns: list[Resolved]
    table: Table | None = None
    known: bool = True

    def find(self, name: str) -> Resolved | None:
        """Column of that name, letter case ignored."""
        return next((c for c in self.columns if c.name.casefold() == name), None)


@dataclasses.dataclass(slots=True)
class Env:
    """One SELECT: its FROM items, its named outputs, and the query around it."""

    select: exp.Expr
    outer: Env | None
    sources: list[Source] = dataclasses.field(default_factory=list)
    outputs: dict[str, exp.Expr] = dataclasses.field(default_factory=dict)

    def lookup(self, name: str, table: str) -> tuple[Resolved, Env] | None:
        """Innermost match; ambiguous names go to the first FROM item that has them."""
        env: Env | None = self
        while env is not None:
            for source in env.sources:
                if table and source.alias != table:
                    continue
                found = source.find(name)
                if found is not None:
                    return dataclasses.replace(found, alias=source.alias), env
                if not source.known and (table or len(env.sources) == 1):
                    return Resolved(name, OTHER, alias=source.alias), env
            env = env.outer
        return None


class Resolver:
    """Names and types of one query.

    Attributes:
        envs: id of each SELECT node → its `Env`. Nodes that a pass moves keep what they
            resolved to; copies and new nodes have no entry.
        unknown_tables: Names in FROM that are neither a table nor a CTE.
    """

    def __init__(self, tree: exp.Expr, schema: Schema) -> None:
        self.tree = tree
        self.schema = schema
        self.envs: dict[int, Env] = {}
        self.unknown_tables: list[str] = []
        self._columns: dict[int, tuple[Resolved, Env] | None] = {}
        self._outputs: dict[int, list[Resolved]] = {}
        self._column_count = 0
        # Passes take nodes out of the tree; as long as they live, no new node has their id.
        self._alive = nodes_of(tree)
        self._visit(tree, None, {})

    def resolve(self, column: exp.Column) -> Resolved | None:
        """What the column is; an alias of the projection gives that expression's type."""
        found = self._columns.get(id(column))
        if found is not None:
            return found[0]
        if not column.table:
            env = self._env_of(column)
            target = env.outputs.get(column.name.casefold()) if env else None
            if target is not None and not any(n is column for n in target.walk()):
                inner = target.this if isinstance(target, exp.Alias) else target
                if isinstance(inner, exp.Column):
                    return self.resolve(inner)
                return Resolved(column.name, self.type_of(inner))
        return None

    def scope_of(self, column: exp.Column) -> Env | None:
        """The SELECT whose FROM item the column belongs to (an outer one if correlated)."""
        found = self._columns.get(id(column))
        return found[1] if found else None

    def outputs(self, query: exp.Expr) -> list[Resolved]:
        """Outputs of a query of this tree, in order."""
        return self._outputs.get(id(query), [])

    def type_of(self, node: exp.Expr | None) -> str:
        """DuckDB type of an expression under SQLite's rules, "" if unknown."""
        if node is None:
            return OTHER
        if isinstance(node, exp.Column):
            found = self.resolve(node)
            return found.type if found else OTHER
        if isinstance(node, exp.Literal):
            if node.is_string:
                return TEXT
            return INTEGER if node.this.isdigit() else REAL
        if isinstance(node, (exp.Paren, exp.Alias, exp.Distinct, exp.Collate, exp.Ordered)):
            inner = node.this or (node.expressions[0] if node.expressions else None)
            return self.type_of(inner)
        if isinstance(node, (exp.Max, exp.Min, exp.Neg, exp.Abs, exp.AnyValue, exp.Window)):
            return self.type_of(node.this)
        if isinstance(node, (exp.Filter, exp.IgnoreNulls)):
            return self.type_of(node.this)
        if isinstance(node, exp.Subquery):
            return self.type_of(node.this)
        if isinstance(node, Query):
            outputs = self.outputs(node)
            return outputs[0].type if outputs else OTHER
        if isinstance(node, (exp.Cast, exp.TryCast)):
            return _cast_type(node.to)
        if isinstance(node, (exp.Avg, exp.Div)) and isinstance(node, exp.Avg):
            return REAL
        if isinstance(node, exp.Sum):
            inner = self.type_of(node.this)
            return inner if inner in NUMERIC else REAL
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
            both = (self.type_of(node.left), self.type_of(node.right))
            return INTEGER if both == (INTEGER, INTEGER) else REAL
        if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif)):
            return self._common([node.this, *node.expressions])
        if isinstance(node, exp.Case):
            return self._common(
                [*(i.args["true"] for i in node.args["ifs"]), node.args.get("default")]
            )
        if isinstance(node, exp.If):
            return self._common([node.args.get("true"), node.args.get("false")])
        if isinstance(node, _INTEGER_NODES):
            return INTEGER
        if isinstance(node, exp.Round):
            return REAL
        if isinstance(node, _TEXT_NODES):
            return TEXT
        if isinstance(node, exp.Anonymous):
            name = node.name.upper()
            if name in _TYPE_OF_FIRST and node.expressions:
                return self.type_of(node.expressions[0])
            return _ANONYMOUS.get(name, OTHER)
        return OTHER

    def has_affinity(self, node: exp.Expr) -> bool:
        """True if SQLite applies the node's column affinity in comparisons."""
        if isinstance(node, exp.Paren):
            return self.has_affinity(node.this)
        if isinstance(node, exp.Column):
            found = self.resolve(node)
            if found is not None and found.column is not None and found.column.affinity == "BLOB":
                return False
            return found is not None and (found.affinity or found.column is not None)
        if isinstance(node, exp.Subquery):
            outputs = self.outputs(node.this)
            return bool(outputs) and outputs[0].affinity
        return isinstance(node, (exp.Cast, exp.TryCast))

    def stored_affinity(self, node: exp.Expr) -> str:
        """`Column.affinity` of a base column, "" of anything else."""
        inner = node.unnest()
        found = self.resolve(inner) if isinstance(inner, exp.Column) else None
        return found.column.affinity if found is not None and found.column is not None else ""

    def columns(self) -> Iterator[tuple[exp.Column, Resolved]]:
        """All columns of the query that resolve to a base table."""
        for node in self.tree.find_all(exp.Column):
            found = self.resolve(node)
            if found is not None and found.column is not None:
                yield node, found

    def _common(self, nodes: list[exp.Expr | None]) -> str:
        kinds = [k for k in (self.type_of(n) for n in nodes if not isinstance(n, exp.Null)) if k]
        if not kinds:
            return OTHER
        if all(k == kinds[0] for k in kinds):
            return kinds[0]
        return REAL if all(k in NUMERIC for k in kinds) else OTHER

    def _env_of(self, node: exp.Expr) -> Env | None:
        parent: exp.Expr | None = node
        while parent is not None:
            if id(parent) in self.envs:
                return self.envs[id(parent)]
            parent = parent.parent
        return None

    def _visit(
        self, query: exp.Expr, outer: Env | None, ctes: dict[str, list[Resolved]]
    ) -> list[Resolved]:
        while isinstance(query, (exp.Subquery, exp.Paren)):
            ctes = self._with(query, outer, ctes)
            inner = self._visit(query.this, outer, ctes)
            self._outputs[id(query)] = inner
            return inner
        ctes = self._with(query, outer, ctes)
        if isinstance(query, exp.SetOperation):
            outputs = self._visit(query.this, outer, ctes)
            self._visit(query.expression, outer, ctes)
            env = Env(query, outer, [Source("", outputs)])
            self.envs[id(query)] = env
            for part in ("order", "limit", "offset"):
                self._walk(query.args.get(part), env, ctes)
        elif isinstance(query, exp.Select):
            outputs = self._select(query, outer, ctes)
        else:
            outputs = []
            env = Env(query, outer)
            for child in query.iter_expressions():
                self._walk(child, env, ctes)
        self._outputs[id(query)] = outputs
        return outputs

    def _with(
        self, query: exp.Expr, outer: Env | None, ctes: dict[str, list[Resolved]]
    ) -> dict[str, list[Resolved]]:
        clause = query.args.get("with_")
        if clause is None:
            return ctes
        ctes = dict(ctes)
        for cte in clause.expressions:
            names = [c.name for c in cte.args["alias"].args.get("columns") or ()]
            key = cte.alias.casefold()
            if clause.args.get("recursive"):
                ctes[key] = [Resolved(n, OTHER) for n in names]
            ctes[key] = _renamed(self._visit(cte.this, outer, ctes), names)
        return ctes

    def _select(
        self, select: exp.Select, outer: Env | None, ctes: dict[str, list[Resolved]]
    ) -> list[Resolved]:
        env = Env(select, outer)
        self.envs[id(select)] = env
        joins = list(select.args.get("joins") or ())
        clause = select.args.get("from_")
        items = ([clause.this] if clause is not None else []) + [j.this for j in joins]
        for item in items:
            self._add_source(item, env, ctes)
        for projection in select.expressions:
            if projection.alias:
                env.outputs.setdefault(projection.alias.casefold(), projection)
        for key, value in select.args.items():
            if key in ("from_", "with_"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, exp.Join):
                    self._walk(child.args.get("on"), env, ctes)
                elif isinstance(child, exp.Expr):
                    self._walk(child, env, ctes)
        outputs = self._project(select, env)
        self._column_count += len(outputs) + sum(len(s.columns) for s in env.sources)
        if self._column_count > MAX_COLUMNS:
            raise SqlTranslationError(
                f"a query over more than {MAX_COLUMNS} columns", status=ExecutionStatus.SYNTAX
            )
        return outputs

    def _add_source(self, item: exp.Expr, env: Env, ctes: dict[str, list[Resolved]]) -> None:
        alias = item.alias_or_name.casefold()
        names = (
            [c.name for c in item.args["alias"].args.get("columns") or ()]
            if (item.args.get("alias") is not None)
            else []
        )
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            key = item.name.casefold()
            table = self.schema.find(item.name)
            if key in ctes and not item.db:
                env.sources.append(Source(alias, _renamed(ctes[key], names)))
            elif table is not None:
                columns = [Resolved(c.name, c.type, table, c, alias, True) for c in table.columns]
                env.sources.append(Source(alias, columns, table))
            else:
                self.unknown_tables.append(item.name)
                env.sources.append(Source(alias, [], known=False))
        elif isinstance(item, exp.Subquery):
            if isinstance(item.this, exp.Table):
                self._add_source(item.this, env, ctes)
            else:
                columns = _renamed(self._visit(item, env.outer, ctes), names)
                env.sources.append(Source(alias, columns, known=bool(columns)))
        else:
            env.sources.append(Source(alias, [Resolved(n, OTHER) for n in names], known=False))
            self._walk(item, env, ctes)
        for join in item.args.get("joins") or ():
            self._add_source(join.this, env, ctes)
            self._walk(join.args.get("on"), env, ctes)

    def _walk(self, node: exp.Expr | None, env: Env, ctes: dict[str, list[Resolved]]) -> None:
        if node is None:
            return
        if isinstance(node, exp.Column):
            if not isinstance(node.this, exp.Star):
                found = env.lookup(node.name.casefold(), node.table.casefold())
                self._columns[id(node)] = found
            return
        if isinstance(node, Query):
            self._visit(node, env, ctes)
            return
        for child in node.iter_expressions():
            self._walk(child, env, ctes)

    def _project(self, select: exp.Select, env: Env) -> list[Resolved]:
        outputs: list[Resolved] = []
        for projection in select.expressions:
            inner = projection.this if isinstance(projection, exp.Alias) else projection
            if isinstance(inner, exp.Star) or (
                isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)
            ):
                wanted = inner.table.casefold() if isinstance(inner, exp.Column) else ""
                for source in env.sources:
                    if not wanted or source.alias == wanted:
                        outputs.extend(source.columns)
                continue
            found = self.resolve(inner) if isinstance(inner, exp.Column) else None
            name = projection.alias_or_name
            if found is not None:
                outputs.append(dataclasses.replace(found, name=name))
            else:
                outputs.append(
                    Resolved(name, self.type_of(inner), affinity=self.has_affinity(inner))
                )
        return outputs


def _renamed(columns: list[Resolved], names: list[str]) -> list[Resolved]:
    if not names:
        return list(columns)
    return [dataclasses.replace(c, name=n) for c, n in zip(columns, names, strict=False)]


def _cast_type(target: exp.DataType) -> str:
    if target.this in exp.DataType.INTEGER_TYPES:
        return INTEGER
    if target.this in exp.DataType.NUMERIC_TYPES:
        return REAL
    if target.this in exp.DataType.TEXT_TYPES:
        return TEXT
    return OTHER


_INTEGER_NODES = (
    exp.Count, exp.Length, exp.StrPosition, exp.Boolean, exp.Predicate, exp.Not, exp.And, exp.Or,
    exp.Mod, exp.IntDiv, exp.RowNumber, exp.BitwiseAnd, exp.BitwiseOr, exp.Unicode, exp.Sign,
)  # fmt: skip
_TEXT_NODES = (
    exp.DPipe, exp.Concat, exp.Lower, exp.Upper, exp.Substring, exp.Trim, exp.Replace,
    exp.GroupConcat, exp.TimeToStr, exp.Date, exp.CurrentDate, exp.CurrentTimestamp,
)  # fmt: skip
_ANONYMOUS = {
    "TOTAL": REAL, "JULIANDAY": REAL, "DATE": TEXT, "TIME": TEXT, "DATETIME": TEXT,
    "STRFTIME": TEXT, "PRINTF": TEXT, "FORMAT": TEXT, "TYPEOF": TEXT, "CHAR": TEXT, "HEX": TEXT,
    "QUOTE": TEXT, "REGEXP_REPLACE": TEXT, "DIVIDE": INTEGER, "MOD": INTEGER, "JULIAN": REAL,
    "TRUNC": REAL, "EPOCH": REAL, "RANDOM": INTEGER, "CHANGES": INTEGER, "UNIXEPOCH": INTEGER,
}  # fmt: skip
_TYPE_OF_FIRST = frozenset({"FIRST", "ARG_MAX_NULL", "ARG_MIN_NULL", "NULLIF"})
