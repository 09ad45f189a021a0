"""One tree of exceptions.

Every error a user can cause derives from `SqlFtError` and says what was wrong,
what was got, what was expected and which setting or sample id to change. The
command line prints exactly that message and exits with `exit_code`.
"""

from __future__ import annotations


class SqlFtError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: What is wrong, and what was got.
        setting: Dotted name of the setting that caused it, e.g. ``data.path``.
        expected: What would have been accepted.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, setting: str | None = None, expected: str | None = None
    ) -> None:
        self.message = message
        self.setting = setting
        self.expected = expected
        parts = [message]
        if expected:
            parts.append(f"expected: {expected}")
        if setting:
            parts.append(f"setting: {setting}")
        super().__init__(" | ".join(parts))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not pickle by default, and
        # Prefect and the sandbox both send exceptions between processes.
        return (_rebuild, (type(self), self.message, self.setting, self.expected))


def _rebuild(
    cls: type[SqlFtError], message: str, setting: str | None, expected: str | None
) -> SqlFtError:
    return cls(message, setting=setting, expected=expected)


class ConfigError(SqlFtError):
    """A setting is unknown, malformed or out of range."""

    exit_code = 2


class DataError(SqlFtError):
    """The dataset is missing, unreadable, empty or lacks a column."""

    exit_code = 3


class SchemaError(DataError):
    """CREATE TABLE text could not be understood."""


class ModelError(SqlFtError):
    """A base model, tokenizer or adapter could not be found or loaded."""

    exit_code = 4


class TrainingError(SqlFtError):
    """Training could not start or did not finish."""

    exit_code = 5


class TrainingInterruptedError(TrainingError):
    """The training process was ended from outside; it can continue from its checkpoint."""


class TrackingError(SqlFtError):
    """MLflow (runs, artifacts or the registry) is unreachable or refused a call."""

    exit_code = 6


class AliasNotSetError(TrackingError):
    """A registered model has no such alias (any more)."""


class ChampionChangedError(TrackingError):
    """The champion is no longer the one the decision was made against: evaluate again."""


class BudgetChangedError(ChampionChangedError):
    """Another comparison has taken the look that a decision counted on: decide again."""


class WithdrawnVersionError(TrackingError):
    """A person rolled back from this version; only a person may make it live again."""


class EvaluationError(SqlFtError):
    """The evaluation set or its predictions cannot be used."""

    exit_code = 7


class PredictionsError(EvaluationError):
    """A predictions file is malformed, or does not fit the questions row by row."""

    exit_code = 2


class SandboxError(EvaluationError):
    """The sandbox itself failed: the harness, never the model, is to blame."""


class SqlTranslationError(EvaluationError):
    """A query cannot be brought into DuckDB's dialect, or is not one query.

    Args:
        message: What is wrong, and what was got.
        status: `ExecutionStatus` value the query gets: ``syntax``, ``not_a_query``,
            ``empty``, ``unknown_table`` or ``unknown_column``.
    """

    def __init__(
        self,
        message: str,
        *,
        setting: str | None = None,
        expected: str | None = None,
        status: str = "syntax",
    ) -> None:
        super().__init__(message, setting=setting, expected=expected)
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_translation, (self.message, self.setting, self.expected, self.status))


def _rebuild_translation(
    message: str, setting: str | None, expected: str | None, status: str
) -> SqlTranslationError:
    return SqlTranslationError(message, setting=setting, expected=expected, status=status)


class StackError(SqlFtError):
    """A server or worker of the local stack did not start, answer or stop."""

    exit_code = 8
