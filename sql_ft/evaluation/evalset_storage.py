"""An evaluation set as values, and as a folder that anyone can read.

``items.parquet`` holds one row a sample (nested values as JSON text, cells as in
`sql_ft.execution.wire`), ``databases.parquet`` the real databases that samples share, and
``manifest.json``, written last, the hashes. The set's `hash`
covers the content, not the bytes of the Parquet file, so that another version of the
writer gives the same hash.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sql_ft.errors import EvaluationError
from sql_ft.evaluation.stored_databases import SharedDatabases
from sql_ft.execution import wire
from sql_ft.execution.databases import Database
from sql_ft.execution.schema import Column, ForeignKey, Schema, Table
from sql_ft.records import ExecutionResult, ExecutionStatus, Sample, content_hash

ITEMS_FILE, DATABASES_FILE, MANIFEST_FILE = "items.parquet", "databases.parquet", "manifest.json"
FORMAT = 3
"""Layout of the folder; another one is not read."""

_TEXT_COLUMNS = (
    "sample_id",
    "schema_group",
    "question",
    "context",
    "gold_source_sql",
    "gold_sql",
    "canonical_key",
    "exclusion",
    "exclusion_detail",
)
_JSON_COLUMNS = ("tags", "schema", "databases", "gold_results", "order", "audit")


@dataclasses.dataclass(frozen=True, slots=True)
class EvaluationItem:
    """One sample, ready to be scored, or excluded with a reason.

    Attributes:
        sample: The question and its gold as the dataset wrote them.
        gold_sql: The gold in DuckDB's dialect; as written if it did not translate.
        exclusion: Why the sample is no yardstick, e.g. ``gold:unknown_column``; "" if
            it is one.
        exclusion_detail: The same for a reader.
        schema: Tables with inferred types; None if the context was not understood.
        ordered: The gold's outermost query orders its rows.
        order_keys: See `compare.order_key_positions`.
        databases: Databases that tell the gold from what it is not.
        gold_results: The gold's result on each of them.
        deterministic: The gold's result does not depend on the order of stored rows.
        mutants_total: Small wrong variants of the gold that ran.
        mutants_killed: Of those, told apart by some database.
        survivors: Names of the others.
        notes: Translation passes that changed the gold.
        canonical_key: `canonical.gold_key` of `gold_sql`; "" if it is not known.
    """

    sample: Sample
    gold_sql: str
    exclusion: str = ""
    exclusion_detail: str = ""
    schema: Schema | None = None
    ordered: bool = False
    order_keys: tuple[int, ...] | None = None
    databases: tuple[Database, ...] = ()
    gold_results: tuple[ExecutionResult, ...] = ()
    deterministic: bool = True
    mutants_total: int = 0
    mutants_killed: int = 0
    survivors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    canonical_key: str = ""


@dataclasses.dataclass(frozen=True)
class EvaluationSet:
    """Audited questions in the order of their samples.

    Attributes:
        entries: One per sample, the excluded ones included.
        dialect: Dialect of gold and predicted SQL.
        key: Hash of what the set was built from; see `evalset.evaluation_set_key`.
        distinct: ``official`` if every DISTINCT was left out of the golds.
    """

    entries: tuple[EvaluationItem, ...]
    dialect: str
    key: str
    distinct: str = "strict"

    @functools.cached_property
    def items(self) -> tuple[EvaluationItem, ...]:
        """Entries that can be scored."""
        return tuple(item for item in self.entries if not item.exclusion)

    @functools.cached_property
    def excluded(self) -> dict[str, list[str]]:
        """Reason → ids of the samples set aside for it."""
        reasons: dict[str, list[str]] = {}
        for item in self.entries:
            if item.exclusion:
                reasons.setdefault(item.exclusion, []).append(item.sample.id)
        return dict(sorted(reasons.items()))

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 over everything frozen: samples, golds, databases, results, exclusions."""
        shared = SharedDatabases()
        rows = [_to_row(item, shared) for item in self.entries]
        return content_hash(
            {"format": FORMAT, "dialect": self.dialect, "distinct": self.distinct, "items": rows}
        )


def write_evaluation_set(
    evaluation_set: EvaluationSet, out_dir: Path, versions: Mapping[str, Any]
) -> None:
    """Write the folder; the manifest comes last, and each file atomically.

    Raises:
        EvaluationError: The folder cannot be written.
    """
    shared = SharedDatabases()
    rows = [_to_row(item, shared) for item in evaluation_set.entries]
    names = (*_TEXT_COLUMNS, *_JSON_COLUMNS)
    table = pa.table({n: pa.array([row[n] for row in rows], pa.string()) for n in names})
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        digests = {}
        for name, content in ((DATABASES_FILE, shared.to_table()), (ITEMS_FILE, table)):
            partial = out_dir / f"{name}.partial"
            pq.write_table(content, partial, compression="zstd")
            digests[name] = hashlib.sha256(partial.read_bytes()).hexdigest()
            partial.replace(out_dir / name)
        manifest = {
            "format": FORMAT,
            "key": evaluation_set.key,
            "hash": evaluation_set.hash,
            "dialect": evaluation_set.dialect,
            "distinct": evaluation_set.distinct,
            "n_samples": len(evaluation_set.entries),
            "n_scored": len(evaluation_set.items),
            "excluded": dict(Counter(i.exclusion for i in evaluation_set.entries if i.exclusion)),
            "versions": dict(versions),
            "files": digests,
        }
        partial = out_dir / f"{MANIFEST_FILE}.partial"
        partial.write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
        partial.replace(out_dir / MANIFEST_FILE)
    except OSError as error:
        raise EvaluationError(f"cannot write the evaluation set to {out_dir}: {error}") from error


def read_key(out_dir: Path) -> str | None:
    """Key of the set in a folder; None if there is no finished set.

    Raises:
        EvaluationError: There is a manifest, and it is damaged.
    """
    if not (out_dir / MANIFEST_FILE).exists():
        return None
    return str(_read_manifest(out_dir)["key"])


def load_evaluation_set(out_dir: Path) -> EvaluationSet:
    """Read a folder and verify every hash.

    Raises:
        EvaluationError: There is no set, a file is missing or damaged, or the content
            does not match its hash.
    """
    if not (out_dir / MANIFEST_FILE).exists():
        raise EvaluationError(
            f"no evaluation set in {out_dir}", expected=f"a folder with {MANIFEST_FILE}"
        )
    manifest = _read_manifest(out_dir)
    contents = {name: _read_file(out_dir, name, manifest) for name in (DATABASES_FILE, ITEMS_FILE)}
    name = DATABASES_FILE
    try:
        shared = SharedDatabases.from_rows(_read_rows(contents[name]))
        name = ITEMS_FILE
        entries = tuple(_from_row(row, shared) for row in _read_rows(contents[name]))
    except (pa.ArrowException, KeyError, TypeError, ValueError, EvaluationError) as error:
        raise _damaged(out_dir, f"{name} cannot be understood: {error}") from error
    loaded = EvaluationSet(
        entries=entries,
        dialect=str(manifest["dialect"]),
        key=str(manifest["key"]),
        distinct=str(manifest["distinct"]),
    )
    if loaded.hash != manifest["hash"]:
        raise _damaged(
            out_dir,
            f"its content has hash {loaded.hash[:12]}, the manifest says "
            f"{str(manifest['hash'])[:12]}",
        )
    return loaded


def _read_rows(data: bytes) -> list[dict[str, Any]]:
    # `pq.read_table` imports pyarrow's dataset module, which takes a second.
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        rows: list[dict[str, Any]] = file.read().to_pylist()
    return rows


def _read_file(out_dir: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    try:
        data = (out_dir / name).read_bytes()
    except OSError as error:
        raise _damaged(out_dir, f"{name} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != manifest["files"].get(name):
        raise _damaged(out_dir, f"{name} does not match the hash in {MANIFEST_FILE}")
    return data


def _read_manifest(out_dir: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((out_dir / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(out_dir, f"{MANIFEST_FILE} cannot be read: {error}") from error
    wanted = {"format", "key", "hash", "dialect", "files"}
    if isinstance(manifest, dict) and manifest.get("format") == FORMAT:
        wanted |= {"distinct"}
    if not isinstance(manifest, dict) or not wanted <= manifest.keys():
        raise _damaged(out_dir, f"{MANIFEST_FILE} lacks {', '.join(sorted(wanted))}")
    if manifest["format"] != FORMAT or not isinstance(manifest["files"], dict):
        raise EvaluationError(
            f"{out_dir} holds an evaluation set of format {manifest['format']}",
            expected=f"format {FORMAT}",
        )
    return manifest


def _damaged(out_dir: Path, what: str) -> EvaluationError:
    return EvaluationError(
        f"the evaluation set in {out_dir} is damaged: {what}",
        expected="the folder as it was written; delete it to build the set again",
    )


def _to_row(item: EvaluationItem, shared: SharedDatabases) -> dict[str, str]:
    nested = {
        "tags": dict(sorted(item.sample.tags.items())),
        "schema": None if item.schema is None else dataclasses.asdict(item.schema),
        "gold_results": [
            {
                "columns": list(result.columns),
                "rows": wire.encode_rows(list(result.rows)),
            }
            for result in item.gold_results
        ],
        "order": {
            "ordered": item.ordered,
            "keys": None if item.order_keys is None else list(item.order_keys),
        },
        "audit": {
            "deterministic": item.deterministic,
            "mutants_total": item.mutants_total,
            "mutants_killed": item.mutants_killed,
            "survivors": list(item.survivors),
            "notes": list(item.notes),
        },
    }
    texts = {
        "sample_id": item.sample.id,
        "schema_group": item.sample.schema_group,
        "question": item.sample.question,
        "context": item.sample.context,
        "gold_source_sql": item.sample.gold_sql,
        "gold_sql": item.gold_sql,
        "canonical_key": item.canonical_key,
        "exclusion": item.exclusion,
        "exclusion_detail": item.exclusion_detail,
    }
    # A lone surrogate is legal in a Python string and in no file.
    safe = {name: text.encode("utf-8", "replace").decode("utf-8") for name, text in texts.items()}
    # Key order is content here: tables and their columns have one.
    written = {name: json.dumps(value, ensure_ascii=True) for name, value in nested.items()}
    return safe | written | {"databases": shared.to_text(item.databases)}


def _from_row(row: Mapping[str, Any], shared: SharedDatabases) -> EvaluationItem:
    nested = {name: json.loads(row[name]) for name in _JSON_COLUMNS if name != "databases"}
    return EvaluationItem(
        sample=Sample(
            id=row["sample_id"],
            question=row["question"],
            context=row["context"],
            gold_sql=row["gold_source_sql"],
            schema_group=row["schema_group"],
            tags=nested["tags"],
        ),
        gold_sql=row["gold_sql"],
        exclusion=row["exclusion"],
        exclusion_detail=row["exclusion_detail"],
        schema=None if nested["schema"] is None else _to_schema(nested["schema"]),
        ordered=nested["order"]["ordered"],
        order_keys=None if nested["order"]["keys"] is None else tuple(nested["order"]["keys"]),
        databases=shared.from_text(row["databases"]),
        gold_results=tuple(
            ExecutionResult(
                status=ExecutionStatus.OK,
                columns=tuple(result["columns"]),
                rows=wire.decode_rows(result["rows"]),
            )
            for result in nested["gold_results"]
        ),
        deterministic=nested["audit"]["deterministic"],
        mutants_total=nested["audit"]["mutants_total"],
        mutants_killed=nested["audit"]["mutants_killed"],
        survivors=tuple(nested["audit"]["survivors"]),
        notes=tuple(nested["audit"]["notes"]),
        canonical_key=row["canonical_key"],
    )


def _to_schema(values: Mapping[str, Any]) -> Schema:
    return Schema(
        tuple(
            Table(
                name=table["name"],
                columns=tuple(Column(**column) for column in table["columns"]),
                primary_key=tuple(table["primary_key"]),
                foreign_keys=tuple(
                    ForeignKey(
                        columns=tuple(key["columns"]),
                        ref_table=key["ref_table"],
                        ref_columns=tuple(key["ref_columns"]),
                    )
                    for key in table["foreign_keys"]
                ),
                unique_keys=tuple(tuple(key) for key in table["unique_keys"]),
            )
            for table in values["tables"]
        )
    )
