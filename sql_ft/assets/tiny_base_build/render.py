"""Writing a query tree and its schema as text, in one of many hands."""

from __future__ import annotations

import dataclasses
import random

from sql_ft.assets.tiny_base_build import query_tree as qt
from sql_ft.assets.tiny_base_build.schemas import Column


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """Habits of whoever writes the answer, constant over one conversation.

    `chatty` writers add words around the SQL, extra columns and output names; plain
    writers answer with exactly what was asked. Probabilities are per occurrence.
    """

    chatty: bool
    alias: str
    quote: str
    alias_single: float
    output_names: float
    count_column: float
    not_equal: str
    extreme_subquery: float
    membership: str
    absence: str
    year_function: str
    comma_join: bool
    keyword_lower: bool
    multiline: bool
    semicolon: bool
    extra_scale: float
    explicit_asc: float
    expand_abbreviations: float
    having_alias: bool
    qualify_single: bool
    inner_word: bool
    not_first: bool

    @classmethod
    def draw(cls, rng: random.Random, chatty: bool) -> Style:
        """A random writer; talkative and plain ones differ in their usual habits."""
        pick = rng.choices
        if chatty:
            alias = pick(("letter", "T", "name", "bare"), (0.4, 0.3, 0.22, 0.08))[0]
        else:
            alias = pick(("letter", "T", "t", "name", "bare"), (0.1, 0.65, 0.05, 0.1, 0.1))[0]
        return cls(
            chatty=chatty,
            alias=alias,
            quote=pick(("'", '"'), (0.75, 0.25) if chatty else (0.45, 0.55))[0],
            alias_single=0.12 if chatty else 0.02,
            output_names=rng.choice((0.0, 0.9)) if chatty else rng.choice((0.0,) * 9 + (0.9,)),
            count_column=rng.choice((0.0, 0.5)) if chatty else rng.choice((0.0, 0.0, 0.0, 0.4)),
            not_equal=pick(("<>", "!="), (0.5, 0.5))[0],
            extreme_subquery=rng.choice((0.0, 0.9)) if chatty else rng.choice((0.0, 0.0, 0.9)),
            membership=pick(("in", "exists", "join"), (0.45, 0.15, 0.4))[0],
            absence=pick(
                ("not in", "not exists", "left join", "except"),
                (0.45, 0.2, 0.3, 0.05) if chatty else (0.7, 0.06, 0.06, 0.18),
            )[0],
            year_function=pick(("strftime", "like", "substr", "year", "range"),
                               (0.5, 0.15, 0.08, 0.07, 0.2))[0],
            comma_join=rng.random() < 0.02,
            keyword_lower=rng.random() < 0.03,
            multiline=chatty and rng.random() < 0.3,
            semicolon=rng.random() < (0.85 if chatty else 0.06),
            extra_scale=rng.choice((0.3, 1.0, 1.35)) if chatty else 0.0,
            explicit_asc=rng.choice((0.0, 0.0, 0.9)),
            expand_abbreviations=0.55 if chatty else 0.0,
            having_alias=chatty and rng.random() < 0.2,
            qualify_single=rng.random() < 0.03,
            inner_word=rng.random() < 0.08,
            not_first=rng.random() < (0.06 if chatty else 0.4),
        )  # fmt: skip


_SQL_NAMES = {"COUNT": "count", "SUM": "total", "AVG": "average", "MIN": "lowest", "MAX": "highest"}
_ORDERED = {"<", ">", "<=", ">="}


class Renderer:
    """Writes one answer and remembers which columns it used.

    `uses` lists every source in order of appearance with its columns; `numeric` holds
    the columns that stood in an aggregate or beside an inequality.
    """

    def __init__(self, rng: random.Random, style: Style, *, drift: bool = False) -> None:
        self.rng = rng
        self.style = style
        self.drift = drift
        self.uses: dict[qt.Source, dict[Column, None]] = {}
        self.numeric: set[Column] = set()
        self._aliases: dict[qt.Source, str] = {}

    def render(self, query: qt.Query) -> str:
        """Return the SQL text of `query`."""
        text = self._query(query, 0)
        if self.style.keyword_lower:
            text = _lower_keywords(text)
        if not self.style.multiline:
            text = text.replace("\n", " ")
        return text + ";" if self.style.semicolon else text

    def _query(self, query: qt.Query, depth: int) -> str:
        style, rng = self.style, self.rng
        sources = [query.source, *(j.source for j in query.joins)]
        for source in sources:
            self.uses.setdefault(source, {})
        self._name_sources(sources, depth)
        names: dict[int, str] = {}
        items = []
        for i, expr in enumerate(query.select):
            item = self._expr(expr)
            computed = isinstance(expr, qt.Agg | qt.Arith | qt.YearOf | qt.Round)
            named = computed and depth == 0 and query.set_operation is None
            if named and rng.random() < style.output_names:
                names[i] = self._output_name(expr)
                item += f" AS {names[i]}"
            items.append(item)
        text = "SELECT " + ("DISTINCT " if query.distinct else "") + ", ".join(items)
        text += "\nFROM " + self._source(query.source)
        equalities = []
        for join in query.joins:
            if style.comma_join and not join.outer:
                text += ", " + self._source(join.source)
                equalities.append(f"{self._expr(join.left)} = {self._expr(join.right)}")
            else:
                word = "LEFT JOIN" if join.outer else "INNER JOIN" if style.inner_word else "JOIN"
                text += f"\n{word} {self._source(join.source)}"
                text += f" ON {self._expr(join.left)} = {self._expr(join.right)}"
        if query.where is not None:
            where = self._condition(query.where, inside_and=bool(equalities))
            equalities.append(where)
        if equalities:
            text += "\nWHERE " + " AND ".join(equalities)
        if query.group_by:
            text += "\nGROUP BY " + ", ".join(self._expr(e) for e in query.group_by)
        if query.having is not None:
            text += "\nHAVING " + self._condition(query.having)
        if query.order_by:
            keys = []
            for expr, descending in query.order_by:
                key = self._expr(expr)
                for i, name in names.items():
                    if query.select[i] == expr and style.output_names:
                        key = name
                asc = " ASC" if rng.random() < style.explicit_asc else ""
                keys.append(key + (" DESC" if descending else asc))
            text += "\nORDER BY " + ", ".join(keys)
        if query.limit is not None:
            text += f"\nLIMIT {query.limit}"
        if query.set_operation is not None:
            word, other = query.set_operation
            text += f"\n{word}\n{self._query(other, depth)}"
        return text

    def _name_sources(self, sources: list[qt.Source], depth: int) -> None:
        style = self.style
        tables = [s.table for s in sources]
        repeated = len(set(map(id, tables))) < len(tables)
        if len(sources) == 1 and sources[0].qualified:
            self._aliases[sources[0]] = sources[0].table.name
            return
        if len(sources) == 1:
            wants = style.qualify_single or self.rng.random() < style.alias_single
            if not wants or style.alias in ("name", "bare"):
                self._aliases[sources[0]] = ""
                return
        alias = "T" if repeated and style.alias in ("name", "bare") else style.alias
        taken: set[str] = set(self._aliases.values())
        for i, source in enumerate(sources, start=1):
            if alias in ("T", "t"):
                self._aliases[source] = f"{alias}{i}"
            elif alias == "letter":
                letter = source.table.name[0].lower()
                while letter in taken:
                    letter = source.table.name[0].lower() + str(len(letter) + 1) * len(letter)
                taken.add(letter)
                self._aliases[source] = letter
            elif alias == "name":
                self._aliases[source] = source.table.name
            else:
                self._aliases[source] = "?"
        if alias == "bare":
            self._bare(sources)

    def _bare(self, sources: list[qt.Source]) -> None:
        counts: dict[str, int] = {}
        for source in sources:
            for column in source.table.columns:
                counts[column.name.lower()] = counts.get(column.name.lower(), 0) + 1
        self._shared = {n for n, k in counts.items() if k > 1}

    def _source(self, source: qt.Source) -> str:
        alias = self._aliases[source]
        if alias in ("", "?") or alias == source.table.name:
            return source.table.name
        word = " " if self.style.alias == "letter" and not self.style.inner_word else " AS "
        return f"{source.table.name}{word}{alias}"

    def _column(self, ref: qt.Col) -> str:
        self.uses.setdefault(ref.source, {})[ref.column] = None
        name = ref.column.name
        short = self.drift and ref.column.expanded
        if short and self.rng.random() < self.style.expand_abbreviations:
            name = ref.column.expanded
        alias = self._aliases.get(ref.source, "")
        if alias == "?":
            return f"{ref.source.table.name}.{name}" if name.lower() in self._shared else name
        return f"{alias}.{name}" if alias else name

    def _expr(self, expr: qt.Expr) -> str:
        if isinstance(expr, qt.Col):
            return self._column(expr)
        if isinstance(expr, qt.Lit):
            return self._literal(expr)
        if isinstance(expr, qt.Agg):
            if expr.argument is None:
                return f"{expr.function}(*)"
            if expr.function != "COUNT":
                self._mark_numeric(expr.argument)
            word = "DISTINCT " if expr.distinct else ""
            return f"{expr.function}({word}{self._expr(expr.argument)})"
        if isinstance(expr, qt.Arith):
            self._mark_numeric(expr.left)
            self._mark_numeric(expr.right)
            return f"{self._expr(expr.left)} {expr.operator} {self._expr(expr.right)}"
        if isinstance(expr, qt.YearOf):
            return self._year_of(expr)
        if isinstance(expr, qt.MonthOf):
            return f"{self._strftime()}('%m', {self._expr(expr.argument)})"
        if isinstance(expr, qt.Round):
            return f"ROUND({self._expr(expr.argument)}, {expr.digits})"
        if isinstance(expr, qt.Star):
            return "*"
        return f"({self._query(expr, 1)})"

    def _year_of(self, expr: qt.YearOf) -> str:
        inner = self._expr(expr.argument)
        function = self.style.year_function
        if expr.month:
            if function == "substr":
                return f"SUBSTR({inner}, 1, 7)"
            return f"{self._strftime()}('%Y-%m', {inner})"
        if function == "substr":
            return f"SUBSTR({inner}, 1, 4)"
        if function == "year":
            return f"YEAR({inner})"
        return f"{self._strftime()}('%Y', {inner})"

    def _strftime(self) -> str:
        return "STRFTIME" if self.style.not_first else "strftime"

    def _literal(self, literal: qt.Lit) -> str:
        if literal.numeric:
            return literal.text
        quote = self.style.quote
        if quote == '"' and '"' in literal.text:
            quote = "'"
        return quote + literal.text.replace(quote, quote * 2) + quote

    def _mark_numeric(self, expr: qt.Expr) -> None:
        if isinstance(expr, qt.Col):
            self.numeric.add(expr.column)

    def _condition(self, cond: qt.Condition, inside_and: bool = False) -> str:
        if isinstance(cond, qt.Compare):
            if cond.operator in _ORDERED:
                self._mark_numeric(cond.left)
                self._mark_numeric(cond.right)
            operator = self.style.not_equal if cond.operator == "<>" else cond.operator
            return f"{self._expr(cond.left)} {operator} {self._expr(cond.right)}"
        if isinstance(cond, qt.Between):
            self._mark_numeric(cond.left)
            low, high = self._literal(cond.low), self._literal(cond.high)
            return f"{self._expr(cond.left)} BETWEEN {low} AND {high}"
        if isinstance(cond, qt.Like):
            word = "NOT LIKE" if cond.negated else "LIKE"
            return f"{self._expr(cond.left)} {word} {self._literal(qt.Lit(cond.pattern, False))}"
        if isinstance(cond, qt.IsNull):
            if cond.negated and self.style.not_first:
                return f"NOT {self._expr(cond.left)} IS NULL"
            return f"{self._expr(cond.left)} IS {'NOT ' if cond.negated else ''}NULL"
        if isinstance(cond, qt.InSet):
            word = "NOT IN" if cond.negated else "IN"
            left = self._expr(cond.left)
            if cond.negated and self.style.not_first:
                left, word = f"NOT {left}", "IN"
            if isinstance(cond.right, list):
                return f"{left} {word} ({', '.join(self._literal(v) for v in cond.right)})"
            return f"{left} {word} ({self._query(cond.right, 1)})"
        if isinstance(cond, qt.Exists):
            word = "NOT EXISTS" if cond.negated else "EXISTS"
            return f"{word} ({self._query(cond.query, 1)})"
        inner = f" {cond.word} ".join(self._condition(p, cond.word == "AND") for p in cond.parts)
        return f"({inner})" if cond.word == "OR" and inside_and else inner

    def _output_name(self, expr: qt.Expr) -> str:
        if isinstance(expr, qt.Round):
            return self._output_name(expr.argument)
        if isinstance(expr, qt.YearOf):
            return "month" if expr.month else "year"
        if isinstance(expr, qt.Arith):
            return self.rng.choice(("result", "difference", "total", "value"))
        if not isinstance(expr, qt.Agg):
            return "value"
        word = _SQL_NAMES[expr.function]
        if not isinstance(expr.argument, qt.Col):
            return self.rng.choice(("count", "total", "num", "total_count"))
        name = expr.argument.column.name.lower()
        return self.rng.choice((f"{word}_{name}", f"{expr.function.lower()}_{name}"))


_KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "ON", "AND",
    "AS", "DESC", "DISTINCT", "IN", "NOT", "COUNT", "AVG", "SUM", "MIN", "MAX", "LIKE",
)  # fmt: skip


def _lower_keywords(text: str) -> str:
    for word in _KEYWORDS:
        text = text.replace(f"{word} ", f"{word.lower()} ").replace(f"{word}(", f"{word.lower()}(")
    return text
