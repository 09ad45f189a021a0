"""Tables of `history.duckdb`: one definition for the file, the rows and the documentation."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from sql_ft.tracking.decision_history import decisions_of
from sql_ft.tracking.scores import scores_of
from sql_ft.tracking.versions import RegisteredVersion

Row = tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, DuckDB type and meaning."""

    name: str
    type: str
    meaning: str


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryTable:
    """One table of the cache."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def create_sql(self) -> str:
        """CREATE TABLE statement."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in self.columns)
        return f'CREATE TABLE "{self.name}" ({columns})'


def _table(name: str, meaning: str, *columns: tuple[str, str, str]) -> HistoryTable:
    return HistoryTable(name, meaning, tuple(Column(*column) for column in columns))


TABLES: tuple[HistoryTable, ...] = (
    _table(
        "versions",
        "one row a registered version",
        ("version", "INTEGER", "number in the registry"),
        ("created_at", "TIMESTAMP", "when it was registered, UTC"),
        ("aliases", "VARCHAR[]", "candidate, champion, previous, as far as they point here"),
        ("decision", "VARCHAR", "promote or refuse; NULL: not judged"),
        ("reason", "VARCHAR", "of the decision that explains it"),
        ("withdrawn", "VARCHAR", "reason of the rollback that took it away; NULL: none did"),
        ("adapter_hash", "VARCHAR", "hash of the LoRA weights"),
        ("base_model", "VARCHAR", "what the adapter was trained on"),
        ("base_revision", "VARCHAR", "commit or content hash of the base"),
        ("dataset_digest", "VARCHAR", "content hash of the source data"),
        ("config_hash", "VARCHAR", "hash of the settings"),
        ("git_commit", "VARCHAR", "of this project's code"),
        ("run_id", "VARCHAR", "MLflow run that trained it"),
        ("fingerprint", "VARCHAR", "hash of what the registry says; for the cache itself"),
    ),
    _table(
        "decisions",
        "one row a decision about a version: the gate's and people's",
        ("version", "INTEGER", "the candidate it is about"),
        ("id", "VARCHAR", "first 16 digits of its content hash"),
        ("decided_at", "TIMESTAMP", "when it was made first, UTC"),
        ("last_found_at", "TIMESTAMP", "when the same was found last"),
        ("times", "INTEGER", "how often it was found"),
        ("action", "VARCHAR", "gate, manual, rollback, withdrawal"),
        ("decided_by", "VARCHAR", "user of the process that recorded it"),
        ("promote", "BOOLEAN", "in favour of the version"),
        ("moved", "BOOLEAN", "the champion moved by it"),
        ("interrupted", "BOOLEAN", "the process died before the champion moved"),
        ("reason", "VARCHAR", "one sentence"),
        ("reference_arm", "VARCHAR", "compared with: champion or base"),
        ("champion_version", "INTEGER", "champion when deciding; NULL: none"),
        ("evaluation_set_hash", "VARCHAR", "the frozen questions"),
        ("evaluator_hash", "VARCHAR", "the rules that judged"),
        ("run_id", "VARCHAR", "MLflow run that evaluated it"),
        ("n", "INTEGER", "questions scored on both sides"),
        ("gain", "DOUBLE", "difference in execution accuracy"),
        ("gain_low", "DOUBLE", "lower end of its interval"),
        ("gain_high", "DOUBLE", "upper end"),
        ("p_value", "DOUBLE", "of the paired test"),
    ),
    _table(
        "checks",
        "one row a check of a decision, in the order applied",
        ("version", "INTEGER", "as in decisions"),
        ("decision_id", "VARCHAR", "decisions.id"),
        ("position", "INTEGER", "from 0"),
        ("name", "VARCHAR", "e.g. min_discordant"),
        ("value", "VARCHAR", "as text"),
        ("threshold", "VARCHAR", "as text"),
        ("number", "DOUBLE", "the value, where it is a number"),
        ("passed", "BOOLEAN", ""),
        ("detail", "VARCHAR", "what a reviewer reads"),
    ),
    _table(
        "scores",
        "one row an evaluation of a version that has a verdict table",
        ("version", "INTEGER", ""),
        ("scored_at", "TIMESTAMP", "UTC"),
        ("evaluation_set_hash", "VARCHAR", ""),
        ("evaluator_hash", "VARCHAR", ""),
        ("n_scored", "INTEGER", "questions that count"),
        ("execution_accuracy", "DOUBLE", "share of them that are right"),
        ("run_id", "VARCHAR", "MLflow run that holds the table"),
        ("file", "VARCHAR", "artifact path of the table"),
        ("benchmark", "VARCHAR", "published questions; empty: a configuration's own"),
    ),
    _table(
        "runs",
        "one row an MLflow run of the experiment",
        ("run_id", "VARCHAR", ""),
        ("name", "VARCHAR", ""),
        ("status", "VARCHAR", "RUNNING, FINISHED, FAILED, KILLED"),
        ("started_at", "TIMESTAMP", "UTC"),
        ("ended_at", "TIMESTAMP", "NULL: still open"),
        ("user_name", "VARCHAR", ""),
        ("error", "VARCHAR", "why it failed"),
        ("git_commit", "VARCHAR", ""),
        ("config_hash", "VARCHAR", ""),
        ("flow_run_id", "VARCHAR", "Prefect's id"),
    ),
    _table(
        "metrics",
        "last value of every metric of a run",
        ("run_id", "VARCHAR", ""),
        ("key", "VARCHAR", "e.g. candidate/execution_accuracy"),
        ("value", "DOUBLE", ""),
    ),
    _table(
        "params",
        "settings of a run",
        ("run_id", "VARCHAR", ""),
        ("key", "VARCHAR", "e.g. train.lora_r"),
        ("value", "VARCHAR", ""),
    ),
)


def version_rows(version: RegisteredVersion, fingerprint: str) -> dict[str, list[Row]]:
    """Rows of one version: table → rows."""
    number, tags = int(version.version), version.tags
    decisions, checks = [], []
    for entry in decisions_of(version):
        paired = entry.get("metrics", {}).get("paired", {})
        champion = entry["champion_version"]
        decisions.append(
            (
                number,
                entry["id"],
                to_time(entry["at"]),
                to_time(str(entry.get("last_at", entry["at"]))),
                entry.get("count", 1),
                entry["action"],
                entry.get("by"),
                entry["promote"],
                entry.get("moved", entry["promote"]) and not entry.get("interrupted", False),
                entry.get("interrupted", False),
                entry["reason"],
                entry["reference_arm"],
                int(champion) if champion else None,
                entry["evaluation_set_hash"],
                entry["evaluator_hash"],
                entry["run_id"],
                paired.get("n"),
                paired.get("difference"),
                paired.get("low"),
                paired.get("high"),
                paired.get("sign_flip_p"),
            )
        )
        for position, check in enumerate(entry["checks"]):
            value = check["value"]
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            checks.append(
                (
                    number,
                    entry["id"],
                    position,
                    check["name"],
                    str(value),
                    str(check["threshold"]),
                    float(value) if is_number else None,
                    check["passed"],
                    check.get("detail", ""),
                )
            )
    known = (
        "decision", "decision_reason", "withdrawn", "adapter_hash", "base_model", "base_revision",
        "dataset_digest", "config_hash", "git_commit",
    )  # fmt: skip
    return {
        "versions": [
            (
                number,
                from_ms(version.created_ms),
                list(version.aliases),
                *(tags.get(tag) for tag in known),
                version.run_id,
                fingerprint,
            )
        ],
        "decisions": decisions,
        "checks": checks,
        "scores": [
            (
                number,
                to_time(score.at),
                score.evaluation_set_hash,
                score.evaluator_hash,
                score.n_scored,
                score.execution_accuracy,
                score.run_id,
                score.file,
                score.benchmark,
            )
            for score in scores_of(version)
        ],
    }


def run_rows(run: Any) -> dict[str, list[Row]]:
    """Rows of one `mlflow.entities.Run`: table → rows."""
    info, tags = run.info, run.data.tags
    run_id = str(info.run_id)
    return {
        "runs": [
            (
                run_id,
                info.run_name,
                info.status,
                from_ms(info.start_time),
                from_ms(info.end_time) if info.end_time else None,
                tags.get("mlflow.user"),
                tags.get("error"),
                tags.get("mlflow.source.git.commit"),
                tags.get("sql_ft.config_hash"),
                tags.get("prefect.flow_run_id"),
            )
        ],
        "metrics": [(run_id, key, float(value)) for key, value in run.data.metrics.items()],
        "params": [(run_id, key, str(value)) for key, value in run.data.params.items()],
    }


def to_time(text: str) -> datetime.datetime:
    """ISO text with a zone → UTC without one, as DuckDB's TIMESTAMP holds it."""
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).replace(tzinfo=None)


def from_ms(milliseconds: int) -> datetime.datetime:
    """Milliseconds since the epoch → UTC without a zone."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).replace(tzinfo=None)


def merge_rows(parts: list[Mapping[str, list[Row]]]) -> dict[str, list[Row]]:
    """Concatenate rows table by table."""
    merged: dict[str, list[Row]] = {}
    for part in parts:
        for table, rows in part.items():
            merged.setdefault(table, []).extend(rows)
    return merged
