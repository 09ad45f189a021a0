"""The children side by side, and which of them is the best.

The best is chosen on validation questions, which it was chosen on: its figure there is
flattering, the more so the more children there are. What it is worth is the gate's to say,
on questions that no child has seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from sql_ft.errors import TrainingError
from sql_ft.evaluation.report_labels import format_bytes, format_rate, format_seconds
from sql_ft.evaluation.report_markdown import escape_markdown

DONE, FAILED = "done", "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class ChildOutcome:
    """One row of the comparison.

    Attributes:
        number: Place in the grid, from 1.
        label: `Child.label`.
        settings: `Child.settings`.
        status: ``done`` or ``failed``.
        reason: Why it failed; "" otherwise.
        metrics: Figures of training and validation, by metric name.
        adapter: What training returned (`TrainResult`); empty if it failed.
        run_id: Its MLflow run; "" if not even that could be started.
        kept: Its figures are from an earlier sweep or attempt; nothing was trained.
    """

    number: int
    label: str
    settings: dict[str, Any]
    status: str
    reason: str = ""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    adapter: dict[str, Any] = dataclasses.field(default_factory=dict)
    run_id: str = ""
    kept: bool = False

    @property
    def accuracy(self) -> float | None:
        """Execution accuracy on the validation questions."""
        return self.metrics.get("validation/execution_accuracy")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the row from `to_dict` output."""
        return cls(**values)


def choose_best(outcomes: Sequence[ChildOutcome]) -> ChildOutcome:
    """The highest validation accuracy; of equals the smallest adapter, then the fewest rows.

    Raises:
        TrainingError: No child was scored.
    """
    scored = [o for o in outcomes if o.status == DONE and o.accuracy is not None]
    if not scored:
        raise all_failed(outcomes)
    return min(
        scored,
        key=lambda o: (
            -(o.accuracy or 0.0),
            o.adapter["trainable_parameters"],
            o.settings["train_rows"],
            o.number,
        ),
    )


def all_failed(outcomes: Sequence[ChildOutcome]) -> TrainingError:
    """The error of a sweep that has no best child."""
    reasons = sorted({o.reason for o in outcomes})
    others = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
    return TrainingError(
        f"all {len(outcomes)} children of the sweep failed: {reasons[0]}{others}",
        expected="at least one child that can be scored; the table has every reason",
    )


def by_accuracy(outcomes: Sequence[ChildOutcome]) -> list[ChildOutcome]:
    """Best first, failures last."""
    return sorted(outcomes, key=lambda o: (o.accuracy is None, -(o.accuracy or 0.0), o.number))


COLUMNS = (
    "child",
    "lora_r",
    "target_modules",
    "learning_rate",
    "train_rows",
    "execution_accuracy",
    "95% interval",
    "gain over base",
    "valid_sql_rate",
    "final_loss",
    "parameters",
    "adapter",
    "training",
    "result",
)


def comparison_rows(outcomes: Sequence[ChildOutcome], best: ChildOutcome | None) -> list[list[str]]:
    """One row a child under `COLUMNS`, best first, as text."""
    return [_row(outcome, best) for outcome in by_accuracy(outcomes)]


def comparison_markdown(
    title: str,
    outcomes: Sequence[ChildOutcome],
    best: ChildOutcome | None,
    notes: Sequence[str] = (),
) -> str:
    """The comparison as a page in Markdown."""
    lines = [f"# {escape_markdown(title)}", ""]
    lines += [f"{escape_markdown(note)}\n" for note in notes]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in comparison_rows(outcomes, best):
        lines.append(f"| {' | '.join(escape_markdown(cell) for cell in row)} |")
    return "\n".join([*lines, ""])


def _row(outcome: ChildOutcome, best: ChildOutcome | None) -> list[str]:
    figures = outcome.metrics
    settings = outcome.settings
    result = outcome.reason or ("kept" if outcome.kept else "trained")
    if best is not None and outcome.number == best.number:
        result = f"best ({result})"
    return [
        str(outcome.number),
        str(settings["lora_r"]),
        settings["target_modules"],
        f"{settings['learning_rate']:g}",
        str(settings["train_rows"]),
        format_rate(outcome.accuracy),
        _range(figures, "validation/execution_accuracy"),
        _gain(figures),
        format_rate(figures.get("validation/valid_sql_rate")),
        format_rate(figures.get("train/final_loss")),
        _optional(figures, "train/trainable_parameters", lambda n: f"{n:,.0f}"),
        _optional(figures, "train/adapter_bytes", format_bytes),
        _optional(figures, "train/wall_time_s", format_seconds),
        result,
    ]


def _optional(figures: Mapping[str, float], name: str, show: Any) -> str:
    return str(show(figures[name])) if name in figures else "–"


def _range(figures: Mapping[str, float], name: str) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return "–" if low is None or high is None else f"{low:.2f}–{high:.2f}"


def _gain(figures: Mapping[str, float]) -> str:
    gain = figures.get("gain/execution_accuracy")
    if gain is None:
        return "–"
    low, high = (figures.get(f"gain/execution_accuracy_{end}") for end in ("low", "high"))
    between = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
    return f"{gain:+.3f}{between}"
