"""The comparison where people look: MLflow's parent run, and artifacts in Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from sql_ft.config import RunConfig
from sql_ft.sweep.comparison import (
    COLUMNS,
    FAILED,
    ChildOutcome,
    comparison_markdown,
    comparison_rows,
)
from tasks.announce import artifact_key
from tasks.policies import BACK_OFF_S, retry_if_transient

TABLE_FILE = "sweep/children.json"
PLOT_FILE = "plots/validation_accuracy.png"
PAGE_FILE = "sweep/comparison.md"


@task(
    name="publish-comparison",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def publish_comparison(
    config: RunConfig,
    run_id: str,
    children: Sequence[dict[str, Any]],
    best: dict[str, Any] | None,
    base_accuracy: float | None,
    notes: Sequence[str],
) -> str:
    """Log table, plot and page to the sweep's MLflow run; return the page's Markdown."""
    from sql_ft.sweep.figure import draw_comparison
    from sql_ft.tracking.runs import attach_run
    from sql_ft.tracking.store import prepare_store

    outcomes = [ChildOutcome.from_dict(values) for values in children]
    chosen = ChildOutcome.from_dict(best) if best else None
    rows = comparison_rows(outcomes, chosen)
    markdown = comparison_markdown(f"Sweep {config.name}", outcomes, chosen, notes)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with attach_run(store, run_id) as run:
        run.log_table(COLUMNS, rows, TABLE_FILE)
        run.log_figure(draw_comparison(outcomes, chosen, base_accuracy), PLOT_FILE)
        run.log_text(markdown, PAGE_FILE)
        metrics = {
            "sweep/children": float(len(outcomes)),
            "sweep/failed": float(sum(o.status == FAILED for o in outcomes)),
            "sweep/kept": float(sum(o.kept for o in outcomes)),
        }
        if base_accuracy is not None:
            metrics["validation/base_execution_accuracy"] = base_accuracy
        if chosen is not None:
            metrics.update(chosen.metrics)
            run.set_tags({"sql_ft.best_child": chosen.label, "sql_ft.best_run": chosen.run_id})
        run.log_metrics(metrics)
        run.set_tags({"mlflow.note.content": markdown})
    key = f"{artifact_key(config)}-sweep"
    create_table_artifact(
        key=f"{key}-table",
        table=[dict(zip(COLUMNS, row, strict=True)) for row in rows],
        description=notes[-1] if notes else "",
    )
    create_markdown_artifact(key=key, markdown=markdown, description=notes[-1] if notes else "")
    return markdown
