"""Predictions against questions: verdicts, figures, and the files that hold them."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sql_ft.config import DataConfig, EvaluationConfig
from sql_ft.errors import ConfigError
from sql_ft.evaluation.evalset_storage import EvaluationSet, load_evaluation_set
from sql_ft.evaluation.evaluator import score_predictions
from sql_ft.evaluation.metrics import ArmSummary, summarize
from sql_ft.evaluation.report_data import ReportData, build_report_data
from sql_ft.evaluation.report_html import render_html
from sql_ft.evaluation.rules import engine_versions, evaluator_hash
from sql_ft.evaluation.rulings import SAME_SQL
from sql_ft.evaluation.sql_features import slice_golds
from sql_ft.records import Prediction, Verdict
from sql_ft.standalone.predictions import PredictionFile, read_predictions
from sql_ft.standalone.questions import build_set, load_questions, set_key
from sql_ft.standalone.verdict_table import write_verdicts

StageProgress = Callable[[str, int, int], None]
"""Called with what is being done, work done and work in all."""

VERDICTS_FILE, SUMMARY_FILE, REPORT_FILE = "verdicts.parquet", "summary.json", "report.html"
SETS_FOLDER = "evaluation_sets"


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """One arm, scored.

    Attributes:
        evaluation_set: What it was scored on.
        predictions: By sample id.
        verdicts: One per entry of the set, in its order.
        summary: All figures.
        slices: Sample id → slice of the gold (clauses, hardness) → values.
        canonical: Sample id → the prediction is canonically the gold.
        config: Settings of the evaluator.
        format_known: Predictions came with completions, so their format could be judged.
        facts: Label → text, for the head of the report.
    """

    evaluation_set: EvaluationSet
    predictions: Mapping[str, Prediction]
    verdicts: list[Verdict]
    summary: ArmSummary
    slices: Mapping[str, Mapping[str, tuple[str, ...]]]
    canonical: Mapping[str, bool]
    config: EvaluationConfig
    format_known: bool
    facts: Mapping[str, str]

    def report_data(self) -> ReportData:
        """What terminal and page show."""
        arm = self.summary.arm
        return build_report_data(
            title=f"Evaluation of {arm}",
            samples=[item.sample for item in self.evaluation_set.entries],
            summaries={arm: self.summary},
            verdicts={arm: self.verdicts},
            predictions={arm: list(self.predictions.values())},
            gold_slices=self.slices,
            facts=self.facts,
        )

    def write(self, out_dir: Path | str) -> dict[str, Path]:
        """Write verdicts, summary and report; the same evaluation gives the same bytes.

        Returns:
            File name → path.
        """
        folder = Path(out_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write_verdicts(
            folder / VERDICTS_FILE,
            self.evaluation_set.entries,
            self.verdicts,
            self.predictions,
            slices=self.slices,
            canonical=self.canonical,
            format_known=self.format_known,
        )
        _write_text(folder / SUMMARY_FILE, json.dumps(self._record(), indent=1) + "\n")
        _write_text(folder / REPORT_FILE, render_html(self.report_data()))
        return {name: folder / name for name in (VERDICTS_FILE, SUMMARY_FILE, REPORT_FILE)}

    def _record(self) -> dict[str, Any]:
        settings = self.config.model_dump(mode="json")
        settings.pop("workers")  # it changes nothing
        return {
            "summary": self.summary.to_dict(),
            "facts": dict(self.facts),
            "evaluation_set_hash": self.evaluation_set.hash,
            "evaluator_hash": evaluator_hash(self.config),
            "versions": engine_versions(),
            "settings": settings,
        }


def evaluate(
    evaluation_set: EvaluationSet,
    file: PredictionFile,
    config: EvaluationConfig | None = None,
    *,
    origin: str = "",
    progress: StageProgress | None = None,
) -> Evaluation:
    """Score one arm on a frozen set.

    Args:
        evaluation_set: See `build_set` and `load_evaluation_set`.
        file: See `read_predictions`.
        config: Limits and matching; `dialect` and `distinct` must be the set's. Default: the
            default settings with the set's two.
        origin: Name of the data, for the report.
        progress: Called while it works.

    Raises:
        EvaluationError: Predictions and set do not fit.
        SandboxError: No sandbox worker can be started.
    """
    config = config or as_built(EvaluationConfig(), evaluation_set)
    report = progress or _silent
    verdicts = score_predictions(
        evaluation_set, file.predictions, config, lambda d, t: report("scoring", d, t)
    )
    by_id = {prediction.sample_id: prediction for prediction in file.predictions}
    samples = [item.sample for item in evaluation_set.entries]
    slices = slice_golds(samples, evaluation_set.dialect)
    canonical = {verdict.sample_id: verdict.reason == SAME_SQL for verdict in verdicts}
    summary = summarize(
        verdicts,
        file.predictions if file.has_lengths else None,
        samples,
        gold_slices=slices,
        canonical=canonical,
    )
    if not file.has_completions:
        summary = dataclasses.replace(summary, format_consistency=None)
    return Evaluation(
        evaluation_set=evaluation_set,
        predictions=by_id,
        verdicts=verdicts,
        summary=summary,
        slices=slices,
        canonical=canonical,
        config=config,
        format_known=file.has_completions,
        facts=_facts(evaluation_set, config, origin),
    )


def evaluate_files(
    predictions: Path | str,
    data: Path | str | None = None,
    *,
    layout: str = "sql-create-context",
    evaluation_set: Path | str | None = None,
    config: EvaluationConfig | None = None,
    data_config: DataConfig | None = None,
    arm: str = "",
    out_dir: Path | str | None = None,
    progress: StageProgress | None = None,
) -> Evaluation:
    """Score a file of predictions on a file of questions, or on a frozen set.

    Args:
        predictions: See `sql_ft.standalone.predictions`.
        data: See `load_questions`; left out with `evaluation_set`.
        layout: Of `data`.
        evaluation_set: Folder of a frozen set.
        config: Settings; `dialect` and `distinct` of a frozen set are its own.
        data_config: Names of the columns of `data`.
        arm: Name of what answered; default: the predictions file's name.
        out_dir: Verdicts, summary and report are written here, and the set that is built
            from `data` is kept for the next call; None writes nothing.
        progress: Called while it works.

    Raises:
        ConfigError: Both `data` and `evaluation_set`, or neither.
        DataError: The data cannot be used.
        EvaluationError: The set or the predictions cannot be used.
        SandboxError: No sandbox worker can be started.
    """
    if (data is None) == (evaluation_set is None):
        raise ConfigError(
            "neither data nor an evaluation set"
            if data is None
            else "both data and an evaluation set",
            setting="--data, --evaluation-set",
            expected="one of the two",
        )
    report = progress or _silent
    config = config or EvaluationConfig()
    if evaluation_set is not None:
        folder = Path(evaluation_set).expanduser()
        frozen = load_evaluation_set(folder)
        config = as_built(config, frozen)
        origin = f"evaluation set {folder.resolve().name}"
        excluded = {item.sample.id for item in frozen.entries if item.exclusion}
        samples = [item.sample for item in frozen.entries]
        file = read_predictions(predictions, samples, arm=arm, optional_ids=excluded)
    else:
        assert data is not None
        questions = load_questions(
            data,
            layout,
            data_config,
            dialect=config.dialect,
            progress=lambda d, t: report("reading databases", d, t),
        )
        # Read before the set is built: a bad file is then found in seconds.
        file = read_predictions(predictions, questions.samples, arm=arm)
        origin = questions.origin
        with tempfile.TemporaryDirectory() as temporary:
            kept = Path(out_dir if out_dir is not None else temporary) / SETS_FOLDER
            frozen = build_set(
                questions,
                config,
                kept / set_key(questions, config)[:16],
                lambda d, t: report("building databases", d, t),
            )
    evaluation = evaluate(frozen, file, config, origin=origin, progress=progress)
    if out_dir is not None:
        evaluation.write(out_dir)
    return evaluation


def as_built(config: EvaluationConfig, evaluation_set: EvaluationSet) -> EvaluationConfig:
    """The settings, with those that a frozen set has fixed."""
    fixed = {"dialect": evaluation_set.dialect, "distinct": evaluation_set.distinct}
    return config.model_copy(update=fixed)


def _facts(evaluation_set: EvaluationSet, config: EvaluationConfig, origin: str) -> dict[str, str]:
    total = sum(item.mutants_total for item in evaluation_set.items)
    killed = sum(item.mutants_killed for item in evaluation_set.items)
    facts = {"data": origin} if origin else {}
    return facts | {
        "evaluation set": (
            f"{len(evaluation_set.items)} of {len(evaluation_set.entries)} questions can be told "
            f"right from wrong, {evaluation_set.hash[:12]}"
        ),
        "mutants told apart": f"{killed:,} of {total:,}" if total else "none",
        "dialect": evaluation_set.dialect,
        "evaluator": evaluator_hash(config)[:12],
    }


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    partial.replace(path)


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
