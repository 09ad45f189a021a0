"""Show what happened: pages and tables in MLflow, an artifact in Prefect, files on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact

from sql_ft.config import RunConfig
from sql_ft.evaluation.metrics import ArmSummary
from sql_ft.evaluation.report import ReportData, build_report_data, render_html, render_markdown
from sql_ft.evaluation.sql_features import slice_golds
from sql_ft.records import Decision, Prediction, Sample, Verdict, read_jsonl
from tasks.policies import BACK_OFF_S, retry_if_transient

#: Generation statistics that become metrics of the run, per arm.
_STATS = ("tokens_per_second", "wall_time_s", "peak_memory_bytes")


def build_report(config: RunConfig, outcome: dict[str, Any]) -> ReportData:
    """Read the files that `outcome` names into what a report shows."""
    samples = read_jsonl(Path(outcome["dataset"]["eval_path"]), Sample)
    answers = outcome["answers"]
    base, adapter, profile = outcome["base"], outcome["adapter"], outcome["dataset"]["profile"]
    version, before = outcome["version"], outcome["champion_before"]
    decision = Decision.from_dict(outcome["decision"])
    facts = {
        "registered": f"{version['name']} version {version['version']}",
        "champion before": f"version {before['version']}" if before else "none",
        "base model": f"{base['label']} at {base['revision'][:12]}",
        "data": f"{profile['source']['origin']} at {profile['source']['revision'][:12]}",
        "rows": (
            f"{profile['rows']['train']} trained on ({profile['rows']['train_groups']} schemas), "
            f"{profile['rows']['eval']} evaluated on ({profile['rows']['eval_groups']} schemas)"
        ),
        "adapter": (
            f"{adapter['trainable_parameters']:,} parameters, "
            f"{adapter['adapter_bytes'] / 1e6:.2f} MB, {adapter['adapter_hash'][:12]}"
        ),
        "training": (
            f"{adapter['steps']} steps in {adapter['wall_time_s']:.0f} s, "
            f"{adapter['tokens_per_second']:.0f} tokens/s, "
            f"peak memory {adapter['peak_memory_bytes'] / 2**30:.2f} GiB"
        ),
        "evaluation set": outcome["evaluation_set"]["hash"][:12],
        "config": config.hash[:12],
    }
    return build_report_data(
        title=f"{config.name}: {version['name']} version {version['version']}",
        samples=samples,
        summaries={a: ArmSummary.from_dict(s) for a, s in outcome["summaries"].items()},
        verdicts={a: read_jsonl(Path(p), Verdict) for a, p in outcome["verdicts"].items()},
        predictions={a: read_jsonl(Path(v["path"]), Prediction) for a, v in answers.items()},
        stats={a: v["stats"] for a, v in answers.items()},
        decision=decision,
        gold_slices=slice_golds(samples, config.evaluation.dialect),
        facts=facts,
    )


@task(
    name="report",
    tags=["report"],
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def publish_report(config: RunConfig, run_id: str, outcome: dict[str, Any]) -> str:
    """Log figures, tables and pages to the MLflow run; return the page's path on disk."""
    from sql_ft.tracking.runs import attach_run
    from sql_ft.tracking.store import prepare_store

    data = build_report(config, outcome)
    page = config.state_path / "reports" / f"{run_id}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render_html(data), encoding="utf-8")
    markdown = render_markdown(data)

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    dataset, profile = outcome["dataset"], outcome["dataset"]["profile"]
    with attach_run(store, run_id) as run:
        metrics = {}
        for arm, summary in data.summaries.items():
            metrics.update({f"{arm}/{k}": v for k, v in summary.to_metrics().items()})
            stats = data.stats.get(arm, {})
            metrics.update({f"{arm}/{k}": float(stats[k]) for k in _STATS if k in stats})
        run.log_metrics(metrics)
        for context, rows in (("training", "train"), ("evaluation", "eval")):
            run.log_dataset(
                f"{profile['source']['origin']}/{rows}",
                dataset[f"{rows}_hash"],
                context=context,
                kind=config.data.source,
                origin=profile["source"]["origin"],
                revision=profile["source"]["revision"],
                profile=profile["rows"],
            )
        run.log_artifact(page, "report")
        run.log_text(markdown, "report/summary.md")
        run.log_json(profile, "data/profile.json")
        run.log_table(*_verdict_table(data), "report/verdicts.json")
        run.set_tags({"promoted": str(outcome["decision"]["promote"]).lower()})
    create_markdown_artifact(
        key=f"sql-ft-{config.name.lower().replace('_', '-').replace('.', '-')}",
        markdown=markdown,
        description=outcome["decision"]["reason"],
    )
    return str(page)


def _verdict_table(data: ReportData) -> tuple[list[str], list[list[str]]]:
    columns = ["change", "question", "gold_sql", "before", "after", "reason", "schema_group"]
    rows = [
        [
            c.change,
            c.sample.question,
            c.after.gold_sql,
            c.before.predicted_sql if c.before else "",
            c.after.predicted_sql,
            c.after.reason,
            c.after.schema_group,
        ]
        for c in data.comparisons
    ]
    return columns, rows
