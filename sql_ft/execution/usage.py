"""How a query uses the columns of its schema: literals, number use, join links."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from sqlglot import exp

from sql_ft.execution.resolve import NUMERIC, REAL, TEXT, Resolved, Resolver
from sql_ft.execution.tables import Schema

Key = tuple[str, str]
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_TRANSPARENT = (exp.Paren, exp.Max, exp.Min, exp.Lower, exp.Upper, exp.Cast, exp.Trim)
_DATE_NAMES = frozenset({"DATE", "DATETIME", "TIME", "STRFTIME", "JULIANDAY", "UNIXEPOCH"})


@dataclasses.dataclass(slots=True)
class ColumnUse:
    """What a query shows about one base column.

    Attributes:
        literals: Values it is compared with.
        patterns: LIKE and GLOB patterns, with % and _ only.
        numeric: It is summed, averaged, calculated with or compared with a number.
        real: It is compared with a number that has a fraction.
        text: It is compared with a text that is no number.
        date: It is an argument of a date function.
    """

    literals: list[Any] = dataclasses.field(default_factory=list)
    patterns: list[str] = dataclasses.field(default_factory=list)
    numeric: bool = False
    real: bool = False
    text: bool = False
    date: bool = False


class Links:
    """Classes of columns whose values meet (union-find over keys)."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def find(self, key: Key) -> Key:
        """Representative of the class of `key`."""
        self._parent.setdefault(key, key)
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key

    def join(self, a: Key, b: Key) -> None:
        """Put two columns into one class."""
        first, second = sorted((self.find(a), self.find(b)))
        self._parent[second] = first

    def classes(self, keys: Iterable[Key]) -> dict[Key, list[Key]]:
        """Representative → members among `keys`, in their order."""
        found: dict[Key, list[Key]] = {}
        for key in keys:
            found.setdefault(self.find(key), []).append(key)
        return found


class Usage:
    """Column uses and links of one query."""

    def __init__(self, tree: exp.Expr, schema: Schema) -> None:
        self.resolver = Resolver(tree, schema)
        self.columns: dict[Key, ColumnUse] = {}
        self.links = Links()
        for node in tree.walk():
            if isinstance(node, _COMPARISONS):
                self._pair(node.this, node.expression)
            elif isinstance(node, exp.Between):
                self._pair(node.this, node.args["low"])
                self._pair(node.this, node.args["high"])
            elif isinstance(node, exp.In):
                for item in node.expressions:
                    self._pair(node.this, item)
                if node.args.get("query") is not None:
                    self._link_output(node.this, node.args["query"])
            elif isinstance(node, (exp.Like, exp.ILike, exp.Glob)):
                self._pattern(node)
            elif isinstance(node, (exp.Sum, exp.Avg, exp.Abs, exp.Round, *_ARITHMETIC)):
                self._numbers(node)
            elif isinstance(node, exp.SetOperation):
                self._link_sides(node)
            elif isinstance(node, exp.Join) and node.args.get("using"):
                self._using(node)
            elif isinstance(node, (exp.TimeToStr, exp.Date)) or (
                isinstance(node, exp.Anonymous) and node.name.upper() in _DATE_NAMES
            ):
                for column in node.find_all(exp.Column):
                    self._use(column).date = True

    def key_of(self, node: exp.Expr | None) -> Key | None:
        """Base column behind a column, MAX(column) or (SELECT column …)."""
        found = self._base(node)
        return _key(found) if found is not None else None

    def use(self, key: Key) -> ColumnUse:
        """Use of one base column; empty if the query does not mention it."""
        return self.columns.get(key, ColumnUse())

    def _base(self, node: exp.Expr | None) -> Resolved | None:
        if isinstance(
            node, (exp.Paren, exp.Max, exp.Min, exp.Lower, exp.Upper, exp.Cast, exp.Trim)
        ):
            return self._base(node.this)
        if isinstance(node, exp.Distinct):
            return self._base(node.expressions[0]) if len(node.expressions) == 1 else None
        if isinstance(node, exp.Column):
            found = self.resolver.resolve(node)
            return found if found is not None and found.column is not None else None
        if isinstance(node, exp.Subquery):
            outputs = self.resolver.outputs(node.this)
            if len(outputs) == 1 and outputs[0].column is not None:
                return outputs[0]
            if isinstance(node.this, exp.Select) and len(node.this.expressions) == 1:
                return self._base(node.this.expressions[0].unalias())
        return None

    def _use(self, node: exp.Expr | None) -> ColumnUse:
        found = self._base(node)
        if found is None:
            return ColumnUse()
        return self.columns.setdefault(_key(found), ColumnUse())

    def _pair(self, left: exp.Expr, right: exp.Expr) -> None:
        first, second = self._base(left), self._base(right)
        if first is not None and second is not None:
            self.links.join(_key(first), _key(second))
            return
        for column, other in ((first, right), (second, left)):
            if column is None:
                continue
            use = self.columns.setdefault(_key(column), ColumnUse())
            values = list(literal_values(other))
            for value in values:
                use.literals.append(value)
                if isinstance(value, str):
                    use.text |= not is_number(value)
                else:
                    use.numeric = True
                    use.real |= isinstance(value, float) and not value.is_integer()
            if not values and self.resolver.type_of(other) in NUMERIC:
                use.numeric = True
                use.real |= self.resolver.type_of(other) == REAL and isinstance(other, exp.Literal)

    def _pattern(self, node: exp.Expr) -> None:
        pattern = node.expression
        if isinstance(pattern, exp.Literal) and pattern.is_string:
            text = pattern.this
            if isinstance(node, exp.Glob):
                text = text.replace("*", "%").replace("?", "_")
            use = self._use(node.this)
            use.patterns.append(text)
            use.text |= not is_number(text.strip("%_"))

    def _numbers(self, node: exp.Expr) -> None:
        operands = [node.this, node.expression] if isinstance(node, exp.Binary) else [node.this]
        for operand in operands:
            inner = operand.expressions[0] if isinstance(operand, exp.Distinct) else operand
            if self.resolver.type_of(inner) == TEXT or isinstance(inner, exp.Column):
                self._use(inner).numeric = True

    def _link_output(self, left: exp.Expr, query: exp.Expr) -> None:
        inner = query.this if isinstance(query, exp.Subquery) else query
        outputs = self.resolver.outputs(inner)
        first = self._base(left)
        if first is not None and len(outputs) == 1 and outputs[0].column is not None:
            self.links.join(_key(first), _key(outputs[0]))

    def _link_sides(self, node: exp.SetOperation) -> None:
        sides = [self.resolver.outputs(s) for s in (node.this, node.expression)]
        for a, b in zip(*sides, strict=False):
            if a.column is not None and b.column is not None:
                self.links.join(_key(a), _key(b))

    def _using(self, join: exp.Join) -> None:
        env = self.resolver.envs.get(id(join.parent))
        if env is None:
            return
        for name in join.args["using"]:
            found = [s.find(name.name.casefold()) for s in env.sources]
            keys = [_key(f) for f in found if f is not None and f.column is not None]
            for other in keys[1:]:
                self.links.join(keys[0], other)


def _key(found: Resolved) -> Key:
    assert found.table is not None
    assert found.column is not None
    return found.table.name.casefold(), found.column.name.casefold()


def literal_values(node: exp.Expr | None) -> Iterator[Any]:
    """Python value of a literal or a negated number; nothing otherwise."""
    if isinstance(node, (exp.Paren, exp.Cast)):
        # DATE '2020-01-01' is a cast of a literal.
        yield from literal_values(node.this)
    elif isinstance(node, exp.Neg):
        for value in literal_values(node.this):
            if not isinstance(value, str):
                yield -value
    elif isinstance(node, exp.Literal):
        if node.is_string:
            yield node.this
        elif node.this.isdigit():
            yield int(node.this)
        else:
            yield float(node.this)
    elif isinstance(node, exp.Boolean):
        yield int(node.this)


def is_number(text: str) -> bool:
    """True if SQLite's numeric affinity would turn the text into a number."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and not text.strip("+-. ").isalpha()
