"""The champion on a fresh sample: drawn, held against its promotion, told to whoever listens."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from prefect import runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.config_questions import FreshConfig
from sql_ft.records import Outcome, Verdict, read_jsonl, write_jsonl
from sql_ft.stage_cache import open_stage, stage_key
from tasks.announce import artifact_key, model_resource
from tasks.evaluate import BASE, CHAMPION
from tasks.policies import BACK_OFF_S, retry_if_transient

DRIFTED, STEADY = "sql_ft.champion.drifted", "sql_ft.champion.steady"


def today() -> datetime.date:
    """The day, UTC: seed of the draw and step of the metrics."""
    return datetime.datetime.now(datetime.UTC).date()


@task(
    name="sample-fresh",
    retries=2,
    retry_delay_seconds=BACK_OFF_S[:2],
    retry_condition_fn=retry_if_transient,
    timeout_seconds=3600,
)
def sample_fresh(config: RunConfig, fresh: FreshConfig, day: datetime.date) -> dict[str, Any]:
    """Draw questions that neither training nor promotion has seen, by the day's seed."""
    from sql_ft.base_model import load_tokenizer
    from sql_ft.data.fresh_sample import draw_fresh

    seed = fresh.seed if fresh.seed is not None else int(f"{day:%Y%m%d}")
    draw = draw_fresh(config, load_tokenizer(config.model), rows=fresh.rows, seed=seed)
    key = stage_key(source=draw.source.digest, samples=[sample.id for sample in draw.samples])
    with open_stage(config.state_path, "fresh", key) as stage:
        eval_hash = write_jsonl(stage.path / "eval.jsonl", draw.samples)
    groups = len({sample.schema_group for sample in draw.samples})
    get_run_logger().info(
        "%d fresh questions over %d schemas (%d of them never asked), seed %d, out of %d; %d rows "
        "of the evaluation side were asked before",
        *(len(draw.samples), groups, draw.new_groups, seed, draw.pool, draw.asked_before),
    )
    return {
        "eval_path": str(stage.path / "eval.jsonl"),
        "eval_hash": eval_hash,
        "label": f"{draw.source.origin}/fresh-{seed}",
        "benchmark": "",
        "layout": "",
        "kind": config.data.source,
        "origin": draw.source.origin,
        "revision": draw.source.revision,
        "n": len(draw.samples),
        "pool": draw.pool,
    }


@task(
    name="find-drift",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def find_drift(
    config: RunConfig,
    fresh: FreshConfig,
    champion: dict[str, Any],
    verdicts: dict[str, str],
) -> dict[str, Any] | None:
    """Hold tonight's verdicts against the promotion's.

    Returns:
        See `sql_ft.evaluation.drift.Drift`, with ``evaluator_changed``; None if nothing is
        known of the promotion, or nothing could be scored tonight.
    """
    from sql_ft.evaluation.arm_pairs import pair_arms
    from sql_ft.evaluation.drift import find_drift as hold_against
    from sql_ft.evaluation.rules import evaluator_hash
    from sql_ft.tracking.promotion_score import promotion_score
    from sql_ft.tracking.store import prepare_store
    from sql_ft.tracking.versions import get_version

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    name = config.tracking.registered_model_name
    rules = evaluator_hash(config.evaluation)
    promotion = promotion_score(store, get_version(store, name, champion["version"]), rules)
    scored = {
        arm: [v for v in read_jsonl(Path(path), Verdict) if v.outcome != Outcome.EXCLUDED]
        for arm, path in verdicts.items()
    }
    if promotion is None or not promotion.answered or not scored[CHAMPION]:
        return None
    pairs = pair_arms({arm: read_jsonl(Path(p), Verdict) for arm, p in verdicts.items()})
    found = hold_against(
        promotion.answered,
        [(v.correct, v.schema_group) for v in scored[CHAMPION]],
        version=champion["version"],
        confidence=fresh.confidence,
        base_before=promotion.base,
        base_fresh=(sum(v.correct for v in scored[BASE]), len(scored[BASE])),
        gain=next((p for p in pairs if (p.reference, p.arm) == (BASE, CHAMPION)), None),
    )
    return {**found.to_dict(), "evaluator_changed": promotion.score.evaluator_hash != rules}


@task(
    name="record-drift",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def record_drift(
    config: RunConfig, champion: dict[str, Any], figures: dict[str, float], day: datetime.date
) -> None:
    """Log tonight's figures to the run that made the version, as a series by date."""
    from sql_ft.tracking.runs import attach_run
    from sql_ft.tracking.store import prepare_store

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    attach_run(store, champion["run_id"]).log_metrics(
        {f"fresh/{key}": value for key, value in figures.items()}, step=int(f"{day:%Y%m%d}")
    )


def drift_figures(outcome: dict[str, Any]) -> dict[str, float]:
    """Tonight's figures by metric name."""
    summaries, drift = outcome["compared"]["summaries"], outcome["drift"]
    figures: dict[str, float] = {}
    for arm, summary in summaries.items():
        if summary["execution_accuracy"]["rate"] is not None:
            figures[f"{arm}/execution_accuracy"] = summary["execution_accuracy"]["rate"]
        figures[f"{arm}/n_scored"] = float(summary["n_scored"])
    if drift is not None:
        change = drift["change"]
        figures |= {
            "since_promotion/difference": change["after"] - change["before"],
            "since_promotion/low": change["low"],
            "since_promotion/high": change["high"],
            "since_promotion/drifted": float(drift["drifted"]),
        }
    return figures


def announce_drift(config: RunConfig, outcome: dict[str, Any]) -> None:
    """Emit `sql_ft.champion.drifted` or `.steady`, and write the page that Prefect shows."""
    drift, champion = outcome["drift"], outcome["adapters"][CHAMPION]
    change = drift["change"]
    related = {
        "prefect.resource.id": f"prefect.flow-run.{runtime.flow_run.id}",
        "prefect.resource.role": "flow-run",
    }
    emit_event(
        DRIFTED if drift["drifted"] else STEADY,
        resource=model_resource(config),
        related=[related] if runtime.flow_run.id else [],
        payload={
            "reason": drift["text"],
            "version": champion["version"],
            "execution_accuracy": change["after"],
            "at_promotion": change["before"],
            "low": change["low"],
            "high": change["high"],
            "mlflow_run_id": outcome["run_id"],
            "config": config.name,
        },
    )
    tell(config, drift["text"], drift_rows(outcome))


def drift_rows(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and text of what the check compared."""
    drift = outcome["drift"]
    change, base, gain = drift["change"], drift["base"], drift["gain"]
    rows = [
        ("champion at its promotion", f"{change['before']:.3f} of {change['n_before']}"),
        ("champion on fresh questions", f"{change['after']:.3f} of {change['n_after']}"),
        (
            f"change, {change['confidence']:.0%} interval",
            f"{change['after'] - change['before']:+.3f} "
            f"[{change['low']:+.3f}, {change['high']:+.3f}], {change['n_clusters']} schemas",
        ),
    ]
    if base is not None:
        rows.append(
            (
                "base: at the promotion, now",
                f"{base['before']:.3f} of {base['n_before']}, {base['after']:.3f} of "
                f"{base['n_after']} [{base['low']:+.3f}, {base['high']:+.3f}]",
            )
        )
    if gain is not None:
        found = gain["difference"]
        rows.append(
            (
                "champion minus base now, paired",
                f"{found['difference']:+.3f} ({found['gains']} gained, {found['losses']} lost), "
                f"p = {gain['p_value']:.2g}",
            )
        )
    if drift["evaluator_changed"]:
        rows.append(("note", "the promotion was judged by an earlier evaluator or other limits"))
    asked = outcome["questions"]
    rows += [
        ("questions", f"{asked['label']}: {asked['n']} of {asked['pool']} that were never asked"),
        ("MLflow run", outcome["run_id"]),
    ]
    return rows


def tell(config: RunConfig, message: str, rows: list[tuple[str, str]]) -> None:
    """Log the message and write it to the artifact that Prefect shows."""
    get_run_logger().info("%s", message)
    table = "\n".join(f"| {label} | {text} |" for label, text in rows)
    head = "\n\n| | |\n|---|---|\n" if rows else ""
    create_markdown_artifact(
        key=f"{artifact_key(config)}-champion",
        markdown=f"# {config.tracking.registered_model_name}\n\n**{message}**{head}{table}\n",
        description=message,
    )
