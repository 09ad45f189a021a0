"""`history.duckdb`: what the registry and the runs say, where anyone can query it.

A cache, never a source: it is brought up to date from MLflow at each call, and rebuilt
whenever it is missing, damaged, of another layout or of another store.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sql_ft.errors import ConfigError, TrackingError
from sql_ft.records import content_hash
from sql_ft.tracking.history_tables import TABLES, Row, merge_rows, run_rows, version_rows
from sql_ft.tracking.store import Store, tracking_errors
from sql_ft.tracking.versions import RegisteredVersion, list_versions

FILE = "history.duckdb"

_LAYOUT = content_hash([table.create_sql() for table in TABLES])[:16]
_EPOCH = datetime.datetime(1970, 1, 1)
_VERSION_TABLES = ("versions", "decisions", "checks", "scores")
_RUN_TABLES = ("runs", "metrics", "params")
# DuckDB's own words for a file that it cannot read, as opposed to one that is in use.
_IN_USE = ("Conflicting lock", "Could not set lock", "being used by another process")


@dataclasses.dataclass(frozen=True, slots=True)
class Refreshed:
    """What bringing the cache up to date did.

    Attributes:
        path: The file.
        rebuilt: Why it was built from nothing; empty if it was not.
        versions: Versions read again because the registry says something new.
        runs: Runs read again.
    """

    path: Path
    rebuilt: str
    versions: int
    runs: int


@dataclasses.dataclass(frozen=True, slots=True)
class QueryResult:
    """Columns and rows of a query."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def refresh_history(
    store: Store, name: str, experiment: str, *, rebuild: bool = False
) -> Refreshed:
    """Bring `history.duckdb` up to date with the registry and the experiment.

    Only versions whose tags or aliases have changed are written again, and only runs that
    were still open or have started since.

    Args:
        store: From `prepare_store`; the file lies in its `state_dir`.
        name: Registered model.
        experiment: Its runs.
        rebuild: Begin from nothing.

    Raises:
        TrackingError: The store does not answer, or another program has the file open.
    """
    path = store.state_dir / FILE
    identity = f"{_LAYOUT} {store.label} {name} {experiment}"
    # MLflow is asked first: if it does not answer, the old cache stays as it is.
    versions = list_versions(store, name)
    with store.lock("history"):
        reason = "--rebuild" if rebuild else _why_rebuild(path, identity)
        if reason:
            _create(path, identity)
        with _open(path) as connection:
            changed = _write_versions(connection, versions)
            runs = _changed_runs(store, experiment, connection)
            _write(
                connection,
                _RUN_TABLES,
                "run_id",
                [str(run.info.run_id) for run in runs],
                merge_rows([run_rows(run) for run in runs]),
            )
    return Refreshed(path, reason, changed, len(runs))


def query_history(store: Store, sql: str) -> QueryResult:
    """Run one query on the cache, read only: no files, no network, no settings.

    Raises:
        ConfigError: The SQL is wrong, or not one query.
        TrackingError: The file is not there or in use.
    """
    import duckdb

    path = store.state_dir / FILE
    if not sql.strip():
        raise ConfigError("no SQL given", setting="--sql", expected='e.g. "FROM versions"')
    with store.lock("history"), _open(path, read_only=True) as connection:
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1:
                raise ConfigError(
                    f"{len(statements)} statements", setting="--sql", expected="one query"
                )
            result = connection.execute(statements[0])
            columns = tuple(column[0] for column in result.description or ())
            return QueryResult(columns, tuple(result.fetchall()))
        except duckdb.Error as error:
            raise ConfigError(
                f"the query failed: {_first_line(error)}",
                setting="--sql",
                expected="a read-only query; `sql-ft history --tables` lists tables and columns",
            ) from error


def _why_rebuild(path: Path, identity: str) -> str:
    """Why the file cannot be used; empty if it can."""
    import duckdb

    if not path.exists():
        return "no cache yet"
    try:
        with _open(path, read_only=True) as connection:
            rows = connection.execute("SELECT identity FROM cache").fetchall()
    except duckdb.Error as error:
        return f"unreadable: {_first_line(error)}"
    return "" if rows == [(identity,)] else "another layout, store, model or experiment"


def _create(path: Path, identity: str) -> None:
    """Write empty tables; the file appears under its name when it is complete."""
    partial = path.with_name(path.name + ".partial")
    for leftover in (partial, path.with_name(path.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with _open(partial) as connection:
        for table in TABLES:
            connection.execute(table.create_sql())
        connection.execute("CREATE TABLE cache (identity VARCHAR)")
        connection.execute("INSERT INTO cache VALUES (?)", [identity])
    partial.replace(path)


def _write_versions(connection: Any, versions: list[RegisteredVersion]) -> int:
    known = dict(connection.execute("SELECT version, fingerprint FROM versions").fetchall())
    prints = {
        int(v.version): content_hash([v.tags, list(v.aliases), v.run_id])[:16] for v in versions
    }
    changed = [v for v in versions if known.get(int(v.version)) != prints[int(v.version)]]
    gone = [number for number in known if number not in prints]
    _write(
        connection,
        _VERSION_TABLES,
        "version",
        [*gone, *(int(v.version) for v in changed)],
        merge_rows([version_rows(v, prints[int(v.version)]) for v in changed]),
    )
    return len(changed)


def _changed_runs(store: Store, experiment: str, connection: Any) -> list[Any]:
    """Runs that started since, or whose last known state may have changed."""
    (since,) = connection.execute(
        # A run that was killed can be continued; one that failed or finished stays so.
        "SELECT least(min(started_at) FILTER (status IN ('RUNNING', 'KILLED')), max(started_at)) "
        "FROM runs"
    ).fetchone()
    client = store.client()
    with tracking_errors(f"cannot read the runs of experiment {experiment!r}", store):
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return []
        since_ms = 0 if since is None else int((since - _EPOCH).total_seconds() * 1000)
        runs: list[Any] = []
        token: str | None = None
        while True:
            page = client.search_runs(
                [str(found.experiment_id)],
                filter_string=f"attributes.start_time >= {since_ms}",
                page_token=token,
            )
            runs.extend(page)
            token = page.token
            if not token:
                return runs


def _write(
    connection: Any,
    tables: tuple[str, ...],
    key: str,
    replaced: list[Any],
    rows: dict[str, list[Row]],
) -> None:
    """Replace the rows of some keys in one transaction."""
    connection.execute("BEGIN")
    for table in tables:
        if replaced:
            connection.executemany(
                f'DELETE FROM "{table}" WHERE "{key}" = ?', [[value] for value in replaced]
            )
        if rows.get(table):
            marks = ", ".join("?" * len(rows[table][0]))
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows[table])
    connection.execute("COMMIT")


@contextlib.contextmanager
def _open(path: Path, *, read_only: bool = False) -> Iterator[Any]:
    import duckdb

    settings: dict[str, Any] = {}
    if read_only:
        settings = {
            "enable_external_access": False,
            "python_enable_replacements": False,
            "lock_configuration": True,
        }
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=settings)
    except duckdb.Error as error:
        if any(words in str(error) for words in _IN_USE):
            raise TrackingError(
                f"{path} is open in another program: {_first_line(error)}",
                expected="close it there, or copy the file and query the copy",
            ) from error
        raise
    with contextlib.closing(connection):
        yield connection


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
