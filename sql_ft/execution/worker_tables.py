"""The tables of a sandbox worker, filled from one database at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sql_ft.execution import wire

if TYPE_CHECKING:
    import duckdb

_INSERT_ROWS = 200
_KEPT_STATEMENTS = 500
# An int arrives as INTEGER or HUGEINT, as large as it is: BIGINT has to be said.
_PYTHON_TYPES = {"VARCHAR": str, "DOUBLE": float}


class Tables:
    """The tables of one schema, filled from one database at a time.

    Replacing a table costs half a millisecond, so only those that a query names are
    filled, and a database stays until another one is sent. A table that the present
    database did not fill is empty: no row outlives its database.

    Args:
        connection: A connection of its own beside the one that runs queries: rows are
            loaded without the optimizer, which a third of the time would go to.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._columns: dict[str, list[list[str]]] = {}
        self._filled: set[str] = set()
        self._statements: dict[str, duckdb.Statement] = {}

    def set_schema(self, tables: dict[str, list[list[str]]]) -> None:
        """Make the tables of a schema: quoted name → quoted column names and types.

        Empty tables that are the same in both schemas stay: the questions of one
        database differ in a type here and there.
        """
        for name in list(self._columns):
            if name in self._filled or self._columns[name] != tables.get(name):
                self._connection.execute(f"DROP TABLE {name}")
                del self._columns[name]
        self._filled = set()
        for name, columns in tables.items():
            if name not in self._columns:
                self._columns[name] = columns
                self._create(name)

    def fill(self, rows: dict[str, list[list[Any] | None]], *, replace: bool) -> None:
        """Put rows into tables.

        Args:
            rows: Quoted table name → one list of values a column; None for a column that no
                query names, which the table then goes without.
            replace: They are another database than the present one.
        """
        if replace:
            for name in sorted(self._filled - rows.keys()):
                self._create(name)
            self._filled = set()
        for name, columns in rows.items():
            self._filled.add(name)
            self._fill_one(name, [c and [wire.decode_value(v) for v in c] for c in columns])

    def _fill_one(self, name: str, values: list[list[Any] | None]) -> None:
        given = [v for v in values if v is not None]
        types = [c for c, v in zip(self._columns[name], values, strict=True) if v is not None]
        if all(_one_type(v, kind) for v, (_, kind) in zip(given, types, strict=True)):
            lists = ", ".join(
                f"unnest(?{'' if _arrives_as(kind, v) else f'::{kind}[]'}) AS {column}"
                for v, (column, kind) in zip(given, types, strict=True)
            )
            self._run(f"CREATE OR REPLACE TABLE {name} AS SELECT {lists}", given)
            return
        # A list holds values of one type only; in a VALUES list each is cast by itself.
        self._create(name, types)
        mark = "(" + ", ".join("?" * len(types)) + ")"
        rows = list(zip(*given, strict=True))
        for start in range(0, len(rows), _INSERT_ROWS):
            part = rows[start : start + _INSERT_ROWS]
            self._connection.execute(
                f"INSERT INTO {name} VALUES " + ", ".join([mark] * len(part)),
                [v for row in part for v in row],
            )

    def _create(self, name: str, types: list[list[str]] | None = None) -> None:
        columns = ", ".join(f"{column} {kind}" for column, kind in types or self._columns[name])
        self._run(f"CREATE OR REPLACE TABLE {name} ({columns})", [])

    def _run(self, sql: str, values: list[list[Any]]) -> None:
        statement = self._statements.get(sql)
        if statement is None:
            if len(self._statements) > _KEPT_STATEMENTS:
                self._statements.clear()
            (statement,) = self._connection.extract_statements(sql)
            self._statements[sql] = statement
        self._connection.execute(statement, values)


def _arrives_as(kind: str, values: list[Any]) -> bool:
    """True if the engine gives a list of these values that type unasked: a cast costs 30 µs."""
    return {type(v) for v in values if v is not None} == {_PYTHON_TYPES.get(kind)}


def _one_type(values: list[Any], kind: str) -> bool:
    found = {type(v) for v in values if v is not None}
    return len(found) < 2 or (kind == "DOUBLE" and found == {int, float})
