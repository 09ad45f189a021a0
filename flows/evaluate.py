"""The flow: any registered version, and the base, on any questions; and the drift check.

No decision about promotion is made here, no alias moves and no error budget is spent.
"""

from __future__ import annotations

import re
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.comparison import score_and_compare
from flows.drift_check import check_drift
from flows.parameters import Overrides, run_config
from flows.repetition import begin_run
from sql_ft.config import RunConfig, override_config
from sql_ft.config_questions import AgentConfig, BenchmarkConfig, FreshConfig
from sql_ft.errors import ConfigError, TrackingError
from sql_ft.tracking.runs import start_run
from sql_ft.tracking.store import prepare_store
from tasks.agent import agent_arms, ask_agent, describe_attempts, require_databases
from tasks.announce import announce_failure
from tasks.arms import generate_answers
from tasks.benchmark import fit_prompts, freeze_benchmark
from tasks.comparison import publish_comparison
from tasks.evaluate import (
    build_evaluation_set,
    evaluation_set_key,
    fetch_adapter,
)
from tasks.sample import resolve_base, sample_dataset, sample_key
from tasks.scores import record_scores
from tasks.stage_state import is_complete

_NUMBER = re.compile(r"[vV]?([0-9]+)")


def name_run() -> str:
    """Flow-run name with what is asked and who answers, e.g. ``tiny-spider-champion``."""
    values = flow_run.parameters
    config = run_config()
    benchmark = values.get("benchmark")
    if isinstance(benchmark, dict):
        benchmark = BenchmarkConfig.model_validate(benchmark)
    asked = "evaluation-set" if benchmark is None else benchmark.layout
    asked = asked if values.get("fresh") is None else "fresh"
    return f"{config.name}-{asked}-{'-'.join(values.get('versions') or ())}"


@flow(
    name="evaluate",
    flow_run_name=name_run,
    log_prints=False,
    on_failure=[announce_failure],
    on_crashed=[announce_failure],
)
def evaluate(
    config: RunConfig = RunConfig(),
    overrides: Overrides = (),
    versions: tuple[str, ...] = ("champion",),
    benchmark: BenchmarkConfig | None = None,
    fresh: FreshConfig | None = None,
    agent: AgentConfig | None = None,
    with_base: bool = True,
) -> dict[str, Any] | State[Any]:
    """Let versions and the base answer questions, judge the answers, keep the verdicts.

    What is cached is not computed again. With `fresh` it is the champion's drift check: other
    questions each night, held against its promotion, which says so where nothing is live.

    Args:
        config: Names base, evaluation settings and registry.
        overrides: Single settings over `config`, e.g. `evaluation.workers=2`.
        versions: Numbers or aliases.
        benchmark: Published questions; without it the configuration's own evaluation set.
        fresh: Check the champion on a fresh sample instead.
        agent: The agent loop answers instead, on the benchmark's databases: one arm for each
            number of attempts, so that with and without repair stand side by side.
        with_base: The base answers too, as it is and with examples, side by side.

    Returns:
        What was found, JSON-sized: figures of every arm and pair, paths, the report.
    """
    if (ended := begin_run()) is not None:
        return ended
    logger = get_run_logger()
    config = override_config(config, overrides)
    if fresh is not None:
        if benchmark is not None or tuple(versions) != ("champion",):
            raise ConfigError(
                "a fresh sample goes with the champion alone",
                setting="fresh, benchmark, versions",
                expected="fresh without benchmark, versions: [champion]",
            )
        return check_drift(config, fresh)
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    base = resolve_base(config)
    adapters = _fetch(config, versions)
    with start_run(
        store,
        config.tracking.experiment,
        name=name_run(),
        tags={"sql_ft.action": "evaluate", "sql_ft.config_hash": config.hash},
    ) as run:
        dataset = None
        shots = with_base and agent is None and config.generation.few_shot_examples > 0
        if benchmark is None or shots:
            key = sample_key(config, base)
            dataset = sample_dataset.with_options(
                refresh_cache=not is_complete(config, "datasets", key)
            )(config, base, cache_key=key)
        if benchmark is not None:
            questions, evaluation_set = freeze_benchmark(config, benchmark)
            questions = fit_prompts(config, base, questions)
        else:
            assert dataset is not None
            key = evaluation_set_key(config, dataset)
            evaluation_set = build_evaluation_set.with_options(
                refresh_cache=not is_complete(config, "evaluation_sets", key)
            )(config, dataset, cache_key=key)
            questions = _own_questions(config, dataset)
        facts: dict[str, str] = {}
        if agent is not None:
            require_databases(questions)
            answers: dict[str, dict[str, Any]] = {}
            for arm, adapter in agent_arms(adapters, with_base=with_base):
                answers |= ask_agent(config, base, questions, agent, arm, adapter)
            facts = describe_attempts(answers)
        else:
            answers = generate_answers(
                config,
                base,
                questions,
                adapters,
                with_base=with_base,
                dataset=dataset if shots else None,
            )
        outcome = score_and_compare(
            config, run.run_id, base, questions, evaluation_set, adapters, answers
        )
        outcome["facts"] = facts
        # What the agent made of a version's answers is no score of the version.
        scored = (
            {adapter["version"]: outcome["verdicts"][arm] for arm, adapter in adapters.items()}
            if agent is None
            else {}
        )
        record_scores(config, run.run_id, questions, evaluation_set, scored)
        outcome["report"] = publish_comparison(config, run.run_id, outcome)
        logger.info("scored on set %s: %s", evaluation_set["hash"][:12], ", ".join(answers))
    return outcome


def _fetch(config: RunConfig, versions: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Arm → adapter; a version that is named twice answers once."""
    adapters: dict[str, dict[str, Any]] = {}
    known: set[str] = set()
    for reference in versions:
        number = _NUMBER.fullmatch(reference)
        adapter = fetch_adapter(config, number[1] if number else reference)
        if adapter is None:
            raise TrackingError(
                f"no version has the alias {reference!r}",
                setting="tracking.registered_model_name",
                expected="`sql-ft versions` lists them",
            )
        if adapter["version"] not in known:
            known.add(adapter["version"])
            adapters[f"v{number[1]}" if number else reference] = adapter
    return adapters


def _own_questions(config: RunConfig, dataset: dict[str, Any]) -> dict[str, Any]:
    """The configuration's evaluation rows, described as published questions are."""
    source = dataset["profile"]["source"]
    return {
        "eval_path": dataset["eval_path"],
        "eval_hash": dataset["eval_hash"],
        "label": f"{source['origin']}/eval",
        "benchmark": "",
        "layout": "",
        "kind": config.data.source,
        "origin": source["origin"],
        "revision": source["revision"],
        "n": dataset["profile"]["rows"]["eval"],
    }


def run_evaluate(
    config: RunConfig,
    versions: list[str],
    *,
    benchmark: BenchmarkConfig | None = None,
    agent: AgentConfig | None = None,
    with_base: bool = True,
) -> dict[str, Any]:
    """Run the flow in this process and return its outcome."""
    outcome = evaluate(
        config, versions=tuple(versions), benchmark=benchmark, agent=agent, with_base=with_base
    )
    assert isinstance(outcome, dict)
    return outcome
