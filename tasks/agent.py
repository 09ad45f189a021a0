"""The agent loop as arms: one for each number of attempts, scored like any other answer."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from sql_ft.config import RunConfig
from sql_ft.config_questions import AgentConfig
from sql_ft.errors import ConfigError
from sql_ft.records import Prediction, Sample, read_jsonl
from sql_ft.stage_cache import code_digest, open_stage, stage_key
from tasks.evaluate import BASE
from tasks.policies import GPU_TAGS, retry_if_transient
from tasks.progress import report_progress


def require_databases(questions: dict[str, Any]) -> None:
    """Refuse questions that bring no database files for the agent to run on.

    Raises:
        ConfigError: The layout has none.
    """
    if not questions.get("databases_root"):
        raise ConfigError(
            f"{questions['label']} brings no databases as files",
            setting="agent, benchmark.layout",
            expected="layout spider or bird, whose SQLite files the agent runs on",
        )


@task(
    name="ask-agent",
    tags=GPU_TAGS,
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=retry_if_transient,
    timeout_seconds=12 * 3600,
    task_run_name="ask-agent-{arm}",
)
def ask_agent(
    config: RunConfig,
    base: dict[str, Any],
    questions: dict[str, Any],
    agent: AgentConfig,
    arm: str,
    adapter: dict[str, Any] | None,
) -> dict[str, dict[str, Any]]:
    """Let the agent answer every question on its live database.

    Args:
        config: Names base and registry.
        base: The configuration's base model.
        questions: From `fit_prompts`.
        agent: How hard it tries.
        arm: Name of what answers.
        adapter: Its version; None: the base.

    Returns:
        ``<arm>_1``, ``<arm>_2``, …: the answers with at most so many attempts, as
        `generate_answers` describes them; ``stats`` hold their latency.
    """
    from sql_ft.data.layouts import database_files
    from sql_ft.generation.prediction_cache import write_predictions
    from sql_ft.serving.live_database import open_database
    from sql_ft.serving.predictor import Predictor
    from sql_ft.serving.steps import AgentOptions
    from sql_ft.serving.trial import run_trials

    shown = read_jsonl(Path(questions["prompts_path"]), Sample)
    options = AgentOptions(**agent.model_dump())
    key = stage_key(
        prompts=[[s.id, s.question, s.context] for s in shown],
        base=base,
        adapter=adapter["adapter_hash"] if adapter else None,
        generation=config.generation.model_dump(mode="json"),
        agent=agent.model_dump(mode="json"),
        code=code_digest("serving", "generation", "base_model", "data/chat"),
    )
    with open_stage(config.state_path, "agent", key) as stage:
        if stage.result is None:
            predictor = (
                Predictor.from_version(adapter["version"], config)
                if adapter
                else Predictor.from_base(config)
            )
            files = database_files(Path(questions["databases_root"]))
            with report_progress(f"asking {arm}", "questions") as progress:
                trials = run_trials(
                    predictor,
                    shown,
                    lambda name: open_database(files[name]),
                    options,
                    progress,
                    file=stage.path / "trials.jsonl",
                )
            stage.complete({"trials": [trial.to_dict() for trial in trials]})
        answers = {}
        trials_kept = (stage.result or {})["trials"]
        for most in range(1, agent.attempts + 1):
            name = f"{arm}_{most}"
            seconds = sorted(trial["durations_s"][most - 1] for trial in trials_kept)
            stats = {
                "wall_time_s": sum(seconds),
                "latency_mean_s": statistics.fmean(seconds),
                "latency_median_s": statistics.median(seconds),
                "latency_p95_s": seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
                "used_all_attempts": float(sum(t["attempts"] >= most for t in trials_kept)),
            }
            path = stage.path / f"{name}.jsonl"
            write_predictions(
                path, [_prediction(trial, most, name) for trial in trials_kept], stats
            )
            answers[name] = {"path": str(path), "stats": stats, "cached": False}
    get_run_logger().info("%s: %s", arm, json.dumps(describe_attempts(answers)))
    return answers


def describe_attempts(answers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Arm → what it cost, for a reader."""
    return {
        f"{name}: time per question": (
            f"mean {a['stats']['latency_mean_s']:.2f} s, median "
            f"{a['stats']['latency_median_s']:.2f} s, 95% below {a['stats']['latency_p95_s']:.2f} s"
        )
        for name, a in answers.items()
    }


def agent_arms(
    adapters: dict[str, dict[str, Any]], *, with_base: bool
) -> list[tuple[str, dict[str, Any] | None]]:
    """Name and adapter of what the agent asks, the base first."""
    arms: list[tuple[str, dict[str, Any] | None]] = [(BASE, None)] if with_base else []
    return [*arms, *adapters.items()]


def _prediction(trial: dict[str, Any], most: int, arm: str) -> Prediction:
    return Prediction(
        sample_id=trial["sample_id"],
        arm=arm,
        completion="",
        predicted_sql=trial["sqls"][most - 1],
        strict_format=False,
        prompt_tokens=-1,
        completion_tokens=-1,
        finish_reason="",
    )
