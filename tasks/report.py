"""Show what happened: pages, plots and tables in MLflow, an artifact in Prefect, files on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact

from sql_ft.config import RunConfig
from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.report import ReportData, build_report_data, render_html, render_markdown
from sql_ft.evaluation.report_changes import overall_change
from sql_ft.evaluation.report_data import StageTime
from sql_ft.evaluation.report_labels import arm_label, format_bytes, format_seconds
from sql_ft.evaluation.report_markdown import escape_markdown
from sql_ft.evaluation.sql_features import slice_golds
from sql_ft.records import Decision, Prediction, Sample, Verdict, read_jsonl
from tasks.announce import artifact_key
from tasks.policies import BACK_OFF_S, retry_if_transient
from tasks.report_page import log_pages, save_page

#: Generation statistics that become metrics of the run, per arm.
_STATS = ("tokens_per_second", "wall_time_s", "peak_memory_bytes")


def build_report(config: RunConfig, outcome: dict[str, Any]) -> ReportData:
    """Read the files that `outcome` names into what a report shows."""
    samples = read_jsonl(Path(outcome["dataset"]["eval_path"]), Sample)
    answers, version = outcome["answers"], outcome["version"]
    return build_report_data(
        title=f"{config.name}: {version['name']} version {version['version']}",
        samples=samples,
        summaries={a: ArmSummary.from_dict(s) for a, s in outcome["summaries"].items()},
        verdicts={a: read_jsonl(Path(p), Verdict) for a, p in outcome["verdicts"].items()},
        predictions={a: read_jsonl(Path(v["path"]), Prediction) for a, v in answers.items()},
        stats={a: v["stats"] for a, v in answers.items()},
        decision=Decision.from_dict(outcome["decision"]),
        gold_slices=slice_golds(samples, config.evaluation.dialect),
        facts=_facts(config, outcome),
        loss_curve=outcome["adapter"].get("loss_curve", ()),
        stages=_stages(outcome),
        costs=_costs(outcome["adapter"]),
    )


@task(
    name="report",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def publish_report(config: RunConfig, run_id: str, outcome: dict[str, Any]) -> str:
    """Log figures, plots, tables and pages to the MLflow run; return the page's path on disk."""
    from sql_ft.tracking.runs import REPORT_FILE, attach_run
    from sql_ft.tracking.store import prepare_store

    data = build_report(config, outcome)
    html, markdown = render_html(data), render_markdown(data)
    page = save_page(config, run_id, html)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    dataset, profile = outcome["dataset"], outcome["dataset"]["profile"]
    origin = profile["source"]["origin"]
    with attach_run(store, run_id) as run:
        for context, rows in (("training", "train"), ("evaluation", "eval")):
            run.log_dataset(
                f"{origin}/{rows}",
                dataset[f"{rows}_hash"],
                context=context,
                kind=config.data.source,
                origin=origin,
                revision=profile["source"]["revision"],
                profile=profile["rows"],
            )
        run.log_metrics(_metrics(data))
        # Without the arm's name: on the model's page they are the model's.
        run.log_metrics(
            data.summaries[data.arms[-1]].to_metrics(),
            model_id=outcome["version"]["model_id"],
            dataset=(f"{origin}/eval", dataset["eval_hash"]),
        )
        log_pages(run, data, html, markdown)
        run.log_json(profile, "data/profile.json")
        reason = outcome["decision"]["reason"]
        run.set_tags(
            {
                "promoted": str(outcome["decision"]["promote"]).lower(),
                # The run's page shows this one as its description, in Markdown.
                "mlflow.note.content": f"**{escape_markdown(reason)}**\n\n"
                f"[Report: slices, flipped questions, cost]({run.artifact_page(REPORT_FILE)})",
            }
        )
    create_markdown_artifact(key=artifact_key(config), markdown=markdown, description=reason)
    return str(page)


def _facts(config: RunConfig, outcome: dict[str, Any]) -> dict[str, str]:
    """What was compared, label → text."""
    base, adapter, profile = outcome["base"], outcome["adapter"], outcome["dataset"]["profile"]
    version, before, rows = outcome["version"], outcome["champion_before"], profile["rows"]
    return {
        "registered": f"{version['name']} version {version['version']}",
        "champion before": f"version {before['version']}" if before else "none",
        "base model": f"{base['label']} at {base['revision'][:12]}",
        "adapter": adapter["adapter_hash"][:12],
        "data": f"{profile['source']['origin']} at {profile['source']['revision'][:12]}",
        "trained on": f"{rows['train']:,} rows of {rows['train_groups']:,} schemas",
        "evaluated on": f"{rows['eval']:,} rows of {rows['eval_groups']:,} other schemas",
        "evaluation set": outcome["evaluation_set"]["hash"][:12],
        "config": config.hash[:12],
        "MLflow run": outcome["run_id"],
    }


def _costs(adapter: dict[str, Any]) -> dict[str, str]:
    """What the adapter cost, label → text; the same in every run that uses it."""
    return {
        "adapter": (
            f"{format_bytes(adapter['adapter_bytes'])}, "
            f"{adapter['trainable_parameters']:,} parameters"
        ),
        "training": f"{adapter['steps']:,} steps in {format_seconds(adapter['train_time_s'])}",
        "training speed": f"{adapter['tokens_per_second']:,.0f} tokens/s",
        "training memory": f"{format_bytes(adapter['peak_memory_bytes'])} at its peak",
    }


def _stages(outcome: dict[str, Any]) -> list[StageTime]:
    """Times of the flow's stages; a kept result is said to be one, for it costs nothing."""
    notes: dict[str, str] = {}
    training_s = outcome["adapter"]["wall_time_s"]
    times = outcome.get("stage_times_s", {})
    if times.get("train", training_s) < training_s:
        notes["train"] = f"kept from an earlier run, where it took {format_seconds(training_s)}"
    kept = [arm_label(arm) for arm, answer in outcome["answers"].items() if answer["cached"]]
    if kept:
        notes["generate"] = f"answers known already: {'; '.join(kept)}"
    return [StageTime(name, seconds, notes.get(name, "")) for name, seconds in times.items()]


def _metrics(data: ReportData) -> dict[str, float]:
    """Figures of every arm, of the comparison and of the stages, by metric name."""
    metrics = {f"time/{s.name.replace(' ', '_')}_s": s.wall_time_s for s in data.stages}
    for arm, summary in data.summaries.items():
        metrics.update({f"{arm}/{k}": v for k, v in summary.to_metrics().items()})
        stats = data.stats.get(arm, {})
        metrics.update({f"{arm}/{k}": float(stats[k]) for k in _STATS if k in stats})
    change = overall_change(data)
    if change is not None:
        metrics["gain/execution_accuracy"] = change.difference
        metrics["gain/execution_accuracy_low"] = change.low
        metrics["gain/execution_accuracy_high"] = change.high
        metrics["gain/questions_gained"] = float(change.gains)
        metrics["gain/questions_lost"] = float(change.losses)
    return metrics
