"""The child that reads a CSV or Parquet file from a stranger, and writes a DuckDB file.

It limits itself before it looks at the file: memory, processor time, size of what it writes,
no core dump. The engine may read that one file and nothing else, loads no extension, and its
settings are locked. What it has to say is one JSON line.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import resource
import sys
from typing import Any

import duckdb

from sql_ft.execution.engine_settings import engine_settings
from sql_ft.lifeline import die_with_parent

_NAME_CHARS = 60
_MEGABYTE = 1_000_000
# Kept as they are; all others (lists, structs, unions, intervals, …) become text.
_KEPT_TYPES = re.compile(
    r"(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|VARCHAR"
    r"|DATE|TIME|TIMESTAMP)"
)


class RefusedError(Exception):
    """The file cannot be accepted; says why and what would have been."""

    def __init__(self, error: str, expected: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.expected = expected


def main(text: str) -> None:
    """Convert, and say how it ended."""
    job = json.loads(text)
    die_with_parent(job["parent"])
    limit_process(job)
    answer = {"error": "", "expected": ""}
    try:
        convert(job)
    except RefusedError as refusal:
        answer = {"error": refusal.error, "expected": refusal.expected}
    except (MemoryError, duckdb.OutOfMemoryException):
        answer = {"error": "it takes more memory than it may have", "expected": "a smaller file"}
    except duckdb.Error as error:
        if "too large" in str(error).lower() and isinstance(error, duckdb.IOException):
            error = duckdb.IOException(f"it becomes more than {job['max_output_mb']} MB")
        answer = {"error": _first_line(error), "expected": "a readable file"}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()
    # Nothing that the engine has still to tidy up may delay or change what was said.
    os._exit(0)


def limit_process(job: dict[str, Any]) -> None:
    """No more than the job allows, for this process and whatever it would start."""
    for kind, value in (
        (resource.RLIMIT_AS, job["memory_mb"] * _MEGABYTE),
        (resource.RLIMIT_CPU, job["cpu_s"]),
        (resource.RLIMIT_FSIZE, job["max_output_mb"] * _MEGABYTE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def convert(job: dict[str, Any]) -> None:
    """Read the file into one table of a new DuckDB file.

    Raises:
        RefusedError: Too many rows or columns, or no rows at all.
        duckdb.Error: It cannot be read.
    """
    settings = engine_settings(f"{job['memory_mb'] // 3}MB")
    connection = duckdb.connect(job["target"], config=settings)
    source = _quote_text(job["source"])
    connection.execute(f"SET allowed_paths = [{source}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    if job["kind"] == "parquet":
        _check_parquet(connection, source, job)
        reader = f"read_parquet({source}, hive_partitioning = false)"
    else:
        reader = (
            f"read_csv({source}, hive_partitioning = false, compression = 'none', "
            f"encoding = '{_encoding(job['source'])}', max_line_size = {16 * _MEGABYTE})"
        )
    described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    if len(described) > job["max_columns"]:
        raise RefusedError(
            f"it has {len(described):,} columns", f"at most {job['max_columns']:,} columns"
        )
    names = plain_names([row[0] for row in described])
    columns = ", ".join(
        f"{_cast(old, kind)} AS {_quote_name(new)}"
        for new, (old, kind, *_) in zip(names, described, strict=True)
    )
    table = _quote_name(job["table"])
    most = job["max_rows"]
    connection.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM {reader} LIMIT {most + 1}")
    counted = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    rows = counted[0] if counted else 0
    if rows > most:
        raise RefusedError(f"it has more than {most:,} rows", f"at most {most:,} rows")
    if not rows:
        raise RefusedError("it has no rows", "a header line and at least one row")
    connection.close()


def plain_names(names: list[str]) -> list[str]:
    """Column names without control characters, not empty, not too long, all different."""
    taken: set[str] = set()
    plain: list[str] = []
    for number, name in enumerate(names, start=1):
        text = "".join(c if c.isprintable() else " " for c in name).strip()[:_NAME_CHARS]
        text = text or f"column_{number}"
        unique, suffix = text, 2
        while unique.casefold() in taken:
            unique, suffix = f"{text}_{suffix}", suffix + 1
        taken.add(unique.casefold())
        plain.append(unique)
    return plain


def _encoding(path: str) -> str:
    """UTF-8 if the whole file is; any bytes are Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _check_parquet(connection: Any, source: str, job: dict[str, Any]) -> None:
    """Look at what the file says of itself before a page of it is unpacked."""
    found = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({source})").fetchone()
    if found and found[0] > job["max_rows"]:
        raise RefusedError(f"it has {found[0]:,} rows", f"at most {job['max_rows']:,} rows")
    found = connection.execute(
        f"SELECT SUM(total_uncompressed_size) FROM parquet_metadata({source})"
    ).fetchone()
    if found and (found[0] or 0) > job["max_output_mb"] * _MEGABYTE:
        raise RefusedError(
            f"unpacked it has {float(found[0]) / _MEGABYTE:,.0f} MB",
            f"at most {job['max_output_mb']} MB unpacked",
        )


def _cast(name: str, kind: str) -> str:
    quoted = _quote_name(name)
    if _KEPT_TYPES.fullmatch(kind):
        return quoted
    if kind.startswith(("HUGEINT", "UHUGEINT")):
        return f"CAST({quoted} AS DOUBLE)"
    if kind.startswith("TIMESTAMP"):
        return f"CAST({quoted} AS TIMESTAMP)"
    return f"CAST({quoted} AS VARCHAR)"


def _quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    # The engine names the file by where it lies on this machine.
    line = re.sub(r'"?/[^\s"]+"?', "the file", line)
    return line[:200]
