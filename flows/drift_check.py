"""The drift check of the flow `evaluate`: the champion and its base on a fresh sample.

It reads the registry, the manifest and the frozen questions, and writes figures: no alias
moves, no look is spent, no side is pinned.
"""

from __future__ import annotations

from typing import Any

from prefect import State
from prefect.states import Completed

from flows.comparison import score_and_compare
from sql_ft.config import RunConfig
from sql_ft.config_questions import FreshConfig
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from tasks.arms import generate_answers
from tasks.comparison import publish_comparison
from tasks.drift import (
    announce_drift,
    drift_figures,
    drift_rows,
    find_drift,
    record_drift,
    sample_fresh,
    tell,
    today,
)
from tasks.evaluate import (
    CHAMPION,
    build_evaluation_set,
    evaluation_set_key,
    fetch_adapter,
    with_base,
)
from tasks.sample import resolve_base
from tasks.stage_state import is_complete


def check_drift(config: RunConfig, fresh: FreshConfig) -> dict[str, Any] | State[Any]:
    """Ask the champion and its base what nobody asked before; compare with the promotion.

    Args:
        config: Names data, base, evaluation settings and registry.
        fresh: How much to draw, and how sure to be.

    Returns:
        What was found, JSON-sized; a completed state that says why where there is nothing to
        check: no champion, or too few fresh questions.
    """
    champion = fetch_adapter(config, CHAMPION)
    name = config.tracking.registered_model_name
    if champion is None:
        return _nothing(config, f"{name} has no champion yet: nothing to check")
    base = resolve_base(config)
    if champion["base_label"] != base["label"]:
        config = with_base(config, base, champion["base_label"])
        base = resolve_base(config)
    day = today()
    questions = sample_fresh(config, fresh, day)
    if questions["n"] < fresh.min_rows:
        return _nothing(
            config,
            f"{questions['n']} questions are left that neither training nor promotion has seen, "
            f"{fresh.min_rows} are needed: nothing was asked",
        )
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with start_run(
        store,
        config.tracking.experiment,
        name=f"champion v{champion['version']} on {day}",
        tags={"sql_ft.action": "drift-check", "sql_ft.config_hash": config.hash},
    ) as run:
        key = evaluation_set_key(config, questions)
        evaluation_set = build_evaluation_set.with_options(
            refresh_cache=not is_complete(config, "evaluation_sets", key)
        )(config, questions, cache_key=key)
        answers = generate_answers(
            config, base, questions, {CHAMPION: champion}, with_base=True, dataset=None
        )
        outcome = score_and_compare(
            config,
            run.run_id,
            base,
            questions,
            evaluation_set,
            {CHAMPION: champion},
            answers,
        )
        outcome["drift"] = find_drift(config, fresh, champion, outcome["verdicts"])
        facts = drift_rows(outcome) if outcome["drift"] is not None else []
        outcome["facts"] = dict(facts)
        outcome["report"] = publish_comparison(config, run.run_id, outcome)
        record_drift(config, champion, drift_figures(outcome), day)
    if outcome["drift"] is None:
        tell(
            config,
            f"champion v{champion['version']} has no verdicts of its promotion: its accuracy on "
            f"fresh questions is recorded, and there is nothing to hold it against",
            [("MLflow run", run.run_id)],
        )
    else:
        announce_drift(config, outcome)
    return outcome


def _nothing(config: RunConfig, message: str) -> State[Any]:
    tell(config, message, [])
    return Completed(message=message)
