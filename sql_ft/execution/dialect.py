"""One translation into DuckDB's dialect, for gold and prediction alike."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Literal

import sqlglot
import sqlglot.errors
from sqlglot import exp

from sql_ft.errors import SqlTranslationError
from sql_ft.execution import guard
from sql_ft.execution.column_bound import has_few_columns
from sql_ft.execution.nodes import kinds_of, nodes_of
from sql_ft.execution.passes import SQLITE_PASSES
from sql_ft.execution.resolve import Resolver
from sql_ft.execution.schema import Schema, quote_name

Distinct = Literal["strict", "official"]


@dataclasses.dataclass(frozen=True, slots=True)
class Translated:
    """A query in DuckDB's dialect.

    Attributes:
        sql: DuckDB text, one SELECT-like statement.
        tree: The same as a sqlglot tree.
        source: The parsed source query, double-quoted literals resolved, before any
            other pass: what `databases` and `mutants` work on.
        notes: Names of the passes that changed something, in order.
    """

    sql: str
    tree: exp.Expr
    source: exp.Expr
    notes: tuple[str, ...] = ()


def parse_query(
    sql: str, schema: Schema, dialect: str = "sqlite", *, distinct: Distinct = "strict"
) -> exp.Expr:
    """Parse one query and resolve its double-quoted literals (`Translated.source`).

    Args:
        sql: The query.
        schema: Its tables.
        dialect: sqlglot's name of its dialect.
        distinct: ``official`` leaves out every DISTINCT; see `drop_distinct`.

    Raises:
        SqlTranslationError: As for `translate`.
    """
    tree = guard.parse_one(quote_odd_names(sql, schema), dialect)
    if dialect == "sqlite":
        tree = resolve_quoted(tree, schema)
    return tree if distinct == "strict" else drop_distinct(tree)


def translate(
    sql: str,
    schema: Schema,
    dialect: str = "sqlite",
    *,
    distinct: Distinct = "strict",
    note_passes: bool = True,
) -> Translated:
    """Bring one query into DuckDB's dialect.

    Every identifier is quoted in the result, so that names which only DuckDB reserves
    survive; DuckDB ignores letter case all the same.

    Args:
        sql: One query in `dialect`.
        schema: Tables that its names are resolved in.
        dialect: sqlglot's name of a dialect.
        distinct: ``official`` leaves out every DISTINCT; see `drop_distinct`.
        note_passes: Fill `Translated.notes`. Finding out which passes changed something
            takes two thirds of the time of a translation.

    Raises:
        SqlTranslationError: `.status` is ``empty`` (no statement), ``not_a_query``
            (several statements, or not a SELECT), ``syntax``, or ``runtime_error`` (it
            calls a function that a prediction may not call).
    """
    with guard.equal_depth(), translation_errors():
        source = parse_query(sql, schema, dialect, distinct=distinct)
        notes: list[str] | None = [] if note_passes else None
        tree = run_passes(source.copy(), schema, dialect, notes)
        return Translated(write_query(tree.copy()), tree, source, tuple(notes or ()))


@contextlib.contextmanager
def translation_errors() -> Iterator[None]:
    """Whatever sqlglot and the passes trip over becomes one kind of error."""
    try:
        yield
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise SqlTranslationError(
            f"cannot be written in DuckDB's dialect: {type(error).__name__} {str(error)[:200]}"
        ) from error


def run_passes(
    tree: exp.Expr, schema: Schema, dialect: str, notes: list[str] | None = None
) -> exp.Expr:
    """Change a parsed query into DuckDB's meaning, in place; returns its root.

    Args:
        tree: From `parse_query`.
        schema: Its tables.
        dialect: What the query is written in.
        notes: Collects the names of the passes that changed something.
    """
    if dialect != "sqlite":
        return tree
    before = "" if notes is None else tree.sql()
    kinds = kinds_of(tree)
    for change, needs in SQLITE_PASSES:
        if kinds.isdisjoint(needs):
            continue
        tree = change(tree, schema)
        kinds = kinds_of(tree)
        if notes is not None:
            after = tree.sql()
            if after != before:
                notes.append(change.__name__)
            before = after
    return tree


def write_query(tree: exp.Expr) -> str:
    """DuckDB text of a tree, which is used up: the generator rewrites what it writes."""
    return tree.sql(dialect="duckdb", identify=True, comments=False, copy=False)


def quote_odd_names(sql: str, schema: Schema) -> str:
    """Quote names of the schema that no SQL parser reads unquoted (``2nd_leg``, ``a&b``)."""
    names = {n for t in schema.tables for n in (t.name, *(c.name for c in t.columns))}
    pattern = _odd_names(frozenset(names))
    if pattern is None:
        return sql

    def quote(match: re.Match[str]) -> str:
        name = match.group(2)
        if name is None:
            return match.group()
        ambiguous = name.isdigit() or name.upper() in _RESERVED
        if ambiguous and not _stands_for_column(match):
            return match.group()
        return quote_name(name)

    return pattern.sub(quote, sql)


@functools.lru_cache(maxsize=256)
def _odd_names(names: frozenset[str]) -> re.Pattern[str] | None:
    """Texts in quotes, or (second group) one of the names that is odd; None if none is."""
    odd = sorted((n for n in names if _is_odd(n)), key=lambda n: (-len(n), n))
    if not odd:
        return None
    return re.compile(
        r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\])|(?<![\w$.])("
        + "|".join(re.escape(n) for n in odd)
        + r")(?![\w$]|\.\d)",
        re.IGNORECASE,
    )


def _is_odd(name: str) -> bool:
    """Neither a plain name nor only operators and brackets, which mean themselves."""
    if re.fullmatch(r"[A-Za-z_\u0080-\uffff][\w$]*", name) is not None:
        return name.upper() in _RESERVED
    return name.isdigit() or re.fullmatch(r"[\d\s.,()+\-*/%<>=!|&~]*", name) is None


# Reserved in SQLite, or read by sqlglot as something else; without those that are operators
# or values themselves (NOT, NULL, CASE, EXISTS).
_RESERVED = frozenset(
    """ADD ALTER AS BETWEEN CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE DROP
    ELSE ESCAPE FOR FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS JOIN LIMIT NATURAL
    ON ORDER PRIMARY REFERENCES RETURNING SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING
    VALUES WHEN WHERE""".split()  # noqa: SIM905
)


def _stands_for_column(match: re.Match[str]) -> bool:
    """A number or keyword where the schema has a column of that name (``from = 'Utah'``).

    Only where nothing else can stand: left of a comparison, selected, aggregated.
    """
    before, after = match.string[: match.start()], match.string[match.end() :]
    if re.match(r"\s*([=<>]|!=|(NOT\s+)?(LIKE|IN|BETWEEN)\b|IS\b)", after, re.IGNORECASE):
        return re.search(r"\b(WHERE|AND|OR|NOT|HAVING|ON)\s*\(*\s*$", before, re.I) is not None
    selected = r"(\bSELECT(\s+DISTINCT)?|\b(COUNT|SUM|AVG|MIN|MAX)\s*\((\s*DISTINCT)?)\s*$"
    return (
        re.search(selected, before, re.IGNORECASE) is not None
        and re.match(r"\s*(,|\)|FROM\b)", after, re.IGNORECASE) is not None
    )


def resolve_quoted(tree: exp.Expr, schema: Schema) -> exp.Expr:
    """SQLite reads "text" as a literal where no column in scope has that name."""
    nodes = nodes_of(tree)
    quoted = [node for node in nodes if isinstance(node, exp.Column) and _is_quoted(node)]
    # A resolver also stops at queries over too many columns.
    if not quoted and has_few_columns(nodes, schema):
        return tree
    resolver = Resolver(tree, schema)
    for column in quoted:
        name = column.this
        if resolver.resolve(column) is None:
            literal = exp.Literal.string(name.name)
            if column is tree:
                return literal
            column.replace(literal)
    return tree


def _is_quoted(column: exp.Column) -> bool:
    """A name in quotes that stands alone."""
    name = column.this
    if column.args.get("table") is not None or not isinstance(name, exp.Identifier):
        return False
    return bool(name.args.get("quoted"))


def drop_distinct(tree: exp.Expr) -> exp.Expr:
    """The query without any DISTINCT, also inside aggregates.

    Spider's official evaluator does this to gold and prediction alike (its
    ``keep_distinct=False``), so that a missing DISTINCT is never held against a prediction.
    """
    for select in tree.find_all(exp.Select):
        select.set("distinct", None)
    for distinct in list(tree.find_all(exp.Distinct)):
        if len(distinct.expressions) == 1:
            distinct.replace(distinct.expressions[0])
    return tree
