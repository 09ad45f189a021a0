"""Parse-level refusal of everything that is not one query.

First of three fences (the others: DuckDB's own statement types and the read-only
transaction in `worker`, and the operating system's limits). It is also the only place
that calls sqlglot's parser on text from outside, so all its limits live here.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections import Counter
from collections.abc import Iterator

import sqlglot
import sqlglot.errors
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from sql_ft.errors import SqlTranslationError
from sql_ft.execution.nodes import nodes_of
from sql_ft.records import ExecutionStatus

MAX_SQL_CHARS = 100_000
MAX_NESTING = 60
# Translation takes time in proportion to the words times the SELECTs: 500 SELECTs of five
# words kept the parent busy for 18 s, 60 of 140 for 7 s. At these bounds it is about 1 s;
# no public gold has more than 12 SELECTs.
MAX_TOKENS = 10_000
MAX_SELECTS = 64
MAX_TOKENS_TIMES_SELECTS = 100_000
_HEADROOM = 3_000

# sqlglot underlines the place of the error.
_ANSI = re.compile(r"\x1b\[\d*m")
_QUERIES = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_FORBIDDEN = (
    exp.DML, exp.DDL, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.Set, exp.Pragma, exp.Attach,
    exp.Detach, exp.Copy, exp.Use, exp.Transaction, exp.Commit, exp.Rollback, exp.Describe,
    exp.Show, exp.Summarize, exp.Install, exp.Lock, exp.Parameter, exp.Placeholder,
)  # fmt: skip
# Functions that read files, settings or other queries' state, that change the engine, that
# run SQL text, or whose result cannot be the same twice.
_REFUSED_FUNCTIONS = frozenset(
    """setseed nextval currval getvariable getenv query query_table glob read_text read_blob
    current_setting set_config write_log write_log_file duckdb_secrets which_secret pg_sleep
    sleep_ms checkpoint force_checkpoint load_extension readfile writefile edit fts3_tokenizer
    json_execute_serialized_sql from_substrait get_substrait sqlite_scan sqlite_attach
    postgres_scan mysql_scan delta_scan iceberg_scan add_parquet_key enable_logging
    disable_logging enable_profiling enable_profile disable_profiling summary test_all_types
    repeat_row truncate_duckdb_logs setval create_external_resource register_external_resource
    register_external_resource_type deregister_external_resource destroy_external_resource
    python_arrow_scan test_vector_types stats vector_type json_serialize_plan
    current_query current_query_id current_connection_id current_transaction_id txid_current
    uuid uuidv4 uuidv7 gen_random_uuid generate_uuid pg_postmaster_start_time
    pg_conf_load_time""".split()  # noqa: SIM905
)
_REFUSED_PREFIXES = (
    "read_", "parquet_", "sniff_", "pragma_", "duckdb_", "pg_ls", "pg_read", "lo_", "arrow_scan",
    "pandas_scan", "python_map", "seq_scan", "inet_", "icu_",
)  # fmt: skip
# The engine's catalogs show the engine and not the database of the question (SQLite has
# others), so for a query they do not exist.
_CATALOGS = frozenset({"information_schema", "pg_catalog"})
_CATALOG_VIEWS = frozenset(
    """sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema pragma_database_list
    duckdb_columns duckdb_constraints duckdb_databases duckdb_indexes duckdb_logs duckdb_schemas
    duckdb_tables duckdb_types duckdb_views pg_am pg_attrdef pg_attribute pg_class pg_collation
    pg_constraint pg_database pg_depend pg_description pg_enum pg_index pg_indexes pg_namespace
    pg_prepared_statements pg_proc pg_sequence pg_sequences pg_settings pg_tables pg_tablespace
    pg_type pg_views""".split()  # noqa: SIM905
)


def parse_one(sql: str, dialect: str, max_chars: int = MAX_SQL_CHARS) -> exp.Expr:
    """Parse one query, or say why it is none.

    Raises:
        SqlTranslationError: `.status` is ``empty``, ``syntax`` or ``not_a_query``.
    """
    check_text(sql, max_chars)
    with equal_depth():
        return _parse(sql, dialect)


def _parse(sql: str, dialect: str) -> exp.Expr:
    try:
        engine = Dialect.get_or_raise(dialect)
        tokens = engine.tokenize(sql)
        _check_size(tokens)
        # sqlglot answers an unknown statement with a Command and a log line; a keyword
        # that cannot start a query is refused before it gets that far.
        first = tokens[0].text.upper() if tokens else ""
        if first in _STATEMENTS:
            raise SqlTranslationError(f"{first} is not a query", status=ExecutionStatus.NOT_A_QUERY)
        statements = [s for s in engine.parser().parse(tokens, sql) if s is not None]
        statements = [s for s in statements if not isinstance(s, exp.Semicolon)]
    except sqlglot.errors.SqlglotError as error:
        message = " ".join(_ANSI.sub("", str(error)).split())[:300]
        raise SqlTranslationError(message, status=ExecutionStatus.SYNTAX) from error
    except RecursionError as error:
        raise SqlTranslationError(
            "nested too deeply to be parsed", status=ExecutionStatus.SYNTAX
        ) from error
    if not statements:
        raise SqlTranslationError("no statement", status=ExecutionStatus.EMPTY)
    if len(statements) > 1:
        raise SqlTranslationError(
            f"{len(statements)} statements",
            expected="one query",
            status=ExecutionStatus.NOT_A_QUERY,
        )
    check_tree(statements[0])
    return statements[0]


@contextlib.contextmanager
def equal_depth() -> Iterator[None]:
    """Let recursion go equally deep, however deep the caller stands.

    sqlglot recurses, and so do the passes. Without this, whether a query is nested too
    deeply would depend on who asks: a script, or a task of a flow.
    """
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + _HEADROOM)
    try:
        yield
    finally:
        sys.setrecursionlimit(max(before, depth + 50))


def check_text(sql: str, max_chars: int = MAX_SQL_CHARS) -> None:
    """Refuse what no parser should see: nothing, too much, NUL, broken Unicode."""
    if not sql.strip():
        raise SqlTranslationError("no statement", status=ExecutionStatus.EMPTY)
    if len(sql) > max_chars:
        raise SqlTranslationError(
            f"query of {len(sql)} characters",
            expected=f"at most {max_chars}",
            status=ExecutionStatus.SYNTAX,
        )
    if "\x00" in sql:
        raise SqlTranslationError("NUL byte in the query", status=ExecutionStatus.SYNTAX)
    if not sql.isascii() and any("\ud800" <= c <= "\udfff" for c in sql):
        raise SqlTranslationError("not valid Unicode", status=ExecutionStatus.SYNTAX)


def check_tree(tree: exp.Expr) -> None:
    """Refuse trees that are not a query, or that hold more than reading.

    Raises:
        SqlTranslationError: `.status` is ``not_a_query``; ``runtime_error`` for a query
            that calls a refused function; ``unknown_table`` for one that reads the
            engine's catalogs or a file.
    """
    if not isinstance(tree, _QUERIES):
        raise SqlTranslationError(
            f"{tree.key.upper()} is not a query",
            expected="SELECT, VALUES or a set operation",
            status=ExecutionStatus.NOT_A_QUERY,
        )
    for node in nodes_of(tree):
        if isinstance(node, _FORBIDDEN):
            raise SqlTranslationError(
                f"{node.key.upper()} inside a query", status=ExecutionStatus.NOT_A_QUERY
            )
        if isinstance(node, exp.Table):
            _check_table(node)
        elif isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            name = name.lower()
            if name in _REFUSED_FUNCTIONS or name.startswith(_REFUSED_PREFIXES):
                raise SqlTranslationError(
                    f"function {name} is not allowed", status=ExecutionStatus.RUNTIME_ERROR
                )


def _check_table(table: exp.Table) -> None:
    name = table.name.casefold()
    schemas = {table.db.casefold(), table.catalog.casefold()}
    if name in _CATALOG_VIEWS or schemas & _CATALOGS:
        raise SqlTranslationError(
            f"{table.sql()} is a catalog of the engine", status=ExecutionStatus.UNKNOWN_TABLE
        )


def _check_size(tokens: list[sqlglot.Token]) -> None:
    depth = 0
    kinds: Counter[TokenType] = Counter()
    for token in tokens:
        text = token.text
        if text in ("(", "[", "{"):
            depth += 1
            if depth > MAX_NESTING:
                raise _too_much(f"nested more than {MAX_NESTING} deep")
        elif text in (")", "]", "}"):
            depth -= 1
        else:
            kinds[token.token_type] += 1
    # DuckDB also reads queries that start with FROM.
    selects = max(kinds[TokenType.SELECT], kinds[TokenType.FROM], kinds[TokenType.VALUES])
    if len(tokens) > MAX_TOKENS:
        raise _too_much(f"{len(tokens)} words and signs", f"at most {MAX_TOKENS}")
    if selects > MAX_SELECTS:
        raise _too_much(f"{selects} SELECTs", f"at most {MAX_SELECTS}")
    if len(tokens) * selects > MAX_TOKENS_TIMES_SELECTS:
        raise _too_much(f"{selects} SELECTs in {len(tokens)} words and signs")


def _too_much(what: str, expected: str = "") -> SqlTranslationError:
    return SqlTranslationError(what, expected=expected or None, status=ExecutionStatus.SYNTAX)


_STATEMENTS = frozenset(
    """ALTER ANALYZE ATTACH BEGIN CALL CHECKPOINT COMMENT COMMIT COPY CREATE DEALLOCATE DELETE
    DESC DESCRIBE DETACH DROP END EXECUTE EXPLAIN EXPORT FORCE GRANT IMPORT INSERT INSTALL KILL
    LOAD MERGE PIVOT PRAGMA PREPARE REFRESH REINDEX RELEASE REPLACE RESET REVOKE ROLLBACK
    SAVEPOINT SET SHOW START SUMMARIZE TRUNCATE UNPIVOT UPDATE USE VACUUM UPSERT""".split()  # noqa: SIM905
)
