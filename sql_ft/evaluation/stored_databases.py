"""Databases in a stored set: generated ones with their samples, real ones once.

A real database belongs to many samples; its rows stand in a table of their own under the
hash of their content, which is also what the hash of the set covers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from sql_ft.execution import wire
from sql_ft.execution.databases import REAL, Database
from sql_ft.records import content_hash


def encode_database(database: Database) -> dict[str, Any]:
    """JSON form with all rows."""
    return {
        "name": database.name,
        "rows": {table: wire.encode_rows(rows) for table, rows in database.rows.items()},
    }


def decode_database(values: Mapping[str, Any]) -> Database:
    """Inverse of `encode_database`."""
    return Database(
        name=values["name"],
        rows={table: list(wire.decode_rows(rows)) for table, rows in values["rows"].items()},
    )


def database_key(database: Database) -> str:
    """SHA-256 of the content."""
    return content_hash(encode_database(database))


class SharedDatabases:
    """Real databases by the hash of their content; each object is hashed once."""

    def __init__(self) -> None:
        self.by_key: dict[str, Database] = {}
        # The object is kept too, so that its id stays its own.
        self._keys: dict[int, tuple[str, Database]] = {}
        self._texts: dict[int, tuple[str, tuple[Database, ...]]] = {}
        self._read: dict[str, tuple[Database, ...]] = {}

    def to_text(self, databases: tuple[Database, ...]) -> str:
        """JSON text of a sample's databases; wordings of one question share the object."""
        if id(databases) not in self._texts:
            text = json.dumps([self.encode(d) for d in databases], ensure_ascii=True)
            self._texts[id(databases)] = text, databases
        return self._texts[id(databases)][0]

    def from_text(self, text: str) -> tuple[Database, ...]:
        """Inverse of `to_text`: one object for equal texts; raises KeyError, ValueError."""
        if text not in self._read:
            self._read[text] = tuple(self.decode(values) for values in json.loads(text))
        return self._read[text]

    def encode(self, database: Database) -> dict[str, Any]:
        """JSON form: a reference for a real database, all rows for another."""
        if database.name != REAL:
            return encode_database(database)
        if id(database) not in self._keys:
            key = database_key(database)
            self._keys[id(database)] = key, self.by_key.setdefault(key, database)
        return {"name": database.name, "key": self._keys[id(database)][0]}

    def decode(self, values: Mapping[str, Any]) -> Database:
        """Inverse of `encode`; raises KeyError for a key that is not here."""
        return self.by_key[values["key"]] if "key" in values else decode_database(values)

    def to_table(self) -> pa.Table:
        """One row a database."""
        texts = [json.dumps(encode_database(d), ensure_ascii=True) for d in self.by_key.values()]
        return pa.table(
            {"key": pa.array(list(self.by_key), pa.string()), "rows": pa.array(texts, pa.string())}
        )

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, str]]) -> SharedDatabases:
        """Inverse of `to_table`, from its rows."""
        shared = cls()
        for row in rows:
            shared.by_key[row["key"]] = decode_database(json.loads(row["rows"]))
        return shared
