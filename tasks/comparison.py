"""Arms side by side on any questions: figures, paired tests, pages, and where they are kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact

from sql_ft.config import RunConfig
from sql_ft.evaluation.arm_pairs import pair_arms
from sql_ft.evaluation.metrics import ArmSummary, summarize
from sql_ft.evaluation.report import ReportData, build_report_data, render_html, render_markdown
from sql_ft.evaluation.report_labels import arm_label, format_rate
from sql_ft.evaluation.rulings import SAME_SQL
from sql_ft.evaluation.sql_features import slice_golds
from sql_ft.records import Prediction, Sample, Verdict, read_jsonl
from tasks.announce import artifact_key
from tasks.policies import BACK_OFF_S, retry_if_transient
from tasks.report_page import log_pages, save_page

#: Generation statistics that become metrics of the run, per arm.
_STATS = (
    "tokens_per_second",
    "wall_time_s",
    "peak_memory_bytes",
    "latency_mean_s",
    "latency_median_s",
    "latency_p95_s",
)
BIRD = "bird"


@task(name="compare-arms", timeout_seconds=3600)
def compare_arms(
    config: RunConfig,
    questions: dict[str, Any],
    evaluation_set: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    verdicts: dict[str, str],
) -> dict[str, Any]:
    """Figures of every arm and of every two; in BIRD's layout its own two figures as well.

    Returns:
        ``summaries`` (arm → `ArmSummary`), ``pairs`` (see `ArmPair`), and ``bird``: arm →
        difficulty → `BirdScore`, empty for other layouts.
    """
    samples = read_jsonl(Path(questions["eval_path"]), Sample)
    slices = slice_golds(samples, config.evaluation.dialect)
    predictions = _read_answers(answers, samples)
    scored = {arm: read_jsonl(Path(path), Verdict) for arm, path in verdicts.items()}
    summaries = {
        arm: _summarize(rows, predictions[arm], samples, slices) for arm, rows in scored.items()
    }
    bird: dict[str, dict[str, Any]] = {}
    if questions.get("layout") == BIRD:
        from sql_ft.evaluation.evalset import load_evaluation_set
        from sql_ft.evaluation.soft_f1 import score_bird

        frozen = load_evaluation_set(Path(evaluation_set["path"]))
        for arm, scores in score_bird(frozen, predictions, config.evaluation).items():
            bird[arm] = {key: dataclasses.asdict(score) for key, score in scores.items()}
    return {
        "summaries": {arm: summary.to_dict() for arm, summary in summaries.items()},
        "pairs": [pair.to_dict() for pair in pair_arms(scored)],
        "pair_texts": {f"{p.arm} − {p.reference}": p.describe() for p in pair_arms(scored)},
        "bird": bird,
    }


def _summarize(
    verdicts: list[Verdict],
    predictions: list[Prediction],
    samples: list[Sample],
    slices: dict[str, dict[str, tuple[str, ...]]],
) -> ArmSummary:
    # An agent's answer is a statement, not a completion: it has no length and no format.
    whole = all(p.completion_tokens >= 0 for p in predictions)
    summary = summarize(
        verdicts,
        predictions if whole else None,
        samples,
        gold_slices=slices,
        canonical={v.sample_id: v.reason == SAME_SQL for v in verdicts},
    )
    return summary if whole else dataclasses.replace(summary, format_consistency=None)


def build_comparison_report(config: RunConfig, outcome: dict[str, Any]) -> ReportData:
    """Read the files that `outcome` names into what a report shows."""
    questions, compared = outcome["questions"], outcome["compared"]
    samples = read_jsonl(Path(questions["eval_path"]), Sample)
    return build_report_data(
        title=f"{questions['label']}: {', '.join(map(arm_label, outcome['answers']))}",
        samples=samples,
        summaries={a: ArmSummary.from_dict(s) for a, s in compared["summaries"].items()},
        verdicts={a: read_jsonl(Path(p), Verdict) for a, p in outcome["verdicts"].items()},
        predictions=_read_answers(outcome["answers"], samples),
        stats={a: v["stats"] for a, v in outcome["answers"].items()},
        gold_slices=slice_golds(samples, config.evaluation.dialect),
        facts=_facts(config, outcome),
    )


@task(
    name="report",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def publish_comparison(config: RunConfig, run_id: str, outcome: dict[str, Any]) -> str:
    """Log figures, tables and pages to the MLflow run; return the page's path on disk."""
    from sql_ft.tracking.runs import attach_run
    from sql_ft.tracking.store import prepare_store

    data = build_comparison_report(config, outcome)
    questions = outcome["questions"]
    html, markdown = render_html(data), render_markdown(data)
    page = save_page(config, run_id, html)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with attach_run(store, run_id) as run:
        run.log_dataset(
            questions["label"],
            questions["eval_hash"],
            context="evaluation",
            kind=questions["kind"],
            origin=questions["origin"],
            revision=questions["revision"],
            profile={"rows": questions["n"]},
        )
        run.log_metrics(_metrics(data, outcome["compared"]))
        for arm, adapter in outcome["adapters"].items():
            if arm not in data.summaries:
                continue  # the agent answered in its place
            # Without the arm's name: on the model's page they are the model's.
            run.log_metrics(
                data.summaries[arm].to_metrics(),
                model_id=adapter["model_id"],
                dataset=(questions["label"], questions["eval_hash"]),
            )
        log_pages(run, data, html, markdown)
        run.log_json(outcome["compared"], "report/comparison.json")
    create_markdown_artifact(
        key=f"{artifact_key(config)}-evaluate", markdown=markdown, description=data.title
    )
    return str(page)


def _read_answers(
    answers: dict[str, dict[str, Any]], samples: list[Sample]
) -> dict[str, list[Prediction]]:
    """Arm → its predictions for these samples, under the arm's own name."""
    asked = {sample.id for sample in samples}
    return {
        arm: [
            dataclasses.replace(p, arm=arm)
            for p in read_jsonl(Path(answer["path"]), Prediction)
            if p.sample_id in asked
        ]
        for arm, answer in answers.items()
    }


def _facts(config: RunConfig, outcome: dict[str, Any]) -> dict[str, str]:
    """What was compared and how it differs, label → text."""
    questions, frozen = outcome["questions"], outcome["evaluation_set"]
    facts = {**outcome.get("facts", {}), **outcome["compared"]["pair_texts"]}
    for arm, scores in outcome["compared"]["bird"].items():
        facts[f"BIRD's EX and soft F1, {arm_label(arm)}"] = "; ".join(
            f"{key or 'all'} {format_rate(s['ex'])} and {format_rate(s['soft_f1'])} (n = {s['n']})"
            for key, s in scores.items()
        )
    cut = questions.get("cut", {})
    if cut.get("questions"):
        facts["schemas cut to the model's context"] = (
            f"{cut['questions']} of {questions['n']} (by {cut['tables']} tables in all; "
            f"{cut['room_tokens']} tokens beside the answer)"
        )
    if questions.get("capped_tables"):
        facts["tables read in part"] = str(questions["capped_tables"])
    facts |= {
        "base model": f"{outcome['base']['label']} at {outcome['base']['revision'][:12]}",
        **{
            arm: f"{config.tracking.registered_model_name} version {adapter['version']}, adapter "
            f"{adapter['adapter_hash'][:12]}"
            for arm, adapter in outcome["adapters"].items()
        },
        "evaluation set": f"{frozen['n_scored']} of {frozen['n']} scored, {frozen['hash'][:12]}",
        "MLflow run": outcome["run_id"],
    }
    return facts


def _metrics(data: ReportData, compared: dict[str, Any]) -> dict[str, float]:
    """Figures of every arm and pair, by metric name."""
    metrics: dict[str, float] = {}
    for arm, summary in data.summaries.items():
        metrics.update({f"{arm}/{k}": v for k, v in summary.to_metrics().items()})
        stats = data.stats.get(arm, {})
        metrics.update({f"{arm}/{k}": float(stats[k]) for k in _STATS if k in stats})
    for arm, scores in compared["bird"].items():
        for key, score in scores.items():
            place = f"{arm}/bird_{key}" if key else f"{arm}/bird"
            if score["ex"] is not None:
                metrics[f"{place}_ex"] = score["ex"]
                metrics[f"{place}_soft_f1"] = score["soft_f1"]
    for pair in compared["pairs"]:
        place = f"{pair['arm']}-{pair['reference']}"
        metrics[f"{place}/difference"] = pair["difference"]["difference"]
        metrics[f"{place}/p_value"] = pair["p_value"]
    return metrics
