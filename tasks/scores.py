"""Keep the verdicts of registered versions where `sql-ft diff` finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task

from sql_ft.config import RunConfig
from sql_ft.records import Sample, Verdict, read_jsonl
from tasks.policies import BACK_OFF_S, retry_if_transient


@task(
    name="record-scores",
    retries=3,
    retry_delay_seconds=BACK_OFF_S,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=600,
)
def record_scores(
    config: RunConfig,
    run_id: str,
    dataset: dict[str, Any],
    evaluation_set: dict[str, Any],
    scored: dict[str, str],
) -> None:
    """Log one verdict table a version (number → path of its verdicts) and note it there."""
    from sql_ft.evaluation.rules import evaluator_hash
    from sql_ft.tracking.scores import record_scores as record
    from sql_ft.tracking.store import prepare_store

    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    samples = read_jsonl(Path(dataset["eval_path"]), Sample)
    questions = {sample.id: sample.question for sample in samples}
    for version, path in scored.items():
        record(
            store,
            config.tracking.registered_model_name,
            version,
            read_jsonl(Path(path), Verdict),
            questions,
            evaluation_set_hash=evaluation_set["hash"],
            evaluator_hash=evaluator_hash(config.evaluation),
            run_id=run_id,
            benchmark=dataset.get("benchmark", ""),
        )
