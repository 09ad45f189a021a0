"""The values that travel between stages: frozen, JSON-sized, hashable by content.

`Sample` → `Prediction` → `ExecutionResult` → `Verdict` → `Decision`. Nothing here
imports torch, duckdb, mlflow or prefect.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

#: Called with work done and work in all (same unit) while a stage runs.
Progress = Callable[[int, int], None]


def content_hash(value: Any) -> str:
    """SHA-256 (hex, 64 characters) of a JSON-serialisable value, key order ignored."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Record:
    """Dictionary round trip shared by all records."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the record from `to_dict` output; unknown keys raise TypeError."""
        return cls(**values)


R = TypeVar("R", bound=_Record)


@dataclasses.dataclass(frozen=True, slots=True)
class Sample(_Record):
    """One row of a text-to-SQL dataset.

    Attributes:
        id: Content hash of question, context and gold_sql (first 16 hex digits),
            with ``-2``, ``-3`` … appended to exact repeats.
        question: Natural-language question.
        context: CREATE TABLE statements.
        gold_sql: Reference SQL, as the dataset wrote it.
        schema_group: Name of the database the row belongs to; never straddles a split.
        tags: Further columns of the row that the split or the report uses
            (e.g. ``template``, ``hardness``), as text.
    """

    id: str
    question: str
    context: str
    gold_sql: str
    schema_group: str = ""
    tags: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction(_Record):
    """What one arm answered to one sample.

    Attributes:
        sample_id: `Sample.id`.
        arm: ``base``, ``base_3shot``, ``champion`` or ``candidate``.
        completion: The model's text, special tokens removed.
        predicted_sql: The one statement extracted from it; empty if there is none.
        strict_format: True if the completion was that statement and nothing else.
        prompt_tokens: Length of the prompt in tokens.
        completion_tokens: Number of generated tokens, the end-of-turn token included.
        finish_reason: ``stop`` (end of turn) or ``length`` (max_new_tokens reached).
    """

    sample_id: str
    arm: str
    completion: str
    predicted_sql: str
    strict_format: bool
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str


class ExecutionStatus(enum.StrEnum):
    """How running one query ended."""

    OK = "ok"
    NOT_A_QUERY = "not_a_query"
    EMPTY = "empty"
    SYNTAX = "syntax"
    UNKNOWN_TABLE = "unknown_table"
    UNKNOWN_COLUMN = "unknown_column"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    TOO_MANY_ROWS = "too_many_rows"
    HARNESS = "harness"


@dataclasses.dataclass(frozen=True, slots=True)
class ExecutionResult(_Record):
    """Result of one query on one database.

    Attributes:
        status: See `ExecutionStatus`.
        columns: Column names, as DuckDB reports them.
        rows: All rows, each a tuple of Python values (None, bool, int, float, str,
            Decimal, date, datetime, …).
        error: First line of the engine's message when `status` is not ``ok``.
    """

    status: ExecutionStatus
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    error: str = ""


class Outcome(enum.StrEnum):
    """What a verdict says about one prediction."""

    CORRECT = "correct"
    WRONG_RESULT = "wrong_result"
    ERROR = "error"
    EXCLUDED = "excluded"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict(_Record):
    """Whether one prediction means the same as the gold.

    Attributes:
        sample_id: `Sample.id`.
        arm: The arm that answered.
        schema_group: Cluster for clustered standard errors.
        outcome: `Outcome`; ``excluded`` means the gold or the harness failed, which
            is never the model's fault and is counted apart.
        status: Execution status of the prediction (`ExecutionStatus` value).
        reason: Short machine-readable reason, e.g. ``rows_differ``, ``gold:syntax``.
        gold_sql: Gold as executed (translated).
        predicted_sql: Prediction as executed (translated); as written if it did not parse.
        valid_sql: The prediction is one query that ran without error.
        schema_adherence: Every table and column of the prediction resolves in the schema.
        strict_format: The completion was SQL and nothing else.
        gold_head: First rows of the gold's result on the deciding database, as text.
        predicted_head: The same of the prediction.
        detail: Human-readable message (engine error, first difference).
    """

    sample_id: str
    arm: str
    schema_group: str
    outcome: Outcome
    status: str
    reason: str
    gold_sql: str
    predicted_sql: str
    valid_sql: bool
    schema_adherence: bool
    strict_format: bool
    gold_head: str = ""
    predicted_head: str = ""
    detail: str = ""

    @property
    def correct(self) -> bool:
        """True if the prediction counts as right."""
        return self.outcome == Outcome.CORRECT

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the verdict from `to_dict` output; JSON holds the outcome as text."""
        return cls(**{**values, "outcome": Outcome(values["outcome"])})


@dataclasses.dataclass(frozen=True, slots=True)
class Check(_Record):
    """One line of a gate's decision: a value held against a threshold."""

    name: str
    value: float | str
    threshold: float | str
    passed: bool
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Look(_Record):
    """One look at an evaluation set, and what it costs of the error budget.

    Attributes:
        key: `error_budget.comparison_key`: the same comparison is the same look.
        sequence: Place among all looks of the registered model, from 1.
        number: Place in its epoch, from 1; an epoch ends with a promotion.
        alpha: Level of the paired test; 0 if nothing may be promoted on this set.
        evaluation_set_hash: The set that is asked.
        set_look: How many looks this set has answered, this one included.
        spent_before: Levels of the epoch's earlier looks, added up.
        left_after: What is left of the budget after this look.
        looks_left: Looks after this one before the set must be renewed.
        renew: Why the set must be renewed before anything can be promoted; "" if not.
        promoted: The candidate was promoted on this look; known where looks are kept, and
            False in the decision itself.
    """

    key: str
    sequence: int
    number: int
    alpha: float
    evaluation_set_hash: str
    set_look: int
    spent_before: float
    left_after: float
    looks_left: int
    renew: str = ""
    promoted: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Decision(_Record):
    """What the gate decided, and everything it looked at.

    Attributes:
        promote: True if the candidate becomes champion.
        reason: One sentence a reviewer can read.
        checks: Every check with value, threshold and pass/fail, in the order applied.
        reference_arm: What the candidate was compared with: ``champion`` or ``base``.
        candidate_version: Registry version of the candidate ("" if not registered).
        champion_version: Registry version that was champion when deciding ("" if none).
        evaluation_set_hash: Content hash of the frozen evaluation set.
        evaluator_hash: Version of the rules that produced the verdicts.
        metrics: Per-arm and paired figures; ``power`` says what the look could have found.
        look: The look at the set and its level; None in records older than the budget.
        spends_look: The paired test was asked, so the look counts. A refusal on other
            grounds costs nothing.
        hashes: What else went in: ``config``, ``dataset``, ``train``, ``evaluation``,
            ``adapter``, ``reference_adapter``.
        seeds: Name of the setting → seed.
    """

    promote: bool
    reason: str
    checks: tuple[Check, ...]
    reference_arm: str
    candidate_version: str = ""
    champion_version: str = ""
    evaluation_set_hash: str = ""
    evaluator_hash: str = ""
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    look: Look | None = None
    spends_look: bool = False
    hashes: dict[str, str] = dataclasses.field(default_factory=dict)
    seeds: dict[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the decision from `to_dict` output; older records lack the later fields."""
        checks = tuple(c if isinstance(c, Check) else Check.from_dict(c) for c in values["checks"])
        look = values.get("look")
        if look is not None and not isinstance(look, Look):
            look = Look.from_dict(look)
        return cls(**{**values, "checks": checks, "look": look})


def write_jsonl(path: Path, records: Iterable[_Record]) -> str:
    """Write one record a line, atomically; return the SHA-256 of the bytes written."""
    data = b"".join(
        json.dumps(r.to_dict(), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
        + b"\n"
        for r in records
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()


def read_jsonl(path: Path, cls: type[R]) -> list[R]:
    """Read what `write_jsonl` wrote."""
    return list(iter_jsonl(path, cls))


def iter_jsonl(path: Path, cls: type[R]) -> Iterator[R]:
    """Yield records of `cls` from a JSON-lines file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield cls.from_dict(json.loads(line))
