"""Is a prediction the gold in other letters? A key that equal queries share.

Two queries with the same key give the same rows on every database. The key ignores
letter case of names, quoting, alias names, whether a column is qualified, comments,
white space and parentheses, the order of AND, OR, IN lists, GROUP BY keys and inner
joins, an inner join's ON against WHERE, which side of a comparison stands left, BETWEEN
against two comparisons, COUNT(1) against COUNT(*), and names of output columns. It is a
sufficient test only: most queries that mean the same have different keys.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence

from sqlglot import exp

from sql_ft.execution.schema import Schema

_FLIPPED: dict[type[exp.Expr], str] = {exp.GT: "LT", exp.GTE: "LTE"}
_NEGATED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.GT: exp.LTE, exp.LTE: exp.GT, exp.LT: exp.GTE,
    exp.GTE: exp.LT,
}  # fmt: skip
_SYMMETRIC = (exp.EQ, exp.NEQ, exp.Add, exp.Mul)
# Nested BETWEENs double the work at each level, and a prediction is hostile input. Real
# queries take some hundred steps; one that takes more is compared as written.
_MAX_STEPS = 20_000


class _UnsupportedError(Exception):
    """A construct whose names this module does not follow."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Source:
    """One FROM item under its canonical name; columns in order, None if unknown."""

    name: str
    columns: tuple[str, ...] | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Frame:
    """Names that one SELECT adds: FROM items by alias, and its own outputs."""

    sources: dict[str, _Source]
    outputs: dict[str, exp.Expr]


def canonical_key(tree: exp.Expr, schema: Schema) -> str:
    """Text that is equal for queries that are the same up to the spellings above.

    Args:
        tree: One query, its double-quoted literals resolved (`dialect.parse_query`).
        schema: Tables and columns that the query's names are looked up in.
    """
    try:
        return _Writer(schema).query(tree, (), {})
    except (_UnsupportedError, RecursionError):
        # Nothing but white space, comments and keywords in another case is ignored then.
        return "as written: " + tree.sql(comments=False, normalize_functions="upper")


Frames = tuple[_Frame, ...]
Ctes = dict[str, _Source]


class _Writer:
    def __init__(self, schema: Schema) -> None:
        self._steps = 0
        self.tables = {
            table.name.casefold(): tuple(c.name.casefold() for c in table.columns)
            for table in schema.tables
        }

    def query(self, node: exp.Expr, frames: Frames, ctes: Ctes) -> str:
        """Key of a SELECT or set operation."""
        self._count_step()
        while isinstance(node, exp.Subquery | exp.Paren) and not _trailing(node):
            node = node.this
        ctes = self._with(node, frames, ctes)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, frames, ctes)
        if not isinstance(node, exp.Select):
            raise _UnsupportedError
        return self._select(node, frames, ctes)

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _UnsupportedError

    def _with(self, node: exp.Expr, frames: Frames, ctes: Ctes) -> Ctes:
        clause = node.args.get("with_") or node.args.get("with")
        if clause is None:
            return ctes
        if clause.args.get("recursive"):
            raise _UnsupportedError
        ctes = dict(ctes)
        for cte in clause.expressions:
            names = tuple(n.casefold() for n in cte.alias_column_names) or self._outputs(
                cte.this, ctes
            )
            ctes[cte.alias.casefold()] = _Source(_digest(self.query(cte.this, frames, ctes)), names)
        return ctes

    def _set_operation(self, node: exp.SetOperation, frames: Frames, ctes: Ctes) -> str:
        sides = [self.query(node.this, frames, ctes), self.query(node.expression, frames, ctes)]
        order, tail = node.args.get("order"), self._tail(node, frames, ctes)
        if order is not None:
            # The names are those of the first branch's outputs.
            names = self._outputs(node, ctes) or ()
            tail += " order " + " ".join(
                self._positional(item, names, frames, ctes) for item in order.expressions
            )
        elif not tail and not isinstance(node, exp.Except):
            sides.sort()
        kind = type(node).__name__ + ("" if node.args.get("distinct") else "All")
        return f"({kind} {' '.join(sides)}{tail})"

    def _positional(
        self, item: exp.Ordered, names: Sequence[str], frames: Frames, ctes: Ctes
    ) -> str:
        target = item.this
        if isinstance(target, exp.Column) and not target.table and target.name.casefold() in names:
            where = f"#{names.index(target.name.casefold())}"
        elif isinstance(target, exp.Literal) and not target.is_string:
            where = f"#{int(target.this) - 1}"
        else:
            raise _UnsupportedError
        return self._ordered(item, where)

    def _select(self, node: exp.Select, frames: Frames, ctes: Ctes) -> str:
        if any(node.args.get(name) for name in ("laterals", "windows", "qualify", "match", "into")):
            raise _UnsupportedError
        joins: list[exp.Join] = node.args.get("joins") or []
        source = node.args.get("from_") or node.args.get("from")
        items = [source.this] if source is not None else []
        items += [join.this for join in joins]
        free = all(_is_inner(join) for join in joins) and not any(
            select.is_star for select in node.expressions
        )
        keys = [self._source(item, frames, ctes) for item in items]
        order = sorted(range(len(items)), key=lambda i: keys[i].name) if free else range(len(items))
        sources: dict[str, _Source] = {}
        for place, i in enumerate(order):
            alias = items[i].alias_or_name.casefold()
            if alias in sources:
                raise _UnsupportedError
            # The depth keeps names of nested queries apart.
            sources[alias] = _Source(f"{len(frames)}.{place}", keys[i].columns)
        outputs = {s.alias.casefold(): s.this for s in node.expressions if isinstance(s, exp.Alias)}
        inner = (*frames, _Frame(sources, outputs))

        conditions = [node.args["where"].this] if node.args.get("where") else []
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise _UnsupportedError
        parts = ["all" if distinct is None else "distinct"]
        parts.append("[" + " ".join(self.expr(s, inner, ctes) for s in node.expressions) + "]")
        if free:
            conditions += [join.args["on"] for join in joins if join.args.get("on") is not None]
            parts.append("from " + " ".join(keys[i].name for i in order))
        else:
            parts.append("from " + " ".join(k.name for k in keys))
            parts += [self._join(join, inner, ctes) for join in joins]
        if conditions:
            parts.append("where " + self._connect("and", conditions, inner, ctes))
        group, having = node.args.get("group"), node.args.get("having")
        if group is not None:
            if any(v for k, v in group.args.items() if k != "expressions"):
                raise _UnsupportedError
            by = {self._key_of(g, node, inner, ctes) for g in group.expressions}
            parts.append("group " + " ".join(sorted(by)))
        if having is not None:
            parts.append("having " + self.expr(having.this, inner, ctes))
        if node.args.get("order") is not None:
            ordered = node.args["order"].expressions
            parts.append(
                "order "
                + " ".join(
                    self._ordered(o, self._key_of(o.this, node, inner, ctes, by_output=True))
                    for o in ordered
                )
            )
        return "(select " + " ".join(parts) + self._tail(node, inner, ctes) + ")"

    def _tail(self, node: exp.Expr, frames: Frames, ctes: Ctes) -> str:
        return "".join(
            f" {name} {self.expr(node.args[name], frames, ctes)}"
            for name in ("limit", "offset")
            if node.args.get(name) is not None
        )

    def _join(self, join: exp.Join, frames: Frames, ctes: Ctes) -> str:
        if join.args.get("using") or join.args.get("method"):
            raise _UnsupportedError
        on = join.args.get("on")
        condition = self.expr(on, frames, ctes) if on is not None else "true"
        return f"{join.side.lower() or 'inner'} join on {condition}"

    def _source(self, item: exp.Expr, frames: Frames, ctes: Ctes) -> _Source:
        if isinstance(item, exp.Subquery):
            key = _digest(self.query(item.this, frames, ctes))
            return _Source(key, self._outputs(item.this, ctes))
        if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
            raise _UnsupportedError
        name = item.name.casefold()
        if name in ctes and not item.db:
            return ctes[name]
        return _Source(f"table:{name}", self.tables.get(name))

    def _outputs(self, node: exp.Expr, ctes: Ctes) -> tuple[str, ...] | None:
        while isinstance(node, exp.SetOperation | exp.Subquery):
            node = node.this
        if not isinstance(node, exp.Select) or any(s.is_star for s in node.expressions):
            return None
        return tuple(s.alias_or_name.casefold() for s in node.expressions)

    def _key_of(
        self,
        node: exp.Expr,
        select: exp.Select,
        frames: Frames,
        ctes: Ctes,
        *,
        by_output: bool = False,
    ) -> str:
        """Key of a GROUP BY or ORDER BY item: an ordinal or an output name is its expression."""
        if isinstance(node, exp.Literal) and not node.is_string:
            place = int(node.this) if str(node.this).isdigit() else 0
            if not 1 <= place <= len(select.expressions) or select.is_star:
                raise _UnsupportedError
            return self.expr(select.expressions[place - 1], frames, ctes)
        if by_output and isinstance(node, exp.Column) and not node.table:
            named = frames[-1].outputs.get(node.name.casefold())
            if named is not None:
                return self.expr(named, frames, ctes)
        return self.expr(node, frames, ctes)

    def _ordered(self, item: exp.Ordered, key: str) -> str:
        nulls = item.args.get("nulls_first")
        return f"({'desc' if item.args.get('desc') else 'asc'} {key} {bool(nulls)})"

    def expr(self, node: exp.Expr, frames: Frames, ctes: Ctes) -> str:
        """Key of an expression."""
        self._count_step()
        if isinstance(node, exp.Paren | exp.Alias):
            return self.expr(node.this, frames, ctes)
        if isinstance(node, exp.Query):
            return self.query(node, frames, ctes)
        if isinstance(node, exp.And | exp.Or):
            return self._connect(type(node).__name__.lower(), [node], frames, ctes)
        if isinstance(node, exp.Column):
            return self._column(node, frames, ctes)
        if isinstance(node, exp.Not):
            flipped = _NEGATED.get(type(_bare(node.this)))
            if flipped is not None:
                inner = _bare(node.this)
                return self._binary(flipped, inner.this, inner.expression, frames, ctes)
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            return self._connect("and", [node], frames, ctes)
        if type(node) in _NEGATED or isinstance(node, _SYMMETRIC):
            return self._binary(type(node), node.this, node.expression, frames, ctes)
        if isinstance(node, exp.In) and node.expressions and not node.args.get("query"):
            members = sorted({self.expr(e, frames, ctes) for e in node.expressions})
            return f"(In {self.expr(node.this, frames, ctes)} {' '.join(members)})"
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Literal):
            return "(Count *)"
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
            return "(Count *)"
        if isinstance(node, exp.Literal):
            return repr(node.this) if node.is_string else str(node.this)
        if isinstance(node, exp.Identifier):
            return str(node.name).casefold()
        return self._generic(node, frames, ctes)

    def _generic(self, node: exp.Expr, frames: Frames, ctes: Ctes) -> str:
        parts = []
        # A function that sqlglot does not know keeps its name as text; other text is a value.
        fold = str.casefold if isinstance(node, exp.Anonymous) else str
        for name, value in sorted(node.args.items()):
            # The parser marks a TRY_CAST as safe, a pass that writes one does not.
            if name == "safe" and isinstance(node, exp.TryCast):
                continue
            values = value if isinstance(value, list) else [value]
            texts = [
                self.expr(v, frames, ctes) if isinstance(v, exp.Expr) else fold(v)
                for v in values
                if v is not None and v is not False
            ]
            if texts:
                parts.append(f"{name}=[{' '.join(texts)}]")
        return f"({type(node).__name__} {' '.join(parts)})"

    def _binary(
        self, kind: type[exp.Expr], left: exp.Expr, right: exp.Expr, frames: Frames, ctes: Ctes
    ) -> str:
        sides = [self.expr(left, frames, ctes), self.expr(right, frames, ctes)]
        name = _FLIPPED.get(kind)
        if name is not None:
            sides.reverse()
        elif kind in _SYMMETRIC:
            sides.sort()
        return f"({name or kind.__name__} {' '.join(sides)})"

    def _connect(
        self, word: str, conditions: Sequence[exp.Expr], frames: Frames, ctes: Ctes
    ) -> str:
        kind = exp.And if word == "and" else exp.Or
        keys = sorted({k for c in conditions for k in self._members(c, kind, frames, ctes)})
        return keys[0] if len(keys) == 1 else f"({word} {' '.join(keys)})"

    def _members(
        self, node: exp.Expr, kind: type[exp.Expr], frames: Frames, ctes: Ctes
    ) -> Iterator[str]:
        node = _bare(node)
        if isinstance(node, kind):
            yield from self._members(node.this, kind, frames, ctes)
            yield from self._members(node.expression, kind, frames, ctes)
        elif isinstance(node, exp.Between) and kind is exp.And and not node.args.get("symmetric"):
            yield self._binary(exp.GTE, node.this, node.args["low"], frames, ctes)
            yield self._binary(exp.LTE, node.this, node.args["high"], frames, ctes)
        else:
            yield self.expr(node, frames, ctes)

    def _column(self, column: exp.Column, frames: Frames, ctes: Ctes) -> str:
        if isinstance(column.this, exp.Star):
            if not column.table:
                return "*"
            source = next((f.sources[column.table.casefold()] for f in reversed(frames)
                           if column.table.casefold() in f.sources), None)  # fmt: skip
            if source is None:
                raise _UnsupportedError
            return f"{source.name}.*"
        name, qualifier = column.name.casefold(), column.table.casefold()
        for depth in range(len(frames) - 1, -1, -1):
            frame = frames[depth]
            if qualifier:
                if qualifier in frame.sources:
                    return _place(frame.sources[qualifier], name)
                continue
            found = [
                s for s in frame.sources.values() if s.columns is not None and name in s.columns
            ]
            if len(found) == 1 and all(s.columns is not None for s in frame.sources.values()):
                return _place(found[0], name)
            if found or any(s.columns is None for s in frame.sources.values()):
                raise _UnsupportedError  # ambiguous, or a star hides what there is
            if name in frame.outputs:
                outer = (*frames[:depth], dataclasses.replace(frame, outputs={}))
                return self.expr(frame.outputs[name], outer, ctes)
        raise _UnsupportedError


def _digest(key: str) -> str:
    """Short name of a nested query: CTEs that use the one before twice would double the text."""
    return "query:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _place(source: _Source, name: str) -> str:
    """A base table's column by name; an output of a query by position, as it is not in the key."""
    if source.columns is None or name not in source.columns:
        return f"{source.name}.{name}"
    return f"{source.name}.{source.columns.index(name)}"


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _trailing(node: exp.Expr) -> bool:
    return any(node.args.get(name) for name in ("limit", "offset", "order", "with_", "with"))


def _is_inner(join: exp.Join) -> bool:
    plain = not join.side and join.kind in ("", "INNER", "CROSS")
    return plain and not join.args.get("using") and not join.args.get("method")
