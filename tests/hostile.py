"""Hostile predictions: kind, statement, and the status that each must get.

For the tests and for `benchmarks/hostile_predictions.py`. Statements stand in
``hostile.toml``; those that are long, deep or no text at all are made here. The table of
the question is ``t (a INTEGER, b VARCHAR)``.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path

from sql_ft.evaluation.evalset_storage import EvaluationItem, EvaluationSet
from sql_ft.execution.compare import is_ordered, order_key_positions
from sql_ft.execution.databases import Database
from sql_ft.execution.dialect import translate
from sql_ft.execution.sandbox import Job, Limits, Sandbox
from sql_ft.execution.schema import parse_schema
from sql_ft.records import Prediction, Sample

CONTEXT = "CREATE TABLE t (a INTEGER, b VARCHAR)"
DATABASES = (
    Database("d0", {"t": [(1, "x"), (2, "y"), (None, None)]}),
    Database("d1", {"t": [(7, "z"), (7, "z"), (8, None)]}),
)
# (gold, prediction): right by execution, in other words; wrong on the second database only.
HONEST = (
    (
        "SELECT a FROM t WHERE a > 1 ORDER BY a",
        "SELECT a FROM t WHERE a >= 1 AND a <> 1 ORDER BY a",
    ),
    ("SELECT b FROM t", "SELECT DISTINCT b FROM t"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Hostile:
    """One hostile statement.

    Attributes:
        kind: What it tries.
        sql: The text, as a model would have written it.
        statuses: The `ExecutionStatus` values of which it must get one.
    """

    kind: str
    sql: str
    statuses: tuple[str, ...]

    @property
    def exhausting(self) -> bool:
        """It ends by the clock or the memory."""
        return bool({"timeout", "memory"} & set(self.statuses))


def hostile_predictions(canary: str, out: str) -> list[Hostile]:
    """All statements, in a fixed order.

    Args:
        canary: Path of a file that nothing may read or change.
        out: Path of a file that nothing may create.
    """
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    written = [
        Hostile(
            group["kind"],
            sql.replace("{canary}", canary).replace("{out}", out),
            tuple(group["statuses"]),
        )
        for group in groups
        for sql in group["statements"]
    ]
    return [*written, *_made()]


def _made() -> Iterator[Hostile]:
    for kind, statuses, statements in (
        ("deep nesting", "syntax", _deep()),
        ("many columns", "syntax", _wide()),
        ("many columns", "timeout memory", [_doubling("x.a", 40)]),
        ("cross joins", "timeout memory", [f"SELECT SUM(t0.a) FROM {_tables(40)}"]),
        ("long texts", "syntax", _long()),
        ("long texts", "empty", [" " * 1_000_000]),
        ("broken text", "syntax", _BROKEN),
        ("broken text", "not_a_query", ["\ufeff"]),
    ):  # fmt: skip
        for sql in statements:
            yield Hostile(kind, sql, tuple(statuses.split()))


def _nested(left: str, core: str, right: str, depth: int) -> str:
    return left * depth + core + right * depth


def _deep() -> list[str]:
    return [
        "SELECT " + _nested("(", "1", ")", 100),
        "SELECT " + _nested("(", "1", ")", 30_000),
        "SELECT " + _nested("abs(", "1", ")", 1_000),
        "SELECT " + _nested("[", "1", "]", 5_000),
        "SELECT " + "NOT " * 20_000 + "1",
        "SELECT " + "- " * 30_000 + "1",
        "SELECT " + "CASE WHEN " * 10_000,
        "SELECT " + _nested("CASE WHEN a = 1 THEN ", "1", " END", 2_000) + " FROM t",
        "SELECT a FROM " + _nested("(SELECT a FROM ", "t", ") AS x", 100),
        "SELECT a FROM t WHERE a IN " + _nested("(SELECT a FROM t WHERE a IN ", "(1)", ")", 70),
        "SELECT 1" + " + 1" * 40_000,
        "SELECT 1" + "::INTEGER" * 9_000,
        " UNION ALL ".join(["SELECT a FROM t"] * 500),
        "SELECT * FROM " + _nested("(", "t", ")", 500),
    ]


def _wide() -> list[str]:
    return [_doubling("*", 40), " UNION ".join(["SELECT " + "a, " * 300 + "a FROM t"] * 40)]


def _doubling(select: str, levels: int) -> str:
    """A chain of CTEs, each the product of the one before with itself."""
    ctes = ["c0 AS (SELECT a FROM t)"]
    ctes += [f"c{i} AS (SELECT {select} FROM c{i - 1} x, c{i - 1} y)" for i in range(1, levels)]
    return f"WITH {', '.join(ctes)} SELECT * FROM c{levels - 1}"


def _tables(count: int) -> str:
    return ", ".join(f"t t{i}" for i in range(count))


def _long() -> list[str]:
    return [
        "SELECT '" + "x" * 1_000_000 + "'",
        "SELECT " + "1, " * 400_000 + "1",
        "SELECT 1 --" + "x" * 1_000_000,
        "SELECT a FROM t WHERE a IN (" + "1, " * 20_000 + "1)",
        "x" * 1_000_000,
        " " * 1_000_000 + "SELECT 1",
    ]


_BROKEN = [
    "SELECT '\x00'",
    "SELECT a\x00 FROM t",
    "\x00",
    "SELECT '\ud800'",
    "SELECT \udcff FROM t",
    "\ud83d",
    "SELECT '\udfff\ud800' --",
]


def make_items(golds: dict[str, str], limits: Limits) -> EvaluationSet:
    """A set over `CONTEXT` and `DATABASES`: sample id → gold."""
    schema = parse_schema(CONTEXT)
    translated = {gold: translate(gold, schema) for gold in golds.values()}
    with Sandbox(limits, workers=1) as sandbox:
        found = sandbox.run(
            [Job(gold, schema, DATABASES, {"q": t.sql}) for gold, t in translated.items()]
        )
    results = {result.id: result.results["q"] for result in found}
    entries = tuple(
        EvaluationItem(
            sample=Sample(name, "A question?", CONTEXT, gold, f"g-{name}"),
            gold_sql=translated[gold].sql,
            schema=schema,
            ordered=is_ordered(translated[gold].tree),
            order_keys=order_key_positions(translated[gold].tree),
            databases=DATABASES,
            gold_results=results[gold],
        )
        for name, gold in golds.items()
    )
    return EvaluationSet(entries=entries, dialect="sqlite", key="by hand")


def interleave(
    statements: list[Hostile], limits: Limits
) -> tuple[EvaluationSet, list[Prediction], list[Prediction]]:
    """A set in which hostile samples (``h0``, …) stand between honest ones (``k0``, …).

    Returns:
        The set, the predictions, and the predictions with every hostile one replaced by
        its gold: what the honest verdicts must not differ from.
    """
    golds: dict[str, str] = {}
    predictions, undisturbed = [], []
    for number, statement in enumerate(statements):
        gold, honest = HONEST[number % len(HONEST)]
        for name, text, other in (
            (f"h{number}", statement.sql, gold),
            (f"k{number}", honest, honest),
        ):
            golds[name] = gold
            predictions.append(Prediction(name, "candidate", text, text, True, 0, 0, "stop"))
            undisturbed.append(Prediction(name, "candidate", other, other, True, 0, 0, "stop"))
    return make_items(golds, limits), predictions, undisturbed
