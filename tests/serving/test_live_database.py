"""Reading files that others use: what comes back, and what is refused, cut or ended."""

import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from live_files import file_hash, make_sqlite

from sql_ft.errors import DataError, SandboxError
from sql_ft.records import ExecutionStatus
from sql_ft.serving.live_database import LiveDatabase, QueryLimits, open_database

ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t"


def test_reads_schema_and_rows(database: LiveDatabase) -> None:
    live = database.schema()
    assert [t.name for t in live.schema.tables] == ["shop", "sale"]
    shop, sale = live.schema.tables
    assert [c.name for c in shop.columns] == ["id", "name", "city"]
    assert shop.primary_key == ("id",)
    assert (sale.foreign_keys[0].columns, sale.foreign_keys[0].ref_table) == (("shop_id",), "shop")
    assert live.samples["shop"]["city"] == ("Paris", "Rome")
    assert live.context.startswith("CREATE TABLE shop (id INTEGER PRIMARY KEY, name VARCHAR")
    result = database.run('SELECT name, city FROM shop WHERE city = "Rome"')
    assert (result.status, result.rows) == (ExecutionStatus.OK, (("Sud", "Rome"),))
    assert result.columns == ("name", "city")
    assert not result.truncated
    assert result.duration_s > 0


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        ("", ExecutionStatus.EMPTY),
        ("SELEC 1 FROM shop WHERE", ExecutionStatus.SYNTAX),
        ("SELECT x FROM shop", ExecutionStatus.UNKNOWN_COLUMN),
        ("SELECT 1 FROM nowhere", ExecutionStatus.UNKNOWN_TABLE),
        ("SELECT 1; SELECT 2", ExecutionStatus.NOT_A_QUERY),
        ("DROP TABLE shop", ExecutionStatus.NOT_A_QUERY),
        ("DELETE FROM shop", ExecutionStatus.NOT_A_QUERY),
        ("UPDATE shop SET name = 'x'", ExecutionStatus.NOT_A_QUERY),
        ("WITH a AS (DELETE FROM shop RETURNING *) SELECT * FROM a", ExecutionStatus.NOT_A_QUERY),
        ("ATTACH 'other.db' AS other", ExecutionStatus.NOT_A_QUERY),
        ("PRAGMA writable_schema = ON", ExecutionStatus.NOT_A_QUERY),
        ("VACUUM INTO 'copy.db'", ExecutionStatus.NOT_A_QUERY),
        ("CREATE TABLE x (a INTEGER)", ExecutionStatus.NOT_A_QUERY),
        ("SELECT load_extension('x')", ExecutionStatus.RUNTIME_ERROR),
        ("SELECT readfile('/etc/passwd')", ExecutionStatus.RUNTIME_ERROR),
        ("SELECT * FROM read_csv('/etc/passwd')", ExecutionStatus.RUNTIME_ERROR),
    ],
)
def test_failures_are_data_and_nothing_is_written(
    shop: Path, database: LiveDatabase, sql: str, status: ExecutionStatus
) -> None:
    before, beside = file_hash(shop), sorted(os.listdir(shop.parent))
    result = database.run(sql)
    assert result.status == status, result
    assert result.error
    assert result.rows == ()
    assert database.run("SELECT COUNT(*) FROM shop").rows == ((3,),)
    database.close()
    assert (file_hash(shop), sorted(os.listdir(shop.parent))) == (before, beside)


def test_rows_and_bytes_are_cut(database: LiveDatabase) -> None:
    result = database.run("SELECT name FROM shop ORDER BY id", max_rows=2)
    assert (result.rows, result.truncated) == ((("Nord",), ("Sud",)), True)
    whole = database.run("SELECT name FROM shop ORDER BY id", max_rows=3)
    assert (len(whole.rows), whole.truncated) == (3, False)
    result = database.run("SELECT name, name FROM shop ORDER BY id", max_bytes=30)
    assert (result.rows, result.truncated) == ((("Nord", "Nord"),), True)
    # A first row that is too long alone is cut within.
    result = database.run("SELECT name FROM shop ORDER BY id", max_bytes=2)
    assert (result.rows, result.truncated) == ((("No",),), True)


def test_a_late_query_is_interrupted_and_the_next_runs(database: LiveDatabase) -> None:
    started = time.monotonic()
    assert database.run(ENDLESS, timeout_s=0.3).status == ExecutionStatus.TIMEOUT
    assert time.monotonic() - started < 10
    assert database.run("SELECT 1").rows == ((1,),)


def test_a_call_that_cannot_be_interrupted_is_killed(tmp_path: Path) -> None:
    # One call of instr compares 5 MB at each of 5 million places.
    query = "SELECT instr(printf('%.*c', 9000000, 'a'), printf('%.*c', 4000000, 'a') || 'b')"
    with open_database(make_sqlite(tmp_path / "shop.sqlite")) as database:
        pid = database._process._process.pid  # type: ignore[union-attr]
        result = database.run(query, timeout_s=0.3)
        assert result.status == ExecutionStatus.TIMEOUT
        assert "killed" in result.error
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert database.run("SELECT COUNT(*) FROM shop").rows == ((3,),)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_child_that_dies_is_no_fault_of_the_query(database: LiveDatabase, number: int) -> None:
    assert database.run("SELECT 1").ok
    pid = database._started()._process.pid
    killer = threading.Timer(0.3, os.kill, (pid, number))
    killer.start()
    result = database.run(ENDLESS, timeout_s=20)
    killer.join()
    assert result.status == ExecutionStatus.HARNESS
    assert f"ended by signal {number.real}" in result.error
    assert database.run("SELECT 1").rows == ((1,),)


def test_memory_is_bounded(tmp_path: Path) -> None:
    bomb = (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 60) "
        "SELECT printf('%.*c', 9000000, 'a') || n AS s FROM t ORDER BY s"
    )
    with open_database(make_sqlite(tmp_path / "shop.sqlite")) as database:
        assert database.run(bomb, timeout_s=60).status == ExecutionStatus.MEMORY
        assert database.run("SELECT 1").ok


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL", "TRUNCATE", "PERSIST"])
def test_a_writer_never_waits_and_its_commits_are_seen(tmp_path: Path, journal_mode: str) -> None:
    """The writer's busy time-out is zero: one lock of ours, and it fails."""
    path = make_sqlite(tmp_path / "shop.sqlite", journal_mode=journal_mode)
    stop = threading.Event()
    failures: list[str] = []
    written = [3]

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=0.0)) as writer:
            while not stop.is_set():
                try:
                    with writer:
                        writer.execute("INSERT INTO shop (name) VALUES ('new')")
                    written[0] += 1
                except sqlite3.OperationalError as error:
                    failures.append(str(error))
                time.sleep(0.02)

    thread = threading.Thread(target=write)
    with open_database(path, QueryLimits(max_lock_s=0.05)) as database:
        thread.start()
        try:
            counts = []
            for _ in range(40):
                least = written[0]
                found = database.run("SELECT COUNT(*) FROM shop")
                assert found.ok, found
                counts.append((least, found.rows[0][0], written[0] + 1))
        finally:
            stop.set()
            thread.join()
    assert failures == []
    assert counts[-1][1] > 3
    assert all(least <= count <= most for least, count, most in counts)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_sees_commits_and_new_tables(shop: Path, database: LiveDatabase) -> None:
    assert database.run("SELECT COUNT(*) FROM shop").rows == ((3,),)
    assert len(database.schema().schema.tables) == 2
    script = "INSERT INTO shop VALUES (4, 'Ouest', 'Oslo'); CREATE TABLE extra (a INTEGER)"
    if shop.suffix == ".duckdb":
        # Nobody may write to a DuckDB file that somebody has open: we have not.
        with duckdb.connect(str(shop)) as writer:
            writer.execute(script)
    else:
        with closing(sqlite3.connect(shop, timeout=0.0)) as writer:
            writer.executescript(script)
    assert database.run("SELECT COUNT(*) FROM shop").rows == ((4,),)
    assert {t.name for t in database.schema().schema.tables} == {"shop", "sale", "extra"}
    assert database.schema() is database.schema()


def test_a_replaced_file_and_a_lost_one(shop: Path, database: LiveDatabase) -> None:
    if shop.suffix != ".duckdb":
        other = make_sqlite(shop.with_name("other"), "CREATE TABLE b (x INTEGER)")
        other.replace(shop)
        assert [t.name for t in database.schema().schema.tables] == ["b"]
    shop.unlink()
    with pytest.raises(DataError, match=r"cannot read shop\.\w+: No such file"):
        database.run("SELECT 1")


def test_a_duckdb_file_that_is_being_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as writer:
        writer.execute("CREATE TABLE a (x INTEGER)")
        with pytest.raises(DataError, match=r"open for writing in process \d+.*ask again"):
            open_database(path)


def test_an_interrupted_write_says_what_to_do(tmp_path: Path) -> None:
    path = make_sqlite(tmp_path / "shop.sqlite")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN")
    writer.execute(
        "INSERT INTO sale WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t "
        "WHERE n < 9000) SELECT n, n, n FROM t"
    )
    # What a crash leaves: pages half written, and the journal that undoes them.
    crashed = tmp_path / "crashed.sqlite"
    crashed.write_bytes(path.read_bytes())
    journal = path.with_name("shop.sqlite-journal").read_bytes()
    crashed.with_name("crashed.sqlite-journal").write_bytes(journal)
    writer.execute("ROLLBACK")
    writer.close()
    with (
        open_database(crashed) as database,
        pytest.raises(DataError, match=r"a write to crashed\.sqlite was interrupted"),
    ):
        database.run("SELECT COUNT(*) FROM sale")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"name,city\na,b\n", "neither a SQLite nor a DuckDB database: it begins with b'name,cit'"),
        (b"\0" * 100, "neither"),
    ],
)
def test_what_is_no_database(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_database(path)


def test_missing_files_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_database(tmp_path / "no.db")
    with pytest.raises(DataError, match="is not a file"):
        open_database(tmp_path)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    with (
        open_database(damaged) as database,
        pytest.raises(DataError, match=r"cannot read damaged\.db|no tables"),
    ):
        database.schema()


def test_a_large_file_is_refused_or_read_without_being_loaded(tmp_path: Path) -> None:
    """200 MB: too large to copy here, so it is read in place, for a moment at a time."""
    path = make_sqlite(tmp_path / "large.sqlite")
    with path.open("r+b") as stream:
        stream.truncate(200 * 1024 * 1024)
    with open_database(path, QueryLimits(snapshot_max_mb=1)) as database:
        assert database.run("SELECT COUNT(*) FROM shop").rows == ((3,),)
        result = database.run(ENDLESS)
        assert result.status == ExecutionStatus.TIMEOUT
        assert "writers of this file waiting" in result.error


def test_no_lock_and_no_process_stay(shop: Path) -> None:
    database = open_database(shop)
    database.run("SELECT 1 FROM shop")
    pid = database._process._process.pid  # type: ignore[union-attr]
    folder = Path(database._folder.name)  # type: ignore[union-attr]
    if shop.suffix != ".duckdb":
        with closing(sqlite3.connect(shop, timeout=0.0)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            writer.execute("ROLLBACK")
    database.close()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(SandboxError, match="closed"):
        database.run("SELECT 1")
    database.close()
