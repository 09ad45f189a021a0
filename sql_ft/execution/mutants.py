"""Mutants of a gold: small wrong queries that good databases tell from it.

The operators (`mutation`) are those of mutation testing of SQL (Tuya, Suárez-Cabal, de la
Riva 2007, "Mutating database queries") and of the fuzzing in Zhong, Yu, Klein 2020
("Semantic Evaluation for Text-to-SQL with Distilled Test Suites"), cut down to those that
a text-to-SQL model's mistakes resemble.
"""

from __future__ import annotations

import dataclasses

from sqlglot import exp

from sql_ft.execution.equivalence import find_equivalence
from sql_ft.execution.mutation import Change, find_changes
from sql_ft.execution.mutation_columns import is_correlated
from sql_ft.execution.resolve import Query, Resolver
from sql_ft.execution.tables import Schema

MAX_MUTANTS = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of a gold.

    Attributes:
        name: ``operator:detail``, the operator as in `OPERATORS`.
        sql: In the source dialect.
        equivalent: Class of `equivalence.ARGUMENTS` that proves that no rows tell it from
            the gold; "" for a mutant that databases should kill.
    """

    name: str
    sql: str
    equivalent: str = ""

    @property
    def operator(self) -> str:
        """The name without its detail."""
        return self.name.split(":")[0]


OPERATORS = (
    "condition", "constant", "connective", "arithmetic", "aggregate", "distinct", "join_kind",
    "join_key", "order", "limit", "column", "group_key", "having", "set_operation", "subquery",
    "correlation", "rewrite",
)  # fmt: skip


def generate_mutants(tree: exp.Expr, schema: Schema, dialect: str = "sqlite") -> list[Mutant]:
    """All mutants of `Translated.source`, without repeats, in a fixed order.

    Of a text that several changes lead to, the first one counts. At most `MAX_MUTANTS`
    that are not proved equivalent; then each operator in turn gives up its later ones.
    """
    seen = {tree.sql(dialect=dialect)}
    mutants: list[Mutant] = []
    resolver = Resolver(tree, schema)
    nodes = list(tree.walk())
    for place, node in enumerate(nodes):
        for name, change in find_changes(node, resolver):
            sql = _changed(tree, place, change).sql(dialect=dialect)
            if sql in seen:
                continue
            seen.add(sql)
            proof = find_equivalence(name, node, change, resolver)
            mutants.append(Mutant(_placed(name, node, change, resolver), sql, proof))
    return _limited(mutants)


def _changed(tree: exp.Expr, place: int, change: Change) -> exp.Expr:
    root = exp.Paren(this=tree.copy())
    target = next(n for i, n in enumerate(root.this.walk()) if i == place)
    change(target)
    changed: exp.Expr = root.this
    return changed


_MOVED = frozenset({"condition", "constant", "connective", "column", "aggregate"})


def _placed(name: str, node: exp.Expr, change: Change, resolver: Resolver) -> str:
    """The name with the operator of the place: HAVING, a subquery, a correlation."""
    operator, _, detail = name.partition(":")
    if (
        detail == "dropped"
        and operator == "condition"
        and _loses_correlation(node, change, resolver)
    ):
        return "correlation:dropped"
    if operator not in _MOVED:
        return name
    if isinstance(node.find_ancestor(exp.Join, *Query), exp.Join):
        return f"join_key:{name}"
    clause = node if isinstance(node, exp.Having) else node.find_ancestor(exp.Having, *Query)
    if isinstance(clause, exp.Having):
        return f"having:{name}"
    query = node.find_ancestor(*Query)
    where = node if isinstance(node, exp.Where) else node.find_ancestor(exp.Where, *Query)
    nested = query is not None and isinstance(query.parent, (exp.Subquery, exp.In, exp.Exists))
    # A derived table in FROM is no condition of its own.
    if nested and isinstance(where, exp.Where) and query is not None and _is_condition(query):
        return f"subquery:{name}"
    return name


def _is_condition(query: exp.Expr) -> bool:
    place = query.find_ancestor(exp.Where, exp.Having, exp.From, exp.Join)
    return isinstance(place, (exp.Where, exp.Having))


def _loses_correlation(node: exp.Expr, change: Change, resolver: Resolver) -> bool:
    if isinstance(node, exp.Where):
        return is_correlated(node.this, resolver)
    if not isinstance(node, (exp.And, exp.Or)):
        return False
    root = exp.Paren(this=node.copy())
    change(root.this)
    lost = node.expression if root.this == node.this else node.this
    return is_correlated(lost, resolver)


def _limited(mutants: list[Mutant]) -> list[Mutant]:
    """The first mutants of every operator, as many of each as fit."""
    if sum(not m.equivalent for m in mutants) <= MAX_MUTANTS:
        return mutants
    ranks: dict[str, int] = {}
    ranked = []
    for place, mutant in enumerate(mutants):
        rank = ranks.get(mutant.operator, 0)
        if not mutant.equivalent:
            ranks[mutant.operator] = rank + 1
        ranked.append((-1 if mutant.equivalent else rank, place))
    kept = {place for rank, place in sorted(ranked) if rank < 0}
    kept |= {p for _, p in [r for r in sorted(ranked) if r[0] >= 0][:MAX_MUTANTS]}
    return [m for place, m in enumerate(mutants) if place in kept]
