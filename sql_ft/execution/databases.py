"""Rows that tell right from wrong: small seeded databases for one gold."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

from sqlglot import exp

from sql_ft.execution.compare import (
    MatchRules,
    compare_results,
    is_ordered,
    order_key_positions,
)
from sql_ft.execution.dependencies import find_dependencies, find_group_columns
from sql_ft.execution.fill import STYLES, Filler
from sql_ft.execution.mutants import Mutant, generate_mutants
from sql_ft.execution.pools import build_pools
from sql_ft.execution.probe import Probe, open_probe
from sql_ft.execution.seeds import seed_pools
from sql_ft.execution.tables import Schema, create_sql
from sql_ft.execution.ties import tie_variants
from sql_ft.execution.usage import Usage
from sql_ft.records import ExecutionResult, ExecutionStatus

Row = tuple[Any, ...]
REAL = "real"
"""Name of a real database among those of a sample; generated ones are ``g0``, ``g1`` …"""
MIN_CANDIDATES = 6
MAX_CANDIDATES = 30
SHUFFLES = 2
MANY_SHUFFLES = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Database:
    """Rows of every table of a schema.

    Attributes:
        name: Short id, unique within one sample, e.g. ``g3``.
        rows: Table name (as in the schema) → rows, values in column order.
    """

    name: str
    rows: dict[str, list[Row]]


@dataclasses.dataclass(frozen=True, slots=True)
class DatabaseReport:
    """How well a chosen set of databases tells the gold from what it is not.

    Attributes:
        databases: The chosen databases, best first.
        non_empty: The gold returns something on at least one of them.
        where_matters: It differs from itself without WHERE on at least one; None
            if it has no WHERE.
        killed: Names of the mutants that at least one database tells apart.
        survivors: Names of those that ran and that none does.
        equivalent: (name, class of `equivalence.ARGUMENTS`) of the mutants that no rows
            can tell apart; they are in neither of the others.
        deterministic: On none of the databases does the gold's result depend on the order
            of stored rows, or on which of several tied rows comes first.
        error: First line of the engine's message if the gold itself failed.
    """

    databases: list[Database]
    non_empty: bool
    where_matters: bool | None
    killed: tuple[str, ...]
    survivors: tuple[str, ...]
    equivalent: tuple[tuple[str, str], ...]
    deterministic: bool
    error: str = ""

    @property
    def mutants_total(self) -> int:
        """Mutants that ran and are not proved equivalent."""
        return len(self.killed) + len(self.survivors)

    @property
    def mutants_killed(self) -> int:
        """Of those, told apart by at least one database."""
        return len(self.killed)

    @property
    def untold(self) -> str:
        """Why the gold is not told from all its mutants; "" if it is.

        ``gold_fails``, ``nondeterministic`` (chance decides it on all rows that were
        tried), ``unsatisfiable`` (nothing that was tried makes it return a value) or
        ``survivors`` (mutants that are equivalent without a proof, or missed).
        """
        if self.error:
            return "gold_fails"
        if not self.deterministic:
            return "nondeterministic"
        if not self.non_empty:
            return "unsatisfiable"
        return "survivors" if self.survivors else ""


def build_report(
    schema: Schema,
    gold_tree: exp.Expr,
    question: str,
    *,
    count: int = 4,
    seed: int = 0,
    dialect: str = "sqlite",
    real: Database | None = None,
) -> DatabaseReport:
    """Build databases for one gold and say how well they tell.

    Args:
        schema: With types inferred (`schema.infer_types`).
        gold_tree: `Translated.source` of the gold.
        question: Its numbers and quoted words become values too.
        count: Most databases to keep, `real` aside.
        seed: Same arguments, same rows, on any machine.
        dialect: Of `gold_tree`.
        real: Real rows: the first database, unless chance decides the gold on them, and
            the source of values for the others.
    """
    sql = gold_tree.sql(dialect=dialect)
    usage = Usage(gold_tree, schema)
    # A string seeds through SHA-512, so hash randomisation does not reach the rows.
    rng = Random(f"{seed}\n{sql}\n{create_sql(schema)}")
    pools = build_pools(schema, usage, question, rng)
    if real is not None:
        seed_pools(pools, schema, real.rows, rng)
    dependencies = find_dependencies(gold_tree, schema, usage)
    graded = find_group_columns(gold_tree, schema, usage)
    filler = Filler(schema, gold_tree, pools, dependencies, graded)
    stripped = strip_where(gold_tree)
    made = generate_mutants(gold_tree, schema, dialect)
    mutants = [m for m in made if not m.equivalent]
    equivalent = tuple((m.name, m.equivalent) for m in made if m.equivalent)
    trial = _Trial(
        sql,
        stripped.sql(dialect=dialect) if stripped is not None else None,
        [m.sql for m in mutants],
        [v.sql(dialect=dialect) for v in tie_variants(gold_tree, schema)],
        # Which of several rows with the same MAX a bare column comes from has no variant.
        MANY_SHUFFLES if gold_tree.find(exp.Max, exp.Min) else SHUFFLES,
        is_ordered(gold_tree),
        order_key_positions(gold_tree),
    )
    candidates: list[_Candidate] = []
    error = ""
    given: _Candidate | None = None
    with open_probe(schema, dialect) as probe:
        if real is not None:
            given = trial.judge(probe, real)
            error = probe.error if given is None else ""
            if given is not None:
                trial.adds(given)
        for number in range(MAX_CANDIDATES if count else 0):
            rows = filler.fill(STYLES[number % len(STYLES)], rng)
            judged = trial.judge(probe, Database(f"g{number}", rows))
            if judged is None:
                error = probe.error
                if number >= 2 and not candidates:
                    break
                continue
            if trial.adds(judged) or number < MIN_CANDIDATES:
                candidates.append(trial.complete(probe, judged))
            if number + 1 >= MIN_CANDIDATES and trial.settled():
                break
    return _choose(given, candidates, mutants, equivalent, trial, count, error)


def build_databases(
    schema: Schema,
    gold_tree: exp.Expr,
    question: str,
    *,
    count: int = 4,
    seed: int = 0,
    dialect: str = "sqlite",
) -> list[Database]:
    """`build_report(...).databases`."""
    return build_report(
        schema, gold_tree, question, count=count, seed=seed, dialect=dialect
    ).databases


def strip_where(tree: exp.Expr) -> exp.Expr | None:
    """Copy of the query without any WHERE; None if it has none."""
    if tree.find(exp.Where) is None:
        return None
    copy = tree.copy()
    for where in list(copy.find_all(exp.Where)):
        where.pop()
    return copy


@dataclasses.dataclass(slots=True)
class _Candidate:
    """A database and what it shows about the gold."""

    database: Database
    gold: list[Row]
    non_empty: bool
    where_matters: bool
    stable: bool
    killed: set[int]
    tried: set[int]


class _Trial:
    """Runs the gold, the gold without WHERE and the mutants on a database."""

    def __init__(
        self,
        sql: str,
        stripped: str | None,
        mutants: list[str],
        variants: list[str],
        shuffles: int,
        ordered: bool,
        keys: tuple[int, ...] | None,
    ) -> None:
        self.sql, self.stripped, self.mutants = sql, stripped, mutants
        self.variants = variants
        self.shuffles = shuffles
        self.ordered, self.keys = ordered, keys
        self.broken: set[int] = set()
        self.living = set(range(len(mutants)))
        # Mutants that took too long, and on how many rows: fewer are worth another try.
        self.slow: dict[int, int] = {}
        self.shown = self.shown_where = False

    def judge(self, probe: Probe, database: Database) -> _Candidate | None:
        """What the rows show beyond what others have shown; None if the gold fails.

        Only mutants that still live are run, and none on rows where chance decides.
        """
        probe.load(database.rows)
        gold = probe.run(self.sql)
        if gold is None:
            return None
        stripped = probe.run(self.stripped) if self.stripped is not None else None
        candidate = _Candidate(
            database,
            gold,
            any(v is not None and v != 0 for row in gold for v in row),
            stripped is not None and not self._same(gold, stripped),
            self._is_stable(probe, database, gold),
            set(),
            set(),
        )
        if candidate.stable:
            self._try(probe, candidate, self.living)
        return candidate

    def adds(self, candidate: _Candidate) -> bool:
        """True if the candidate shows something new; what it kills no longer lives."""
        if not candidate.stable:
            return False
        news = (
            bool(candidate.killed & self.living)
            or (candidate.non_empty and not self.shown)
            or (candidate.where_matters and not self.shown_where)
        )
        self.living -= candidate.killed | self.broken
        self.shown |= candidate.non_empty
        self.shown_where |= candidate.where_matters
        return news

    def complete(self, probe: Probe, candidate: _Candidate) -> _Candidate:
        """Run the mutants that others have killed, too: one candidate may replace several."""
        if candidate.stable:
            probe.load(candidate.database.rows)
            self._try(probe, candidate, set(range(len(self.mutants))))
        return candidate

    def settled(self) -> bool:
        """Nothing is left to look for."""
        return self.shown and (self.stripped is None or self.shown_where) and not self.living

    def _try(self, probe: Probe, candidate: _Candidate, numbers: set[int]) -> None:
        size = sum(map(len, candidate.database.rows.values()))
        for number in sorted(numbers - candidate.tried - self.broken):
            candidate.tried.add(number)
            if size >= self.slow.get(number, size + 1):
                continue
            rows = probe.run(self.mutants[number])
            if rows is None and probe.exhausted:
                self.slow[number] = size
            elif rows is None:
                self.broken.add(number)
            elif not self._same(candidate.gold, rows):
                candidate.killed.add(number)

    def _is_stable(self, probe: Probe, database: Database, gold: list[Row]) -> bool:
        """Neither ties nor the order of stored rows change the gold's result."""
        for variant in self.variants:
            rows = probe.run(variant)
            # A variant that the engine refuses says nothing.
            if rows is not None and not self._same(gold, rows):
                return False
        rng = Random(database.name)
        for _ in range(self.shuffles):
            probe.load({n: rng.sample(rows, len(rows)) for n, rows in database.rows.items()})
            again = probe.run(self.sql)
            if again is None or not self._same(gold, again):
                return False
        probe.load(database.rows)
        return True

    def _same(self, a: list[Row], b: list[Row]) -> bool:
        if len(a) != len(b):
            return False
        if not a:
            return True
        left = ExecutionResult(ExecutionStatus.OK, ("",) * len(a[0]), tuple(a))
        right = ExecutionResult(ExecutionStatus.OK, ("",) * len(b[0]), tuple(b))
        if a == b:
            return True
        return compare_results(
            left, right, ordered=self.ordered, rules=_STRICT, order_keys=self.keys
        ).equal


_STRICT = MatchRules(column_order="fixed")


def _choose(
    given: _Candidate | None,
    candidates: list[_Candidate],
    mutants: list[Mutant],
    equivalent: tuple[tuple[str, str], ...],
    trial: _Trial,
    count: int,
    error: str,
) -> DatabaseReport:
    """Greedy: each next database kills the most mutants that still live.

    The real one comes first where it is stable, and stands alone where nothing else is.
    """
    stable = [c for c in candidates if c.stable]
    first = given is not None and (given.stable or not candidates)
    usable = stable or ([] if given is not None and given.stable else candidates)
    chosen: list[_Candidate] = [given] if given is not None and first else []
    killed: set[int] = set().union(*(c.killed for c in chosen))
    shown_where = any(c.where_matters for c in chosen)
    count += len(chosen)
    candidates = [*chosen, *candidates]
    while usable and len(chosen) < count:
        shown = any(c.non_empty for c in chosen)
        gains = [_gain(c, shown, shown_where, killed) for c in usable]
        best = usable[gains.index(max(gains))]
        chosen.append(best)
        usable = [c for c in usable if c is not best]
        killed |= best.killed
        shown_where |= best.where_matters
    tried = set().union(*(c.tried for c in candidates)) if candidates else set()
    ran = [i for i in sorted(tried) if i in killed or i not in trial.broken]
    return DatabaseReport(
        [c.database for c in chosen],
        any(c.non_empty for c in chosen),
        None if trial.stripped is None else any(c.where_matters for c in chosen),
        tuple(mutants[i].name for i in ran if i in killed),
        tuple(mutants[i].name for i in ran if i not in killed),
        equivalent,
        bool(stable) or any(c.stable for c in chosen),
        error if not candidates else "",
    )


def _gain(
    candidate: _Candidate, shown: bool, shown_where: bool, killed: set[int]
) -> tuple[int, int, int]:
    """What a candidate adds to those chosen; compared place by place."""
    shows = int(not shown and candidate.non_empty)
    shows += int(candidate.where_matters and not shown_where)
    return shows, len(candidate.killed - killed), int(candidate.non_empty)
