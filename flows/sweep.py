"""The flow: grid → children → validation → the best one → the gate.

Children are compared on questions cut from the training side. The promotion questions are asked
once, by the best child alone: asking them once a child would spend the error budget of as many
looks, and the best of many looks good on the questions that chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import State, flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.approval import check_approval_possible
from flows.finetune import judge_candidate
from flows.parameters import Overrides, run_config
from flows.repetition import begin_run
from flows.sweep_runner import make_runner, map_in_window, reachable_server
from sql_ft.config import RunConfig, override_config
from sql_ft.errors import EvaluationError
from sql_ft.records import Verdict, read_jsonl
from sql_ft.stage_cache import stage_key
from sql_ft.sweep.comparison import DONE, ChildOutcome, all_failed, choose_best
from sql_ft.sweep.grid import Child, describe_grid, expand_grid, grid_size
from sql_ft.tracking.fitting import flatten_params
from sql_ft.tracking.run_files import MODEL_PARAM
from sql_ft.tracking.runs import attach_run, start_run
from sql_ft.tracking.store import prepare_store
from tasks.announce import announce_decision, announce_failure
from tasks.evaluate import BASE, build_evaluation_set, evaluation_set_key, score_predictions
from tasks.prune import prune_after_run
from tasks.register import register_adapter
from tasks.report import publish_report
from tasks.sample import resolve_base, sample_dataset, sample_key
from tasks.stage_state import is_complete
from tasks.stage_times import StageClock
from tasks.sweep import (
    allow_children,
    answer_validation,
    failed_child,
    run_child,
    stop_children,
    validation_view,
)
from tasks.sweep_report import publish_comparison
from tasks.unchanged import inputs_key


def name_sweep() -> str:
    """Flow-run name with dataset and size of the grid, e.g. ``sweep-tiny-bundled-8``."""
    config = run_config()
    return f"sweep-{config.name}-{config.data.source}-{grid_size(config)}"


@flow(
    name="sweep",
    flow_run_name=name_sweep,
    log_prints=False,
    on_failure=[announce_failure],
    on_crashed=[announce_failure],
)
def sweep(
    config: RunConfig = RunConfig(), overrides: Overrides = ()
) -> dict[str, Any] | State[Any]:
    """Train an adapter for every combination of `sweep.*`; let the gate judge the best one.

    Args:
        config: Everything a run needs, and the grid; see `sql_ft.config`.
        overrides: Single settings over `config`, e.g. `sweep.lora_r=[8,16]`.

    Returns:
        ``children`` (`ChildOutcome`, in the grid's order), ``best``, ``table`` (Markdown),
        ``run_id``, and ``outcome`` (as `finetune` returns it; None if the best was not handed
        to the gate).
    """
    if (ended := begin_run()) is not None:
        return ended
    logger = get_run_logger()
    config = override_config(config, overrides)
    children = expand_grid(config)
    plan = describe_grid(config, children)
    logger.info("sweep of %s", plan)
    check_approval_possible(config)
    make_runner(config.sweep)  # a missing extra is told before anything starts
    store = prepare_store(config.resolved_tracking_uri, config.state_path)
    with (
        reachable_server(config.sweep),
        start_run(
            store,
            config.tracking.experiment,
            name=name_sweep(),
            key=_sweep_key(config),
            params={
                **flatten_params(config.model_dump(mode="json", include={"name", "sweep"})),
                MODEL_PARAM: config.tracking.registered_model_name,
            },
            tags={
                "sql_ft.action": "sweep",
                "sql_ft.config_hash": config.hash,
                "prefect.flow_run_id": str(flow_run.id or ""),
            },
            description=plan,
        ) as run,
    ):
        base = resolve_base(config)
        datasets = _draw_rows(config, base, children)
        validation = validation_view(datasets[children[0].train_rows])
        validation_set = _freeze(config, validation)
        answers = answer_validation(config, base, validation, None)
        base_verdicts = score_predictions(config, validation_set, answers)[BASE]
        outcomes = _run_children(
            config, children, run.run_id, base, datasets, validation_set, base_verdicts
        )
        scored = any(o.status == DONE for o in outcomes)
        best = choose_best(outcomes) if scored else None
        notes = [plan, _verdict(best, outcomes, validation_set)]
        logger.info("%s", notes[-1])
        table = publish_comparison(
            config,
            run.run_id,
            [o.to_dict() for o in outcomes],
            best.to_dict() if best else None,
            _accuracy(base_verdicts),
            notes,
        )
        if best is None:
            raise all_failed(outcomes)
        outcome = None
        if config.sweep.hand_to_gate:
            child = children[best.number - 1]
            outcome = _hand_to_gate(child.config, best, base, datasets[child.train_rows])
            decision = outcome["decision"]
            with attach_run(store, run.run_id) as parent:
                parent.set_tags(
                    {
                        "promoted": str(decision["promote"]).lower(),
                        "sql_ft.best_version": outcome["version"]["version"],
                        "sql_ft.decision": decision["reason"],
                    }
                )
    prune_after_run(config)
    return {
        "run_id": run.run_id,
        "children": [o.to_dict() for o in outcomes],
        "best": best.to_dict(),
        "table": table,
        "outcome": outcome,
    }


def _sweep_key(config: RunConfig) -> str:
    """What the sweep computes; where and how many at once changes nothing."""
    grid = config.sweep.model_dump(
        mode="json", exclude={"runner", "runner_address", "max_parallel", "max_children"}
    )
    return stage_key(sweep=grid, inputs=inputs_key(config) or config.hash)


def _draw_rows(
    config: RunConfig, base: dict[str, Any], children: Sequence[Child]
) -> dict[int, dict[str, Any]]:
    """Training rows → dataset; the validation questions are the same in all of them."""
    datasets: dict[int, dict[str, Any]] = {}
    for child in children:
        if child.train_rows not in datasets:
            key = sample_key(child.config, base, hold_out=True)
            datasets[child.train_rows] = sample_dataset.with_options(
                refresh_cache=not is_complete(child.config, "datasets", key)
            )(child.config, base, cache_key=key, hold_out=True)
    hashes = {rows: dataset["validation_hash"] for rows, dataset in datasets.items()}
    if len(set(hashes.values())) > 1:
        raise EvaluationError(
            f"the validation questions differ between numbers of training rows: {hashes}",
            expected="data that does not change while the sweep reads it; run it again",
        )
    return datasets


def _freeze(config: RunConfig, dataset: dict[str, Any]) -> dict[str, Any]:
    key = evaluation_set_key(config, dataset)
    return build_evaluation_set.with_options(
        refresh_cache=not is_complete(config, "evaluation_sets", key)
    )(config, dataset, cache_key=key)


def _run_children(
    config: RunConfig,
    children: Sequence[Child],
    run_id: str,
    base: dict[str, Any],
    datasets: dict[int, dict[str, Any]],
    validation_set: dict[str, Any],
    base_verdicts: str,
) -> list[ChildOutcome]:
    """All children, in the grid's order."""
    logger = get_run_logger()
    allow_children()

    def arguments(child: Child) -> dict[str, Any]:
        return {
            "child": child,
            "label": child.label,
            "parent_run_id": run_id,
            "base": base,
            "dataset": datasets[child.train_rows],
            "validation_set": validation_set,
            "base_verdicts": base_verdicts,
        }

    outcomes: dict[int, ChildOutcome] = {}

    def keep(outcome: ChildOutcome) -> None:
        outcomes[outcome.number] = outcome
        figure = outcome.reason if outcome.accuracy is None else f"{outcome.accuracy:.3f}"
        logger.info("%d of %d: %s: %s", len(outcomes), len(children), outcome.label, figure)

    if config.sweep.runner == "thread" and config.sweep.max_parallel == 1:
        # In this thread: an interrupt unwinds through the training that it stops.
        for child in children:
            keep(ChildOutcome.from_dict(run_child(**arguments(child))))
    else:
        with make_runner(config.sweep) as runner:
            try:
                ended = map_in_window(
                    runner, run_child, children, arguments, config.sweep.max_parallel
                )
                for child, result in ended:
                    if isinstance(result, BaseException):
                        keep(failed_child(child, result))
                    else:
                        keep(ChildOutcome.from_dict(result))
            except BaseException:
                stop_children()
                raise
    return [outcomes[child.number] for child in children]


def _hand_to_gate(
    config: RunConfig, best: ChildOutcome, base: dict[str, Any], dataset: dict[str, Any]
) -> dict[str, Any]:
    """Register the best child and decide on it, as `finetune` does with its only one."""
    clock = StageClock()
    evaluation_set = _freeze(config, dataset)
    clock.lap("build evaluation set")
    version = register_adapter(config, best.run_id, base, dataset, evaluation_set, best.adapter)
    clock.lap("register")
    outcome = judge_candidate(config, best.run_id, base, dataset, evaluation_set, version, clock)
    outcome.update(
        run_id=best.run_id, base=base, dataset=dataset, adapter=best.adapter, version=version
    )
    announce_decision(config, outcome)
    outcome["stage_times_s"] = clock.times_s
    outcome["report"] = publish_report(config, best.run_id, outcome)
    return outcome


def _verdict(
    best: ChildOutcome | None, outcomes: Sequence[ChildOutcome], validation_set: dict[str, Any]
) -> str:
    failed = sum(o.status != DONE for o in outcomes)
    if best is None:
        return f"all {len(outcomes)} children failed"
    text = (
        f"best of {len(outcomes) - failed}: {best.label}, execution accuracy {best.accuracy:.3f} "
        f"on {validation_set['n_scored']} validation questions"
    )
    return f"{text}; {failed} failed" if failed else text


def _accuracy(verdicts_path: str) -> float | None:
    from sql_ft.evaluation.metrics import summarize

    return summarize(read_jsonl(Path(verdicts_path), Verdict)).execution_accuracy.rate


def run_sweep(config: RunConfig) -> dict[str, Any]:
    """Run the flow in this process and return what it found."""
    found = sweep(config)
    assert isinstance(found, dict)  # only a repeated run returns how it ended before
    return found
